package live_test

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/probe/why"
)

// wireCheck holds what a diagnosis says it saw against tcpdump, which somebody else
// wrote, beside it on the same interface.
const wireCheck = "WHY_TCPDUMP"

// watched begins to capture on a scene's interface, where that is asked for and where
// the scene's packets are to be seen there. What it returns ends that, and judges.
func watched(t *testing.T, h *lab.Host, where side) func(*why.Diagnosis) {
	t.Helper()
	if os.Getenv(wireCheck) == "" || where == elsewhere {
		return func(*why.Diagnosis) {}
	}
	file := filepath.Join(t.TempDir(), "wire.pcap")
	c := exec.Command("tcpdump", "-i", h.Interface(), "-nn", "-U", "--immediate-mode", "-s", "160", "-B", "4096", "-w", file, "tcp or icmp or icmp6")
	must(t, c.Start())
	for n := 0; n < 100 && sizeOf(file) == 0; n++ { // the file's header is written when it listens
		time.Sleep(20 * time.Millisecond)
	}
	return func(d *why.Diagnosis) {
		t.Helper()
		time.Sleep(300 * time.Millisecond)
		c.Process.Signal(os.Interrupt)
		c.Wait()
		out, err := exec.Command("tcpdump", "-nn", "-r", file).Output()
		must(t, err)
		if seen := counted(string(out)); where == nowhere {
			judgeSilence(t, d, seen)
		} else {
			judgeWire(t, d, seen)
		}
	}
}

func sizeOf(file string) int64 {
	s, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return s.Size()
}

// flowOf names a port of ours and an address and port that it exchanges to.
type flowOf struct {
	port uint16
	peer netip.AddrPort
}

// onWire counts what tcpdump saw of a flow, and when its last SYN left and was answered first.
type onWire struct {
	syns, synacks, resets int
	asked, answered       time.Time
}

// String counts in words.
func (w *onWire) String() string {
	return fmt.Sprintf("%d SYNs, %d SYN-ACKs, %d resets", w.syns, w.synacks, w.resets)
}

// inTime reports whether the flow was answered before a trial gives up.
func (w *onWire) inTime() bool {
	return !w.answered.IsZero() && w.answered.Sub(w.asked) < 1200*time.Millisecond
}

// answer notes when a SYN was answered.
func (w *onWire) answer(at time.Time) {
	if w.answered.IsZero() {
		w.answered = at
	}
}

// counted reads tcpdump's lines: "IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], ...".
func counted(text string) map[flowOf]*onWire {
	all := map[flowOf]*onWire{}
	at := func(mine, peer netip.AddrPort) *onWire {
		f := flowOf{mine.Port(), peer}
		if all[f] == nil {
			all[f] = &onWire{}
		}
		return all[f]
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 7 || fields[5] != "Flags" {
			continue
		}
		when, _ := time.Parse("15:04:05.000000", fields[0])
		src, dst := endpoint(fields[2]), endpoint(strings.TrimSuffix(fields[4], ":"))
		switch flags := strings.Trim(fields[6], "[],"); {
		case strings.HasPrefix(flags, "S."):
			at(dst, src).synacks++
			at(dst, src).answer(when)
		case strings.HasPrefix(flags, "S"):
			at(src, dst).syns++
			at(src, dst).asked = when
		case strings.HasPrefix(flags, "R"):
			at(dst, src).resets++
			at(dst, src).answer(when)
		}
	}
	return all
}

// endpoint reads an address and port as tcpdump writes them, with a dot between.
func endpoint(s string) netip.AddrPort {
	n := strings.LastIndexByte(s, '.')
	if n < 0 {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddr(s[:n])
	if err != nil {
		return netip.AddrPort{}
	}
	var port uint16
	fmt.Sscan(s[n+1:], &port)
	return netip.AddrPortFrom(a, port)
}

// judgeSilence wants nothing on the wire that goes to the target.
func judgeSilence(t *testing.T, d *why.Diagnosis, seen map[flowOf]*onWire) {
	t.Helper()
	for f, w := range seen {
		if slices.Contains(d.Addrs, why.Address{AddrPort: f.peer}) {
			t.Errorf("port %d to %s: nothing should leave this machine, tcpdump saw %v", f.port, f.peer, w)
		}
	}
}

// judgeWire wants each answer that is quoted on the wire, and nothing answered of what
// is said to have been met by silence.
func judgeWire(t *testing.T, d *why.Diagnosis, seen map[flowOf]*onWire) {
	t.Helper()
	said := map[flowOf]*onWire{}
	silent, other, syns := map[flowOf]int{}, map[flowOf]int{}, 0
	for i := range d.Trials {
		r := &d.Trials[i]
		if r.Role != why.Target || r.Reply.Port == 0 {
			continue
		}
		f := flowOf{r.Reply.Port, netip.AddrPortFrom(d.Addrs[r.Addr].Addr(), d.Addrs[r.Addr].Port())}
		if r.Kind != why.SYN {
			other[f]++
			continue
		}
		if said[f] == nil {
			said[f] = &onWire{}
		}
		if r.Outcome != why.SendRefused && r.Outcome != why.NoRoom {
			said[f].syns++
			syns++
		}
		switch r.Outcome {
		case why.SYNACK, why.SlowSYNACK, why.Near, why.Late:
			said[f].synacks++
		case why.Reset, why.ResetNear:
			said[f].resets++
		case why.Silence:
			silent[f]++
		}
	}
	if len(seen) == 0 {
		t.Errorf("tcpdump saw nothing: there is nothing to compare %d SYNs with", syns)
	}
	for f, s := range said {
		w := seen[f]
		if w == nil {
			w = &onWire{}
		}
		if w.syns < s.syns || w.synacks < s.synacks || w.resets < s.resets {
			t.Errorf("port %d to %s: said %v, tcpdump saw %v", f.port, f.peer, s, w)
		}
		if other[f] == 0 && silent[f] == s.syns && s.syns > 0 && w.inTime() {
			t.Errorf("port %d to %s: silence is said of %d SYNs, tcpdump saw %v", f.port, f.peer, s.syns, w)
		}
	}
	if t.Failed() {
		return
	}
	t.Logf("tcpdump saw the answers to %d SYNs of %d flows as they are quoted", syns, len(said))
}
