package text

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

func addrOf(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24+n)
	return netip.AddrFrom4(b)
}

var countedLine = regexp.MustCompile(`([\d,]+) (\S+) \(`)

// shown counts the ports of a text output in all states and in one: a line each, or in a count.
func shown(text, state string) (all, in int) {
	for line := range strings.Lines(text) {
		if strings.Contains(line, "/tcp ") {
			all++
			in += strings.Count(line, " "+state+" ")
			continue
		}
		for _, match := range countedLine.FindAllStringSubmatch(line, -1) {
			count, _ := strconv.Atoi(strings.ReplaceAll(match[1], ",", ""))
			all += count
			if match[2] == state {
				in += count
			}
		}
	}
	return all, in
}

// A port that is told of once more, in the place of what was said before, is shown once, as the latter;
// however many there are.
func TestSupersededPortsAreShownOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	for range 60 {
		hosts, ports := 1+r.IntN(400), 1+r.IntN(60)
		var b strings.Builder
		sink := New(sink.NewLineWriter(&b, "buffer"), sink.Options{Hosts: r.IntN(2)})
		want, refused := 0, 0
		for host := range hosts {
			for port := range ports {
				p := record.Port{Addr: addrOf(uint32(host)), Port: uint16(1000 + port), State: probe.StateFiltered, Reason: "admin-prohibited"}
				want++
				for {
					sink.Record(&p)
					if p.State == probe.StateOpen || r.IntN(2) == 0 {
						break
					}
					p.Before = record.Some(p.State)
					p.State, p.Reason = []probe.State{probe.StateRefused, probe.StateOpen}[r.IntN(2)], probe.ReasonReset
				}
				if p.State == probe.StateRefused {
					refused++
				}
			}
		}
		sink.Close()
		text := b.String()
		if all, in := shown(text, "refused"); all != want || in != refused {
			t.Fatalf("%d hosts of %d ports: %d shown, %d refused, want %d, in\n%s", hosts, ports, all, in, refused, text)
		}
	}
}

// However the verdicts are spread, each port is shown once, in a line of its
// own or in a count.
func TestNoPortIsLostInFolding(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	reasons := []probe.Reason{probe.ReasonReset, probe.ReasonNoResponse, "admin-prohibited"}
	for range 60 {
		hosts, ports := 1+r.IntN(400), 1+r.IntN(2000)
		var b strings.Builder
		sink := New(sink.NewLineWriter(&b, "buffer"), sink.Options{Hosts: r.IntN(2)})
		for range ports {
			sink.Record(&record.Port{
				Addr: addrOf(uint32(r.IntN(hosts))), Port: uint16(r.Uint32()),
				State: probe.State(r.IntN(6)), Reason: reasons[r.IntN(len(reasons))],
			})
		}
		sink.Close()
		if got, _ := shown(b.String(), ""); got != ports {
			t.Fatalf("%d hosts, %d ports: %d shown in\n%s", hosts, ports, got, &b)
		}
	}
}

// A sweep of many hosts neither fills the screen nor the memory.
func TestManyHostsAreToldOfTogether(t *testing.T) {
	var b strings.Builder
	sink := New(sink.NewLineWriter(&b, "buffer"), sink.Options{}).(*textSink)
	const hosts = maxHosts + 1000
	for n := range uint32(hosts) {
		p := &record.Port{Addr: addrOf(n), Port: 80, State: probe.StateFiltered, Reason: probe.ReasonNoResponse}
		if n%2 == 0 {
			p.State, p.Reason = probe.StateRefused, probe.ReasonReset
		}
		sink.Record(p)
	}
	if len(sink.folds.hosts) != maxHosts {
		t.Errorf("%d hosts are remembered", len(sink.folds.hosts))
	}
	for _, h := range sink.folds.hosts {
		for _, g := range h.groups {
			if g.held != nil {
				t.Fatal("single ports are remembered")
			}
		}
	}
	sink.Close()
	const want = "32,768 hosts: 32,768 refused (reset)\n" +
		"32,768 hosts gave no answer: 32,768 filtered (no-response)\n" +
		"other hosts: 500 refused (reset), 500 filtered (no-response)\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

func TestFewAreListedManyAreCounted(t *testing.T) {
	for n, lines := range map[int]int{1: 1, few: few, few + 1: 0, 2*few + 1: 0} {
		f := newFolds()
		for _, v := range refused("192.0.2.7", 1, n) {
			f.add(record.NewPort("", &v))
		}
		listed, folded := f.hosts[0].parted()
		if len(listed) != lines || (lines == 0) != (len(folded) == 1) {
			t.Errorf("%d ports: %d listed, %d groups folded", n, len(listed), len(folded))
		}
	}
}

func TestFindingsOfFoldedPortsAreCounted(t *testing.T) {
	var b strings.Builder
	sink := New(sink.NewLineWriter(&b, "buffer"), sink.Options{Hosts: 1})
	for i, v := range refused("192.0.2.7", 1, 100) {
		v.Responder = netip.MustParseAddr("198.51.100.1")
		if i%4 == 0 {
			v.Findings = []probe.Finding{{Code: "forged-reset", Severity: probe.SeverityWarning, Text: "not the host's own"}}
		}
		if i == 99 {
			v.Responder = netip.MustParseAddr("198.51.100.2")
		}
		sink.Record(record.NewPort("", &v))
	}
	sink.Close()
	const want = "192.0.2.7\n100 refused (reset from 198.51.100.1 and others)\n" +
		"  warning forged-reset: not the host's own (25 ports)\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", &b, want)
	}
}

