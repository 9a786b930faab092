package handshake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket/pcapgo"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/probe"
)

// captured is one packet of a capture.
type captured struct {
	time    time.Time
	segment craft.Segment
}

// capture runs tcpdump on all interfaces while f runs, and returns the packets
// of one port of the target.
func capture(t *testing.T, target netip.AddrPort, f func()) []captured {
	t.Helper()
	file := filepath.Join(t.TempDir(), "beside.pcap")
	filter := fmt.Sprintf("host %s and tcp port %d", target.Addr(), target.Port())
	said := lab.Capture(t, f, "-i", "any", "-nn", "-U", "--immediate-mode", "--nano", "-s", "2048", "-B", "8192", "-w", file, filter)
	if !strings.Contains(said, "\n0 packets dropped by kernel") {
		t.Errorf("tcpdump lost packets: %s", said)
	}
	return readCapture(t, file)
}

// sll2 is the length of a LINUX_SLL2 header, with which tcpdump keeps what it
// sees on "any".
const sll2 = 20

func readCapture(t *testing.T, name string) (list []captured) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := pcapgo.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		var p craft.Packet
		if err := p.Decode(data[sll2:], craft.TrustChecksums); err != nil {
			t.Fatal(err)
		}
		list = append(list, captured{info.Timestamp, p.Segment})
	}
}

// replayed follows a capture.
func replayed(list []captured, withheld Withhold) (f *Follower, rungs []string) {
	f = NewFollower(list[0].segment.Src, list[0].segment.Dst, Context{Withheld: withheld})
	for i := range list {
		rungs = append(rungs, rungOf(f.Segment(list[i].time, &list[i].segment)))
	}
	return f, rungs
}

// rungOf is a rung without its time.
func rungOf(l Line) string {
	_, text, _ := strings.Cut(lineText(l.Time, l), " ")
	return text
}

// stampSlack is how much longer than ours the round trips by tcpdump's stamps may be, in the
// middle of all: its memory mapped ring takes the time when the tap runs, before the device
// sends and after it receives. Between the two a machine may hold up any single one for long.
const stampSlack = 50 * time.Microsecond

// stampsApart are how much longer the round trips of connections were by tcpdump's stamps.
type stampsApart struct {
	sync.Mutex
	by []time.Duration
}

// compare reports a round trip that is longer than tcpdump saw it: the taps lie around ours.
func (s *stampsApart) compare(t *testing.T, ours, theirs time.Duration) {
	t.Helper()
	if theirs < ours {
		t.Errorf("RTT %v, by tcpdump %v", ours, theirs)
	}
	s.Lock()
	defer s.Unlock()
	s.by = append(s.by, theirs-ours)
}

// middle is of at least one.
func (s *stampsApart) middle() time.Duration {
	slices.Sort(s.by)
	return s.by[len(s.by)/2]
}

// TestTcpdump: what a capture beside the run holds, followed by itself, gives
// the same rungs: states, notes, retransmissions. It holds nothing that we did
// not see, above all no RST of our kernel.
func TestTcpdump(t *testing.T) {
	l := kernelLab(t)
	var apart stampsApart
	t.Run("all", func(t *testing.T) {
		for name, cfg := range besideTcpdump(l) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ours, theirs := followedTwice(t, cfg)
				apart.compare(t, ours, theirs)
			})
		}
	})
	if !t.Failed() && len(apart.by) > 0 && apart.middle() > stampSlack {
		t.Errorf("half of the round trips are longer by %v and more by tcpdump's stamps", apart.middle())
	}
}

