package handshake

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/netraw"
	"synscope/probe"
)

// kernels is the lab that the tests against Linux share; it goes with the
// process.
var kernels = sync.OnceValues(func() (*lab.Lab, error) {
	return lab.New(lab.Spec{Seed: 1, Hosts: []lab.HostSpec{
		{Name: "web", Services: []lab.Service{
			{Ports: []uint16{80}, Manner: lab.Echo},
			{Ports: []uint16{22}, Manner: lab.Banner, Banner: "SSH-2.0-lab\r\n"},
			{Ports: []uint16{81}, Manner: lab.AcceptClose},
			{Ports: []uint16{82}, Manner: lab.AcceptReset},
			{Ports: []uint16{84}, Manner: lab.Hold, Control: option(unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)},
			{Ports: []uint16{85}, Manner: lab.Echo, Control: option(unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1200)},
			{Ports: []uint16{86}, Manner: lab.Echo, Control: option(unix.IPPROTO_TCP, unix.TCP_FASTOPEN, 16)},
		}, Sysctls: lab.Sysctls{"net.ipv4.tcp_fastopen": "3", "net.ipv4.tcp_fastopen_key": "00000000-11111111-22222222-33333333"}},
		{Name: "cookie", Services: echoes, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "2"}},
		{Name: "proxy", Services: echoes, SynProxy: &lab.SynProxy{
			Ports: []uint16{80}, MSS: 1460, WindowScale: 7, Timestamps: true, SACK: true,
		}},
		{Name: "patient", Services: echoes, Sysctls: lab.Sysctls{"net.ipv4.tcp_synack_retries": "1"}},
		{Name: "plain", Services: echoes, Sysctls: lab.Sysctls{
			"net.ipv4.tcp_sack": "0", "net.ipv4.tcp_timestamps": "0", "net.ipv4.tcp_ecn": "0",
		}},
		{Name: "guarded", Services: echoes, Rules: []lab.Rule{
			{Ports: lab.Port(8013), Family: lab.IPv4, Do: lab.Reject, Code: 13},
			{Ports: lab.Port(8000), Do: lab.Drop},
			{Ports: lab.Port(8001), Do: lab.Reset},
		}},
		{Name: "far", Services: echoes, Routers: []lab.RouterSpec{
			{Rules: []lab.Rule{
				{Ports: lab.Port(8001), Do: lab.Reset},
				{Ports: lab.Port(8013), Family: lab.IPv4, Do: lab.Reject, Code: 10},
			}}, {}, {},
		}},
	}})
})

var echoes = []lab.Service{{Ports: []uint16{80}, Manner: lab.Echo}}

// option sets a socket option of a service.
func option(level, name, value int) func(fd int) error {
	return func(fd int) error { return unix.SetsockoptInt(fd, level, name, value) }
}

func kernelLab(t *testing.T) *lab.Lab {
	t.Helper()
	return lab.Shared(t, kernels)
}

func at(h *lab.Host, port uint16) netip.AddrPort  { return netip.AddrPortFrom(h.Addr4(), port) }
func at6(h *lab.Host, port uint16) netip.AddrPort { return netip.AddrPortFrom(h.Addr6(), port) }

