package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
)

// These tests wait for networks, not for processors: many run side by side.
func TestMain(m *testing.M) {
	if os.Getenv(powerless) != "" {
		os.Exit(runPowerless())
	}
	if len(os.Args) == 2 && (os.Args[1] == shellWord || os.Args[1] == keeperWord) {
		os.Exit(Main(context.Background(), os.Args, OSStreams()))
	}
	if filepath.Base(os.Args[0]) == "synscope" { // scripts and documents run it under this name
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		code := Main(ctx, os.Args, OSStreams())
		stop()
		os.Exit(code)
	}
	flag.Set("test.parallel", "24")
	code := lab.Main(m)
	os.RemoveAll(builtHere)
	os.Exit(code)
}

// standard is the lab that the tests of this package share; it goes with the
// process.
var standard = sync.OnceValues(func() (*lab.Lab, error) { return lab.New(lab.Standard(1, nil)) })

func standardLab(t *testing.T) *lab.Lab {
	t.Helper()
	return lab.Shared(t, standard)
}

// ran is how a command line ended.
type ran struct {
	code     int
	out, err string
}

// command runs a command line as a script would.
func command(ctx context.Context, l *lab.Lab, args ...string) ran {
	var out, errs bytes.Buffer
	s := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: bareEnv}
	if l != nil {
		s.Resolver = labNames{l}
	}
	code := Main(ctx, append([]string{"synscope"}, args...), s)
	return ran{code, out.String(), errs.String()}
}

// record is one JSON line.
type jsonRecord map[string]any

func (r jsonRecord) str(name string) string {
	s, _ := r[name].(string)
	return s
}

func (r jsonRecord) pair() netip.AddrPort {
	port, _ := r["port"].(float64)
	return netip.AddrPortFrom(netip.MustParseAddr(r.str("addr")), uint16(port))
}

// records parses JSON lines and checks that a run is whole.
func records(t *testing.T, out string) (list []jsonRecord) {
	t.Helper()
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		var r jsonRecord
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%v in %q", err, lines.Text())
		}
		valid(t, lines.Text())
		list = append(list, r)
	}
	if len(list) < 2 || list[0].str("type") != "run" || list[len(list)-1].str("type") != "summary" {
		t.Fatalf("the records do not begin with run and end with summary:\n%s", out)
	}
	return list
}