// refused is n ports of a host that refuse, from first on.
func refused(host string, first, n int) []probe.Verdict {
	all := make([]probe.Verdict, n)
	for i := range all {
		target := netip.AddrPortFrom(netip.MustParseAddr(host), uint16(first+i))
		all[i] = probe.Verdict{Target: target, State: probe.StateRefused, Reason: probe.ReasonReset, Attempts: 1}
	}
	return all
}

// Groups and findings of any number are counted as a plain map counts them, in the order
// in which they came.
func TestManyKindsAreCounted(t *testing.T) {
	type kind struct {
		state  probe.State
		reason probe.Reason
	}
	rng := rand.New(rand.NewPCG(7, 7))
	h, ports, codes := &hostFold{}, map[kind]uint64{}, map[string]uint64{}
	var order []kind
	for range 20_000 {
		k := kind{probe.State(1 + rng.IntN(3)), probe.Reason("r" + strconv.Itoa(rng.IntN(400)))}
		code := "c" + strconv.Itoa(rng.IntN(300))
		h.add(&record.Port{State: k.state, Reason: k.reason, Findings: []probe.Finding{{Code: code}}})
		if ports[k]++; ports[k] == 1 {
			order = append(order, k)
		}
		codes[string(k.reason)+k.state.String()+code]++
	}
	all := merged([]*hostFold{h, {}})
	if len(h.groups) != len(order) || len(all.groups) != len(order) {
		t.Fatalf("%d and %d groups of %d", len(h.groups), len(all.groups), len(order))
	}
	for i, k := range order {
		g := all.groups[i]
		if g.state != k.state || g.reason != k.reason || g.n != ports[k] {
			t.Fatalf("group %d is %v %v with %d ports, want %v with %d", i, g.state, g.reason, g.n, k, ports[k])
		}
		for _, f := range g.findings {
			if want := codes[string(k.reason)+k.state.String()+f.Code]; f.n != want {
				t.Fatalf("%v %s: %d, want %d", k, f.Code, f.n, want)
			}
			delete(codes, string(k.reason)+k.state.String()+f.Code)
		}
	}
	if len(codes) > 0 {
		t.Errorf("%d kinds of finding are missing", len(codes))
	}
}

// A line tells of the most frequent kinds and says how many others there are.
func TestManyKindsAreFolded(t *testing.T) {
	var b strings.Builder
	s := New(sink.NewLineWriter(&b, "buffer"), sink.Options{})
	for i := range 1000 {
		for range 1 + i/999*8 {
			s.Record(&record.Port{Addr: addrOf(uint32(i)), Port: 80, State: probe.StateRefused, Reason: probe.Reason("r" + strconv.Itoa(i)),
				Findings: []probe.Finding{{Code: "c" + strconv.Itoa(i), Text: "x"}}})
		}
	}
	s.Close()
	text := b.String()
	for _, want := range []string{"1,000 hosts: 9 refused (r999), ", "950 in 950 other ways", "and 950 other findings: -o json has them all"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %.400s", want, text)
		}
	}
	if lines := strings.Count(text, "\n"); lines > maxKinds+5 {
		t.Errorf("%d lines", lines)
	}
}