// attempt runs one real connection.
func attempt(t *testing.T, cfg Config) Result {
	t.Helper()
	r, err := attemptUntil(t, t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func attemptUntil(t *testing.T, ctx context.Context, cfg Config) (Result, error) {
	t.Helper()
	conn, err := netraw.Open(&netraw.Config{WatchOutgoing: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hook := cfg.OnSegment
	start := time.Time{}
	cfg.OnSegment = func(l Line) {
		if start.IsZero() {
			start = l.Time
		}
		t.Log(lineText(start, l))
		if hook != nil {
			hook(l)
		}
	}
	r, err := Run(ctx, conn, cfg)
	for _, f := range r.Findings {
		t.Log(f.Severity, f.Code, f.Evidence)
	}
	return r, err
}

// sameClose takes a teardown in three steps and one in four for the same:
// which of them it is depends on how soon the far end's program is woken.
func sameClose(got, want Close) bool {
	return got == want || got == CloseThreeWay && want == CloseFourWay || got == CloseFourWay && want == CloseThreeWay
}

// tellingCodes are the findings without the one that depends on that too, and without
// those of an end that was not let run and acknowledged late, unless it withheld its ACK.
func tellingCodes(r *Result, withheld Withhold) []string {
	return slices.DeleteFunc(codes(r), func(code string) bool {
		late := code == "fin-retransmissions" || code == "synack-repeated"
		return code == "close-three-way" || late && withheld == WithholdNothing
	})
}

// TestKernel: what a Linux kernel does, found by its exact findings.
func TestKernel(t *testing.T) {
	l := kernelLab(t)
	web, plain, far := l.Host("web"), l.Host("plain"), l.Host("far")
	tests := []struct {
		name  string
		cfg   Config
		state probe.State
		close Close
		codes []string
	}{
		{"echo", Config{Target: at(web, 80), Data: []byte("hello")}, probe.StateOpen, CloseThreeWay, nil},
		{"IPv6", Config{Target: at6(web, 80), Data: []byte("hello")}, probe.StateOpen, CloseThreeWay, nil},
		{"data on the third segment", Config{Target: at(web, 80), Data: []byte("hello"), DataOn: OnACK}, probe.StateOpen, CloseThreeWay, nil},
		{"data on SYN ignored", Config{Target: at(web, 80), Data: []byte("hello"), DataOn: OnSYN}, probe.StateOpen, CloseThreeWay, []string{"data-on-syn-ignored"}},
		{"banner", Config{Target: at(web, 22)}, probe.StateOpen, CloseThreeWay, []string{"banner"}},
		{"server closes first", Config{Target: at(web, 81)}, probe.StateOpen, CloseFourWay, nil},
		{"server keeps TIME_WAIT", Config{Target: at(web, 81), Watch: 300 * time.Millisecond}, probe.StateOpen, CloseFourWay, nil},
		{"server aborts", Config{Target: at(web, 82)}, probe.StateOpen, CloseByReset, []string{"close-by-reset"}},
		{"we reset", Config{Target: at(web, 80), Close: EndRST}, probe.StateOpen, CloseByReset, nil},
		{"left open", Config{Target: at(web, 80), Close: EndNone}, probe.StateOpen, CloseNever, nil},
		{"zero window", Config{Target: at(web, 84), Data: filler(64 << 10), Retries: 2}, probe.StateOpen, CloseNever, []string{"zero-window"}},
		{"small MSS", Config{Target: at(web, 85)}, probe.StateOpen, CloseThreeWay, []string{"mss-clamped"}},
		{"ECN", Config{Target: at(web, 80), ECN: true, Data: []byte("hello")}, probe.StateOpen, CloseThreeWay, []string{"ecn-negotiated"}},
		{"ECN refused", Config{Target: at(plain, 80), ECN: true, Profile: minimal()}, probe.StateOpen, CloseThreeWay, []string{"ecn-refused"}},
		{"options refused", Config{Target: at(plain, 80)}, probe.StateOpen, CloseThreeWay, nil},
		{"MPTCP fallback", Config{Target: at(web, 80), Multipath: true}, probe.StateOpen, CloseThreeWay, []string{"mptcp-fallback"}},
		{"refused", Config{Target: at(web, 99)}, probe.StateRefused, "", nil},
		{"dropped", Config{Target: at(l.Host("guarded"), 8000), Timeout: 50 * time.Millisecond, Retries: 1}, probe.StateFiltered, "", nil},
		{"rejected by the host", Config{Target: at(l.Host("guarded"), 8013)}, probe.StateFiltered, "", []string{"icmp-rejected"}},
		{"rejected on the way", Config{Target: at(far, 8013)}, probe.StateFiltered, "", []string{"icmp-rejected"}},
		{"reset by the host's firewall", Config{Target: at(l.Host("guarded"), 8001), Known: Known{TTL: 64}}, probe.StateRefused, "", nil},
		{"reset on the way", Config{Target: at(far, 8001), Known: Known{TTL: 61}}, probe.StateRefused, "", []string{"refused-by-middlebox"}},
		{"far host", Config{Target: at(far, 80), Known: Known{TTL: 61}}, probe.StateOpen, CloseThreeWay, nil},
		{"far host refuses", Config{Target: at(far, 99), Known: Known{TTL: 61}}, probe.StateRefused, "", nil},
		{"SYN proxy", Config{Target: at(l.Host("proxy"), 80), Data: []byte("hello")}, probe.StateOpen, CloseThreeWay, []string{"syn-proxy"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := attempt(t, tt.cfg)
			if r.State != tt.state || !sameClose(r.Close, tt.close) {
				t.Errorf("%s (%s), close %q; want %s, close %q", r.State, r.Reason, r.Close, tt.state, tt.close)
			}
			if got := tellingCodes(&r, tt.cfg.Withhold); !slices.Equal(got, tt.codes) {
				t.Errorf("findings %v, want %v", got, tt.codes)
			}
			if r.State == probe.StateOpen && (r.RTT <= 0 || r.Clock != netraw.ClockKernel) {
				t.Errorf("RTT %v by %v", r.RTT, r.Clock)
			}
		})
	}
}

// TestHealthy: a host that does nothing unusual gives nothing above "info",
// whatever it is asked.
func TestHealthy(t *testing.T) {
	l := kernelLab(t)
	for _, cfg := range []Config{
		{}, {ECN: true}, {AccECN: true}, {Multipath: true}, {FastOpen: true}, {Close: EndRST}, {Data: []byte("x")},
		{Data: []byte("x"), DataOn: OnSYN}, {Withhold: WithholdLastAck, Watch: 300 * time.Millisecond},
		{Withhold: WithholdSYNACKAck, Watch: 1200 * time.Millisecond},
	} {
		for _, target := range []netip.AddrPort{at(l.Host("web"), 80), at6(l.Host("web"), 80)} {
			t.Run(target.String(), func(t *testing.T) {
				t.Parallel()
				cfg := cfg
				cfg.Target = target
				r := attempt(t, cfg)
				for _, f := range r.Findings {
					if f.Severity > probe.SeverityInfo {
						t.Errorf("%s %s: %s", f.Severity, f.Code, f.Evidence)
					}
				}
			})
		}
	}
}

// fill makes plain connections to a port and keeps them.
func fill(t *testing.T, target netip.AddrPort, n int) {
	for range n {
		conn, err := net.DialTimeout("tcp", target.String(), time.Second)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// TestAcceptQueue fills the queue between SYN-ACK and ACK, so that the third
// segment finds it full.
func TestAcceptQueue(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	never := []lab.Service{{Ports: []uint16{80}, Manner: lab.NeverAccept, Backlog: 1}} // the queue stays full
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{
		{Name: "full", Services: never, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "0"}},
		{Name: "abort", Services: never, Sysctls: lab.Sysctls{"net.ipv4.tcp_syncookies": "0", "net.ipv4.tcp_abort_on_overflow": "1"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for host, want := range map[string]string{"full": "accept-queue-full", "abort": "accept-queue-reset"} {
		t.Run(host, func(t *testing.T) {
			target := at(l.Host(host), 80)
			cfg := Config{Target: target, OnSegment: func(l Line) {
				if l.From == Server && l.Client == Established && l.Server == SYNReceived && !l.Notes.Has(NoteRetransmission) {
					fill(t, target, 2)
				}
			}}
			r := attempt(t, cfg)
			find(t, &r, want)
			again := Config{Target: target, Known: Known{}.After(&r), Timeout: 50 * time.Millisecond, Retries: 1}
			r = attempt(t, again)
			if r.State != probe.StateFiltered || !has(&r, "accept-queue-full") {
				t.Errorf("next connection: %s %v", r.State, codes(&r))
			}
			r = attempt(t, Config{Target: target, Timeout: 50 * time.Millisecond, Retries: 1})
			if has(&r, "accept-queue-full") {
				t.Error("a silent port alone is no full queue")
			}
		})
	}
}

// TestSYNACKSchedule: Linux with one retransmission sends it after a second, and the
// record has the time that tcpdump saw.
func TestSYNACKSchedule(t *testing.T) {
	t.Parallel()
	target := at(kernelLab(t).Host("patient"), 80)
	var r Result
	lines := capture(t, target, func() { r = attempt(t, Config{Target: target, Withhold: WithholdSYNACKAck, Watch: 4 * time.Second}) })
	if r.SYNACKRetransmits != 1 || len(r.SYNACKSchedule) != 1 || r.SYNACKReset {
		t.Fatalf("%d retransmissions at %v, reset %t", r.SYNACKRetransmits, r.SYNACKSchedule, r.SYNACKReset)
	}
	var seen []time.Time
	for _, line := range lines {
		if line.segment.Dst == r.Source && line.segment.Flags.Has(craft.SYN|craft.ACK) {
			seen = append(seen, line.time)
		}
	}
	if len(seen) != 2 {
		t.Fatalf("tcpdump saw SYN-ACKs at %v", seen)
	}
	const least = 900 * time.Millisecond // TCP_TIMEOUT_INIT in ticks of the kernel's wheel of timers
	if got, want := r.SYNACKSchedule[0], seen[1].Sub(seen[0]); got < least || (got-want).Abs() > time.Millisecond {
		t.Errorf("retransmitted after %v, tcpdump saw %v", got, want)
	}
	if got := codes(&r); !slices.Equal(got, []string{"synack-retransmissions"}) {
		t.Errorf("findings %v", got)
	}
}

// TestSYNCookies: a host that sends cookies only shows it while half-open.
func TestSYNCookies(t *testing.T) {
	t.Parallel()
	l := kernelLab(t)
	r := attempt(t, Config{Target: at(l.Host("cookie"), 80), Withhold: WithholdSYNACKAck, Watch: patience})
	if got := codes(&r); !slices.Equal(got, []string{"syn-cookies"}) {
		t.Errorf("findings %v", got)
	}
}

// TestFINSchedule: while its FIN is not acknowledged Linux repeats it from 200
// ms on, doubling.
func TestFINSchedule(t *testing.T) {
	t.Parallel()
	l := kernelLab(t)
	r := attempt(t, Config{Target: at(l.Host("web"), 80), Withhold: WithholdLastAck, Watch: 2 * time.Second})
	if r.FINRetransmits < 2 || r.FINRetransmits != len(r.FINSchedule) {
		t.Fatalf("%d retransmissions at %v", r.FINRetransmits, r.FINSchedule)
	}
	for i := 1; i < len(r.FINSchedule); i++ {
		if r.FINSchedule[i] < r.FINSchedule[i-1]*3/2 {
			t.Errorf("no back-off: %v", r.FINSchedule)
		}
	}
	find(t, &r, "fin-retransmissions")
}

// TestFastOpen: a cookie first, and with it data on the SYN.
func TestFastOpen(t *testing.T) {
	l := kernelLab(t)
	target := at(l.Host("web"), 86)
	first := attempt(t, Config{Target: target, FastOpen: true})
	if got := tellingCodes(&first, WithholdNothing); !slices.Equal(got, []string{"tfo-cookie"}) {
		t.Errorf("findings %v", got)
	}
	cfg := Config{Target: target, FastOpen: true, Cookie: first.Negotiated.Cookie, Data: []byte("early"), DataOn: OnSYN}
	r := attempt(t, cfg)
	if got := tellingCodes(&r, WithholdNothing); !slices.Equal(got, []string{"tfo-accepted", "data-on-syn-acked"}) {
		t.Errorf("findings %v", got)
	}
	if r.Acked != 5 || string(r.Data) != "early" {
		t.Errorf("%d bytes acknowledged, %q echoed", r.Acked, r.Data)
	}
	cfg.Cookie = []byte("forgery!")
	if r = attempt(t, cfg); has(&r, "tfo-accepted") || !has(&r, "data-on-syn-ignored") {
		t.Errorf("with a forged cookie: %v", codes(&r))
	}
}

// TestMultipath: Go's own listeners speak MPTCP where the kernel does.
func TestMultipath(t *testing.T) {
	l := kernelLab(t)
	ln, err := l.Host("web").Listen("tcp4", netip.AddrPortFrom(l.Host("web").Addr4(), 8080).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := attempt(t, Config{Target: at(l.Host("web"), 8080), Multipath: true, Close: EndRST})
	if !has(&r, "mptcp-capable") && !has(&r, "mptcp-fallback") {
		t.Errorf("findings %v", codes(&r))
	}
	t.Log(codes(&r))
}

// TestHalfClose: the far end goes on sending after our FIN.
func TestHalfClose(t *testing.T) {
	l := kernelLab(t)
	ln, err := l.Host("web").Listen("tcp4", netip.AddrPortFrom(l.Host("web").Addr4(), 8081).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		conn.Read(make([]byte, 1))
		for range 3 {
			time.Sleep(50 * time.Millisecond)
			conn.Write([]byte("more"))
		}
	}()
	r := attempt(t, Config{Target: at(l.Host("web"), 8081)})
	if f := find(t, &r, "half-close-held"); r.Received != 12 || r.Close != CloseFourWay {
		t.Errorf("%d bytes, close %s: %s", r.Received, r.Close, f.Evidence)
	}
}