// scanAll scans pairs and returns each one's record.
func scanAll(t *testing.T, l *lab.Lab, technique string, pairs []netip.AddrPort, more ...string) map[netip.AddrPort]jsonRecord {
	t.Helper()
	args := append([]string{"scan", "-o", "json", "--technique", technique}, more...)
	for _, p := range pairs {
		args = append(args, p.String())
	}
	r := command(t.Context(), l, args...)
	if r.code != exitYes {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	found := map[netip.AddrPort]jsonRecord{}
	for _, rec := range records(t, r.out) {
		if rec.str("type") == "port" {
			found[rec.pair()] = rec
		}
	}
	for _, p := range pairs {
		if found[p] == nil {
			t.Errorf("%v: nothing is said of %v:\n%s%s", args, p, r.out, r.err)
		}
	}
	return found
}

// TestLabVerdicts holds every technique's verdict on every port of the lab,
// over IPv4 and IPv6, against what the lab was built to be.
func TestLabVerdicts(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	for _, technique := range lab.Techniques() {
		t.Run(technique, func(t *testing.T) {
			t.Parallel()
			found := scanAll(t, l, technique, l.Targets(), "--max-retries", "5", "--timeout", "400ms")
			for _, target := range l.Targets() {
				want, _ := l.Expect(target, technique)
				got := found[target]
				if got.str("state") != want.State || want.Reason != "" && got.str("reason") != want.Reason {
					if want.Certain {
						t.Errorf("%v: got %s (%s)", want, got.str("state"), got.str("reason"))
					} else {
						t.Logf("%v: got %s (%s); the link loses packets", want, got.str("state"), got.str("reason"))
					}
				}
				if who := got.str("responder"); want.Responder.IsValid() && want.Responder != target.Addr() && who != want.Responder.String() {
					t.Errorf("%v: answered by %q, want %v", want, who, want.Responder)
				}
			}
		})
	}
}

// TestAbsentNeighbour: our own kernel says that nobody has the address.
func TestAbsentNeighbour(t *testing.T) {
	l := standardLab(t)
	a := netip.AddrPortFrom(l.Host("web").Absent4(), 80)
	got := scanAll(t, l, "syn", []netip.AddrPort{a}, "--timeout", "2")[a]
	if got.str("state") != "filtered" || got.str("reason") != "no-neighbour" {
		t.Errorf("%v", got)
	}
	if _, measured := got["rtt_ns"]; measured {
		t.Errorf("three seconds of neighbour discovery are called a round trip: %v", got)
	}
}

// With state and without, the ports of a host that is not on the link are counted
// alike, whatever the technique.
func TestStatelessAgreesOnAbsentNeighbours(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	absent := place(l.Host("web").Addr4(), 98).String()
	for _, technique := range []string{"-sS", "-sF"} {
		states := map[string]any{}
		for _, engine := range []string{"--stateless=false", "--stateless"} {
			r := command(t.Context(), l, "scan", "-Pn", technique, engine, "--timeout", "300ms", "-p", "1-3,5", "-o", "json", absent)
			all := records(t, r.out)
			states[engine] = all[len(all)-1]["states"]
			if r.code != exitYes || !reflect.DeepEqual(states[engine], map[string]any{"filtered": 4.0}) {
				t.Errorf("%s %s: exit %d, %v: %s", technique, engine, r.code, states[engine], r.err)
			}
		}
	}
}

// Every command says of a dead neighbour what it is, of both versions of IP, and
// sends nothing to it.
func TestCommandsAndAnAbsentNeighbour(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	web := l.Host("web")
	for _, a := range []netip.Addr{place(web.Addr4(), 99), place(web.Addr6(), 99)} {
		target := netip.AddrPortFrom(a, 80).String()
		for _, args := range [][]string{{"ping", "-c", "2", "-i", "100ms"}, {"trace"}, {"handshake"}, {"isn", "--samples", "8"}} {
			r := command(t.Context(), l, append(args, "-o", "json", target)...)
			var reasons []string
			sent := -1.0
			for _, rec := range records(t, r.out) {
				if reason := rec.str("reason"); reason != "" {
					reasons = append(reasons, reason)
				}
				if n, ok := rec["sent"].(float64); ok && rec.str("type") == "summary" {
					sent = n
				}
			}
			if r.code != exitNo || len(reasons) == 0 || slices.ContainsFunc(reasons, func(s string) bool { return s != "no-neighbour" }) || sent != 0 {
				t.Errorf("%v: code %d, %v, %v sent\n%s%s", args, r.code, reasons, sent, r.out, r.err)
			}
		}
	}
}

// TestScanOverLossyLink finds what a link that loses a tenth of the packets each way
// let through: of each port the link tells whether an answer came in time.
func TestScanOverLossyLink(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	path := lab.Path{Delay: time.Millisecond, Loss: 0.1}
	l, err := lab.New(lab.Spec{Seed: 2, Hosts: []lab.HostSpec{{
		Name: "leaky", Services: []lab.Service{{Ports: []uint16{80, 90, 110, 143, 389, 400}, Manner: lab.Echo}},
		Link: &lab.Link{Out: path, Back: path, LogSize: 1 << 15},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var pairs []netip.AddrPort
	for port := range 400 {
		pairs = append(pairs, netip.AddrPortFrom(l.Host("leaky").Addr4(), uint16(port+1)))
	}
	scanned := scanAll(t, l, "syn", pairs, "--max-retries", "6", "--timeout", "400ms")
	judged, lost, slowest := 0, 0, time.Duration(0)
	for pair, way := range crossed(l.Host("leaky").Wire().Records()) {
		lost += way.lost
		slowest = max(slowest, way.took)
		got := scanned[pair]
		// The link takes 1 ms each way: a reply matched to a transmission after its
		// own would show.
		if rtt, _ := got["rtt_ns"].(float64); rtt != 0 && rtt < 2e6 {
			t.Errorf("%v: %v ns", pair, rtt)
		}
		want, _ := l.Expect(pair, "syn")
		switch {
		case !way.answered:
			want.State = "filtered"
		case way.waited > 300*time.Millisecond && got.str("state") == "filtered":
			t.Logf("%v: the link, a program, held the answer until %v after the last of %d probes, %v after the first",
				pair, way.waited, way.probes, way.took)
			continue
		}
		judged++
		if got.str("state") != want.State {
			t.Errorf("%v: want %s, got %v; %+v", pair, want.State, got, way)
		}
	}
	if judged < len(pairs)/2 || lost < 40 {
		t.Errorf("%d of %d ports judged, %d packets lost; the latest answer left the link %v after the first probe", judged, len(pairs), lost, slowest)
	}
}

// linkAccount is what a link did with the probes of one port and their answers.
type linkAccount struct {
	first, last  time.Time // probe until the answer
	probes       int
	answered     bool
	took, waited time.Duration // from the first and the last probe to the first answer
	lost         int
}

func crossed(records []lab.PacketRecord) map[netip.AddrPort]*linkAccount {
	ports := map[netip.AddrPort]*linkAccount{}
	for _, r := range records {
		var p craft.Packet
		if p.Decode(r.Head[:min(r.Bytes, len(r.Head))], craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP {
			continue
		}
		s, far := &p.Segment, p.Segment.Dst
		if r.Direction == lab.Homeward {
			far = s.Src
		}
		c := ports[far]
		if c == nil {
			c = &linkAccount{}
			ports[far] = c
		}
		if r.Outcome == lab.Lost {
			c.lost++
		}
		switch {
		case r.Direction == lab.Outward && s.Flags.Has(craft.SYN) && !c.answered:
			if c.probes++; c.probes == 1 {
				c.first = r.In
			}
			c.last = r.In
		case r.Direction == lab.Homeward && !r.Out.IsZero() && !c.answered:
			c.answered, c.took, c.waited = true, r.Out.Sub(c.first), r.Out.Sub(c.last)
		}
	}
	return ports
}

func TestScanWritesEveryOutput(t *testing.T) {
	l := standardLab(t)
	dir := t.TempDir()
	r := command(t.Context(), l, "scan", "web", "-p80,81", "-oN", dir+"/n", "-oJ", dir+"/j", "-oC", dir+"/c")
	if r.code != exitYes || !strings.Contains(r.out, "80/tcp     open") {
		t.Fatalf("exit %d\n%s%s", r.code, r.out, r.err)
	}
	for name, want := range map[string]string{"n": "80/tcp     open", "j": `"state":"open"`, "c": ",open,"} {
		b, err := os.ReadFile(dir + "/" + name)
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %q: %v\n%s", name, want, err, b)
		}
	}
}

func TestExpectation(t *testing.T) {
	l := standardLab(t)
	for _, tc := range []struct {
		ports, expect string
		code          int
	}{
		{"80", "open", exitYes}, {"81", "refused", exitYes}, {"81", "closed", exitYes},
		{"80,81", "open", exitNo}, {"80", "filtered", exitNo},
	} {
		r := command(t.Context(), l, "scan", "-q", "web", "-p", tc.ports, "--expect", tc.expect)
		if r.code != tc.code || r.err != "" {
			t.Errorf("-p %s --expect %s: exit %d, want %d; %q", tc.ports, tc.expect, r.code, tc.code, r.err)
		}
	}
	for _, technique := range []string{"-sS", "-sT"} {
		r := command(t.Context(), l, "scan", technique, "web", "-p", "80,81", "--expect", "refused")
		if r.code != exitNo || !strings.Contains(r.err, ":80: expected refused, found open (") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%s: exit %d; %q", technique, r.code, r.err)
		}
	}
}

// TestOwnPort: a port held for the run says so instead of looking filtered.
func TestOwnPort(t *testing.T) {
	lab.Require(t)
	r := command(t.Context(), nil, "scan", "-o", "json", "-g", "45678", "127.0.0.1", "-p", "45677,45678")
	var reasons []string
	for _, rec := range records(t, r.out) {
		if rec.str("type") == "port" {
			reasons = append(reasons, fmt.Sprint(rec["port"], " ", rec.str("state"), " ", rec.str("reason")))
		}
	}
	slices.Sort(reasons)
	if want := []string{"45677 refused reset", "45678 unknown held-by-this-run"}; !slices.Equal(reasons, want) {
		t.Errorf("%q, want %q", reasons, want)
	}
}

func TestInterruptedScanIsWhole(t *testing.T) {
	l := standardLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancelAfter := make(chan struct{})
	go func() { <-cancelAfter; cancel() }()
	close(cancelAfter)
	r := command(ctx, l, "scan", "-o", "json", "-p-", "--rate", "1000", l.Host("web").Addr4().String())
	if r.code != exitInterrupted {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	if r.out != "" {
		list := records(t, r.out)
		if complete, _ := list[len(list)-1]["complete"].(bool); complete {
			t.Error("an interrupted scan calls itself complete")
		}
	}
}

// long is for tests of many seconds: -short leaves them out.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: takes seconds, and minutes under the race detector")
	}
}
