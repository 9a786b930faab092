package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/probe"
)

// linkLab is a lab with one host, web, behind a link.
func linkLab(t *testing.T, link *lab.Link) (*lab.Lab, *lab.Host) {
	t.Helper()
	lab.Require(t)
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{{
		Name: t.Name()[4:min(len(t.Name()), 18)], Link: link,
		Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, l.Hosts()[0]
}

// crossing is what a link saw of one transmission.
type crossing struct {
	sport    uint16
	isn      craft.Seq
	in, out  time.Time   // the SYN's arrival at the link, and its leaving
	replied  time.Time   // the first answer's arrival at the link
	answered []time.Time // when answers to it left the link
}

// crossings pairs the SYNs in a link's log with their answers.
func crossings(t *testing.T, records []lab.PacketRecord) (list []*crossing) {
	t.Helper()
	for _, r := range records {
		var p craft.Packet
		if p.Decode(r.Head[:min(r.Bytes, lab.HeadLen)], craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP {
			continue
		}
		s := &p.Segment
		switch {
		case r.Direction == lab.Outward && s.Flags == craft.SYN && r.Outcome != lab.Duplicated:
			list = append(list, &crossing{sport: s.Src.Port(), isn: s.Seq, in: r.In, out: r.Out})
		case r.Direction == lab.Homeward && !r.Out.IsZero() && s.Flags.Has(craft.ACK) && s.Flags != craft.ACK: // a challenge ACK tells of no probe
			for _, c := range list {
				if c.sport == s.Dst.Port() && c.isn.Add(1) == s.Ack {
					if c.answered = append(c.answered, r.Out); c.replied.IsZero() {
						c.replied = r.In
					}
				}
			}
		}
	}
	return list
}

// departed are the crossings of each port in their order, each transmission once.
type departed map[uint16][]*crossing

func departedFrom(list []*crossing) departed {
	d, seen := departed{}, map[[2]uint32]bool{}
	for _, c := range list {
		if id := [2]uint32{uint32(c.sport), uint32(c.isn)}; !seen[id] {
			seen[id] = true
			d[c.sport] = append(d[c.sport], c)
		}
	}
	return d
}

// take is the crossing of the SYN that left a port at a time, nil if the link saw none. A link sees them in the
// order in which they leave, and each after that, however late.
func (d departed) take(sport uint16, sent time.Time) *crossing {
	list := d[sport]
	for len(list) > 0 && list[0].in.Before(sent) {
		list = list[1:]
	}
	if len(list) == 0 {
		return nil
	}
	d[sport] = list[1:]
	return list[0]
}

// passages are the moments at which a link let packets through, in order.
type passages []time.Time

func passagesHome(records []lab.PacketRecord) (list passages) {
	for _, r := range records {
		if r.Direction == lab.Homeward && !r.Out.IsZero() {
			list = append(list, r.Out)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

// tell whether what was let through at one moment may have arrived at another. The link's thread notes the time,
// hands over what is due and only then goes on: what arrives after the next moment, or before its own, is
// something else, however late the thread ran.
func (p passages) tell(out, arrived time.Time) bool {
	i, _ := slices.BinarySearchFunc(p, out.Add(1), time.Time.Compare)
	return !arrived.Before(out) && (i == len(p) || arrived.Before(p[i]))
}

func sentAt(t *testing.T, r jsonRecord) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.str("sent"))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// sentProbes are the records of probes that left. What is ten seconds late, on a machine that does not
// let the program run, is skipped, and says so.
func sentProbes(t *testing.T, out string) (sent []jsonRecord, skipped int) {
	t.Helper()
	for _, r := range records(t, out) {
		switch {
		case r.str("type") != "rtt":
		case r.str("doubt") == string(probe.DoubtSkipped):
			skipped++
		default:
			sent = append(sent, r)
		}
	}
	return sent, skipped
}

// On a link of 20 ms each time is what the link itself logged for that probe.
func TestPingAgreesWithTheLink(t *testing.T) {
	l, h := linkLab(t, &lab.Link{Out: lab.Path{Delay: 10 * time.Millisecond}, Back: lab.Path{Delay: 10 * time.Millisecond}})
	got := command(t.Context(), l, "ping", h.Addr4().String(), "-c", "200", "-i", "10ms", "-o", "json")
	if got.code != exitYes {
		t.Fatalf("exit %d: %s", got.code, got.err)
	}
	crossed := h.Wire().Records()
	log, home := departedFrom(crossings(t, crossed)), passagesHome(crossed)
	least, worst := math.Inf(1), 0.0
	samples := 0
	sent, skipped := sentProbes(t, got.out)
	for _, r := range sent {
		c := log.take(uint16(r["sport"].(float64)), sentAt(t, r))
		if c == nil || len(c.answered) == 0 {
			t.Fatalf("the link knows nothing of probe %v", r["n"])
		}
		rtt, link := r["rtt_ns"].(float64), float64(c.answered[0].Sub(c.in))
		if !home.tell(c.answered[0], sentAt(t, r).Add(time.Duration(rtt))) {
			t.Errorf("probe %v: %.1f µs, of the link %.1f µs", r["n"], rtt/1e3, link/1e3)
		}
		samples++
		least, worst = min(least, rtt-link), max(worst, rtt-link)
	}
	// The link's times lie within ours, and a machine that is busy takes longer between them.
	t.Logf("%d probes, longer than on the link by %.1f µs at least and %.1f µs at most", samples, least/1e3, worst/1e3)
	if samples+skipped != 200 || samples == 0 || least < 0 || least > 100e3 {
		t.Errorf("%d probes, longer than on the link by %.1f µs at least", samples, least/1e3)
	}
}

// Loss, duplication and reordering match no answer to another transmission:
// each time is that of the first answer to the SYN that left then, and a probe
// without a time had none.
func TestPingNamesItsTransmission(t *testing.T) {
	path := lab.Path{Delay: 5 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.05, Duplicate: 0.1, Reorder: 0.1, ReorderBy: 3 * time.Millisecond}
	for _, flow := range []string{"fixed", "vary"} {
		t.Run(flow, func(t *testing.T) {
			l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{{
				Name: "names" + flow, Link: &lab.Link{Out: path, Back: path, LogSize: 1 << 16},
				Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}},
			}}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			h := l.Hosts()[0]
			got := command(t.Context(), l, "ping", h.Addr4().String(), "-c", "1000", "-i", "2ms", "-o", "json", "--flow", flow)
			if got.code != exitYes {
				t.Fatalf("exit %d: %s", got.code, got.err)
			}
			told, skipped := sentProbes(t, got.out)
			records := h.Wire().Records()
			log, home := departedFrom(crossings(t, records)), passagesHome(records)
			told = slices.DeleteFunc(told, func(r jsonRecord) bool { // what was lost, and answered later
				return r.str("supersedes") != ""
			})
			slices.SortFunc(told, func(a, b jsonRecord) int { return sentAt(t, a).Compare(sentAt(t, b)) })
			timed, lost, wrong := 0, 0, 0
			for _, r := range told {
				c := log.take(uint16(r["sport"].(float64)), sentAt(t, r))
				rtt, measured := r["rtt_ns"].(float64)
				answered := c != nil && len(c.answered) > 0
				switch {
				case !measured && answered && slices.MinFunc(c.answered, time.Time.Compare).Sub(sentAt(t, r)) < 500*time.Millisecond:
					t.Errorf("probe %v is lost, but the link passed an answer to it: %v", r["n"], r)
				case !measured:
					lost++
				case !answered:
					t.Errorf("probe %v has a time, but the link passed no answer to it", r["n"])
				case !home.tell(slices.MinFunc(c.answered, time.Time.Compare), sentAt(t, r).Add(time.Duration(rtt))):
					wrong++
				default:
					timed++
				}
			}
			t.Logf("%d timed, %d lost, %d wrong", timed, lost, wrong)
			if wrong > 0 || timed+lost+skipped != 1000 || timed == 0 {
				t.Errorf("%d timed, %d lost, %d matched to another transmission", timed, lost, wrong)
			}
		})
	}
}

// What a ping says by its exit code.
func TestPingExitCodes(t *testing.T) {
	l := standardLab(t)
	web, silent, slow := l.Host("web").Addr4().String(), l.Host("fortress").Addr4().String(), l.Host("slow").Addr4().String()
	for _, tc := range []struct {
		args string
		code int
	}{
		{web + " -p 80", exitYes},
		{web + " -p 81", exitNo},
		{web + " -p 81 --expect refused", exitYes},
		{web + " -p 81 --expect open", exitNo},
		{web + " -p 80,81 --expect open", exitNo},
		{silent + " --timeout 50ms", exitNo},
		{silent + " --timeout 50ms --expect filtered", exitYes},
		{silent + " --timeout 50ms --expect filtered --max-loss 50%", exitNo},
		{slow + " --max-rtt p95=30s,max=30s", exitYes},
		{slow + " --max-rtt p95=5ms", exitNo},
		{slow + " --max-rtt min=5ms", exitNo},
		{silent + " --timeout 50ms --expect filtered --max-rtt p50=1s", exitNo},
		{web + " --max-loss 0%", exitYes},
		{web + " --engine connect", exitYes},
		{web + " --engine connect -p 81 --expect refused", exitYes},
		// Nonsense: refused before anything is sent.
		{web + " --max-rtt p0=1ms", exitUsage},
		{web + " --max-rtt p95", exitUsage},
		{web + " --max-rtt p101=1ms", exitUsage},
		{web + " --max-rtt p95=-1ms", exitUsage},
		{web + " --max-loss 101%", exitUsage},
		{web + " --max-loss some", exitUsage},
		{web + " -i 0.5ms", exitUsage},
		{web + " -i -1", exitUsage},
		{web + " -i soon", exitUsage},
		{web + " --flow both", exitUsage},
		{web + " --expect shut", exitUsage},
		{web + " --plot a.gif", exitUsage},
		{web + " --plot /no/such/directory/a.png", exitUsage},
		{web + " --compare", exitUsage},
		{web + " --stamps sundial", exitUsage},
		{web + " --stamps hardware --engine connect", exitUsage},
		{web + " --metrics nowhere", exitUsage},
		{"not an address", exitUsage},
		{"nobody.invalid", exitUsage},
		{"", exitUsage},
	} {
		t.Run(tc.args, func(t *testing.T) {
			t.Parallel()
			args := []string{"ping"}
			if tc.code == exitUsage {
				args = append(args, "-i", "20ms")
			} else {
				args = append(args, "-c", "3", "-i", "20ms")
			}
			got := command(t.Context(), l, append(args, strings.Fields(tc.args)...)...)
			if got.code != tc.code {
				t.Errorf("exit %d, want %d\n%s%s", got.code, tc.code, got.out, got.err)
			}
			if tc.code == exitUsage && (got.out != "" || got.err == "") {
				t.Errorf("stdout %q, stderr %q", got.out, got.err)
			}
		})
	}
}

// The clock is in every record: that of the kernel's own handshake sample where
// the kernel connected.
func TestPingNamesItsClock(t *testing.T) {
	l := standardLab(t)
	slow := l.Host("slow").Addr4().String()
	for engine, clock := range map[string]string{"raw": "kernel", "connect": "tcp-info"} {
		got := command(t.Context(), l, "ping", slow, "-c", "3", "-i", "30ms", "--engine", engine, "-o", "json")
		for _, r := range records(t, got.out) {
			switch r.str("type") {
			case "rtt", "rtt_summary":
				if r.str("rtt_clock") != clock {
					t.Errorf("%s: %v", engine, r)
				}
			}
		}
		if summary := find(records(t, got.out), "rtt_summary"); summary["min_ns"].(float64) < 20e6 {
			t.Errorf("%s: %v", engine, summary)
		}
	}
}

// A veth has no clock of its own: who insists on one is told so before anything
// is sent, who leaves the choice gets the kernel's stamps, and is told as well.
func TestPingWithoutHardwareStamps(t *testing.T) {
	l, h := linkLab(t, &lab.Link{})
	got := command(t.Context(), l, "ping", h.Addr4().String(), "-c", "3", "-i", "10ms", "--stamps", "hardware", "-o", "json")
	if got.code != exitUnable || got.out != "" || !strings.Contains(got.err, "has no hardware stamps for departures and for arrivals") || !strings.Contains(got.err, "ethtool -T") {
		t.Errorf("exit %d\n%s%s", got.code, got.out, got.err)
	}
	if sent := crossings(t, h.Wire().Records()); len(sent) > 0 {
		t.Errorf("%d SYNs were sent", len(sent))
	}
	got = command(t.Context(), l, "ping", h.Addr4().String(), "-c", "3", "-i", "10ms", "--stamps", "auto", "-o", "json")
	all := records(t, got.out)
	if got.code != exitYes || !strings.Contains(got.err, "software stamps are used") || !strings.Contains(fmt.Sprint(all[0]["notes"]), "software stamps are used") {
		t.Errorf("exit %d: %v\n%s", got.code, all[0], got.err)
	}
	if r := find(all, "rtt"); r.str("stamps") != "software" || r.str("rtt_clock") != "kernel" {
		t.Errorf("%v", r)
	}
	if s := find(all, "rtt_summary"); s["hardware_stamps"] != 0.0 || s["received"] != 3.0 {
		t.Errorf("%v", s)
	}
}

func find(list []jsonRecord, kind string) jsonRecord {
	for _, r := range list {
		if r.str("type") == kind {
			return r
		}
	}
	return jsonRecord{}
}

// A connect whose SYN the kernel had to repeat has no time, and counts a loss.
func TestPingConnectMarksARepeatedSYN(t *testing.T) {
	t.Parallel()
	first := true
	l, h := linkLab(t, &lab.Link{Out: lab.Path{Lose: func(ip []byte) bool {
		lose := first && len(ip) > 33 && ip[9] == 6 && ip[33] == byte(craft.SYN)
		first = first && !lose
		return lose
	}}})
	got := command(t.Context(), l, "ping", h.Addr4().String(), "-c", "3", "-i", "2", "--timeout", "3", "--engine", "connect", "-o", "json")
	all := records(t, got.out)
	r := find(all, "rtt")
	of, _ := r["syn_retransmits"].(float64)
	if _, timed := r["rtt_ns"]; timed || r.str("doubt") != "syn-retransmitted" || of < 1 {
		t.Errorf("%v", r)
	}
	// A machine that is busy for a second has the kernel retransmit others too; what it did not took less.
	s := find(all, "rtt_summary")
	again, _ := s["syn_retransmits"].(float64)
	lost, _ := s["lost"].(float64)
	longest, _ := s["max_ns"].(float64)
	if s["sent"] != 3+again || lost < 1 || lost > again || s["unmeasured"] != lost || longest >= 1e9 {
		t.Errorf("%v", s)
	}
}

// Whatever it takes to find the neighbour is in no time.
func TestPingLeavesNeighbourDiscoveryOut(t *testing.T) {
	held := 40 * time.Millisecond
	l, h := linkLab(t, &lab.Link{HarmNeighbours: true, Out: lab.Path{Delay: held / 2}, Back: lab.Path{Delay: held / 2}})
	for _, addr := range []netip.Addr{h.Addr4(), h.Addr6()} {
		got := command(t.Context(), l, "ping", netip.AddrPortFrom(addr, 80).String(), "-c", "1", "-o", "json")
		r := find(records(t, got.out), "rtt")
		if rtt, _ := r["rtt_ns"].(float64); rtt < float64(held) || r.str("doubt") != "" {
			t.Errorf("%v: %v", addr, r)
			continue
		}
		// Both stamps are the kernel's: one that waited for its neighbour came to the link so much later.
		c := departedFrom(crossings(t, h.Wire().Records())).take(uint16(r["sport"].(float64)), sentAt(t, r))
		if c == nil || c.in.Sub(sentAt(t, r)).Abs() > held/2 {
			t.Errorf("%v: %v, and at the link %+v", addr, r, c)
		}
	}
}

func TestPingPlots(t *testing.T) {
	l := standardLab(t)
	dir := t.TempDir()
	for name, magic := range map[string]string{"a.png": "\x89PNG", "a.svg": "<?xml"} {
		path := filepath.Join(dir, name)
		got := command(t.Context(), l, "ping", l.Host("lossy").Addr4().String(), "-c", "50", "-i", "5ms", "--timeout", "200ms", "--plot", path, "-q")
		content, err := os.ReadFile(path)
		if got.code != exitYes || err != nil || !strings.HasPrefix(string(content), magic) || len(content) < 5000 {
			t.Errorf("exit %d: %s: %d bytes, %v", got.code, got.err, len(content), err)
		}
		if name == "a.svg" && !strings.Contains(string(content), "no answer") {
			t.Error("the losses are not in the picture")
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestPingCompares(t *testing.T) {
	l := standardLab(t)
	web, slow := l.Host("web").Addr4().String(), l.Host("slow").Addr4().String()
	got := command(t.Context(), l, "ping", "--compare", slow, web, "-c", "20", "-i", "10ms", "-o", "json")
	c := find(records(t, got.out), "rtt_comparison")
	if c.str("a") != slow+":80" || c["differ"] != true || c["shift_ns"].(float64) > -15e6 || c["superiority"] != 0.0 {
		t.Errorf("%v\n%s", c, got.err)
	}
}

// Scraped while it runs, a ping shows what it has found so far.
func TestPingMetrics(t *testing.T) {
	l := standardLab(t)
	addr := freeAddress(t)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan ran)
	web := l.Host("web").Addr4().String()
	go func() {
		done <- command(ctx, l, "ping", web, web+":81", "-i", "50ms", "--metrics", addr, "-q")
	}()
	var page string
	await(t, "ten probes of each", func() bool {
		if response, err := http.Get("http://" + addr); err != nil || response.Body.Close() != nil {
			return false
		}
		page = scrape(t, "http://"+addr+"/metrics")
		return regexp.MustCompile(`open",target="`+web+`"} \d\d`).MatchString(page) &&
			regexp.MustCompile(`refused",target="`+web+`:81"} \d\d`).MatchString(page)
	})
	end()
	<-done
	for _, want := range []string{
		`synscope_build_info{engine="raw",version="` + Version + `"} 1`,
		`synscope_ping_probes_sent_total{addr="` + web + `",port="80",target="` + web + `"} \d\d`,
		`synscope_ping_answers_total{addr="` + web + `",port="80",state="open",target="` + web + `"} \d\d`,
		`synscope_ping_answers_total{addr="` + web + `",port="81",state="refused",target="` + web + `:81"} \d\d`,
		`synscope_ping_probes_lost_total{addr="` + web + `",port="80",reason="no-response",target="` + web + `"} 0`,
		`synscope_ping_rtt_seconds_bucket{addr="` + web + `",port="80",target="` + web + `",le="1.0"} \d\d`,
		`synscope_ping_up{addr="` + web + `",port="81",target="` + web + `:81"} 0`,
		`# EOF`,
	} {
		if !regexp.MustCompile(want).MatchString(page) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", freePort.Add(1)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// freePort is below those that the kernel gives to whoever asks for any, so that nobody takes it meanwhile.
var freePort = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(21000)
	return &n
}()

func scrape(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", response.Status, err)
	}
	return string(page)
}

// The text that people see, times and ports masked.
func TestPingText(t *testing.T) {
	l := standardLab(t)
	web := l.Host("web").Addr4().String()
	got := command(t.Context(), l, "ping", web, "-c", "2", "-i", "20ms")
	masked := regexp.MustCompile(`[0-9.]+ (ns|µs|ms)|sport=\d+`).ReplaceAllString(got.out, "~")
	want := fmt.Sprintf(`SYN-ACK from %[1]s:80: n=1 ttl=64 ~ time=~
SYN-ACK from %[1]s:80: n=2 ttl=64 ~ time=~

--- %[1]s:80 ping statistics ---
2 probes sent, 2 received, 0 lost (0 %%)
RTT min ~, mean ~, max ~, stddev ~, jitter ~ (kernel clock)
    p50 ~, p90 ~, p95 ~, p99 ~
`, web)
	if masked != want {
		t.Errorf("got\n%s\nwant\n%s", masked, want)
	}
}

// TestPingSplitsJitter: the ISNs of a kernel tell the way there from the way back, and
// both vary by less than the slowest probe took; a SYN cookie shows no clock.
func TestPingSplitsJitter(t *testing.T) {
	l := standardLab(t)
	got := command(t.Context(), l, "ping", netip.AddrPortFrom(l.Host("web").Addr4(), 80).String(), "-c", "80", "-i", "10ms", "--split-jitter", "-o", "json")
	s := find(records(t, got.out), "rtt_summary")
	there, known := s["jitter_there_ns"].(float64)
	back, _ := s["jitter_back_ns"].(float64)
	if longest, _ := s["max_ns"].(float64); !known || there < 0 || back < 0 || there+back > longest {
		t.Errorf("the ways vary by %v and %v: %v", time.Duration(there), time.Duration(back), s)
	}
	got = command(t.Context(), l, "ping", "cookie:80", "-c", "8", "-i", "10ms", "--split-jitter")
	if !strings.Contains(got.out, "cannot be told apart") {
		t.Errorf("%s", got.out)
	}
}