// besideTcpdump are connections that cover what a run may meet.
func besideTcpdump(l *lab.Lab) map[string]Config {
	return map[string]Config{
		"echo":         {Target: at(l.Host("web"), 80), Data: []byte("hello")},
		"closes first": {Target: at(l.Host("web"), 81)},
		"aborts":       {Target: at(l.Host("web"), 82)},
		"withheld FIN": {Target: at(l.Host("plain"), 80), Withhold: WithholdLastAck, Watch: time.Second},
		"half-open":    {Target: at(l.Host("patient"), 80), Withhold: WithholdSYNACKAck, Watch: 1500 * time.Millisecond},
		"SYN proxy":    {Target: at(l.Host("proxy"), 80), Data: []byte("hello")},
		"refused":      {Target: at(l.Host("far"), 99)},
		"no answer":    {Target: at(l.Host("guarded"), 8000), Timeout: 100 * time.Millisecond, Retries: 2},
		"reset by us":  {Target: at(l.Host("far"), 80), Close: EndRST},
		"data on SYN":  {Target: at(l.Host("cookie"), 80), Data: []byte("early"), DataOn: OnSYN},
		"zero window":  {Target: at(l.Host("web"), 84), Data: filler(32 << 10), Retries: 1},
	}
}

// followedTwice makes a connection beside tcpdump, compares what both saw, and
// returns the round trip of the handshake by both.
func followedTwice(t *testing.T, cfg Config) (here, there time.Duration) {
	t.Helper()
	var ours []string
	var r Result
	cfg.OnSegment = func(l Line) { ours = append(ours, rungOf(l)) }
	lines := capture(t, cfg.Target, func() { r = attempt(t, cfg) })
	f, seen := replayed(lines, cfg.Withhold)
	if !slices.Equal(ours, seen) {
		t.Errorf("we saw:\n%s\ntcpdump saw:\n%s", strings.Join(ours, "\n"), strings.Join(seen, "\n"))
	}
	theirs := f.Result()
	if theirs.Close != r.Close && cfg.Close != EndRST || theirs.Retransmits != r.Retransmits ||
		theirs.SYNACKRetransmits != r.SYNACKRetransmits || theirs.FINRetransmits != r.FINRetransmits {
		t.Errorf("live: %+v\ncapture: %+v", r, theirs)
	}
	return r.RTT, theirs.RTT
}

// TestNoFirewall: nothing of ours is in nftables after a run.
func TestNoFirewall(t *testing.T) {
	l := kernelLab(t)
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("nft is not installed")
	}
	attempt(t, Config{Target: at(l.Host("web"), 80)})
	rules, err := exec.Command(nft, "list", "ruleset").CombinedOutput()
	if err != nil || len(bytes.TrimSpace(rules)) > 0 {
		t.Errorf("nft list ruleset: %v\n%s", err, rules)
	}
}

// TestInterrupted: the last packet is an RST with the number that the host
// expects, and the host forgets the connection.
func TestInterrupted(t *testing.T) {
	l := kernelLab(t)
	for name, tc := range map[string]struct {
		cfg   Config
		after craft.Flags // of the host's segment after which it is cut short
	}{
		"half-open": {Config{Target: at(l.Host("patient"), 80), Withhold: WithholdSYNACKAck, Watch: time.Minute}, craft.SYN},
		"open":      {Config{Target: at(l.Host("web"), 80), Close: EndNone, Watch: time.Minute, Data: []byte("x")}, 0},
		"closing":   {Config{Target: at(l.Host("web"), 80), Withhold: WithholdLastAck, Watch: time.Minute}, craft.FIN},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := tc.cfg
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var err error
			cfg.OnSegment = func(l Line) {
				if l.From == Server && l.Segment.Flags&(craft.SYN|craft.FIN) == tc.after {
					cancel()
				}
			}
			lines := capture(t, cfg.Target, func() { _, err = attemptUntil(t, ctx, cfg) })
			if !errors.Is(err, probe.ErrInterrupted) {
				t.Errorf("error %v", err)
			}
			var last craft.Segment // of ours: what the host was about to send may cross it
			for _, line := range lines {
				if line.segment.Dst == cfg.Target {
					last = line.segment
				}
			}
			if last.Flags != craft.RST {
				t.Errorf("our last packet %s", &last)
			}
			for _, line := range strings.Split(socketsOf(t, l.Host(hostNameOf(name))), "\n") {
				if strings.Contains(line, "SYN-RECV") || strings.Contains(line, "ESTAB") || strings.Contains(line, "LAST-ACK") {
					t.Errorf("the host still holds %s", line)
				}
			}
		})
	}
}

func hostNameOf(test string) string {
	if test == "half-open" {
		return "patient"
	}
	return "web"
}
