package live_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/internal/lab"
)

// What a run leaves open at the host is held against what the link has lost: nobody closes
// a connection whose every RST is lost.

// leftover is a connection of the host's that is not closed.
type leftover struct {
	host, peer uint16 // ports
	state      string // of include/net/tcp_states.h, in hexadecimal
}

// leftOpen are the connections that a namespace has in its tables, those in TIME_WAIT
// apart, which are closed: proc(5), /proc/net/tcp.
func leftOpen(t *testing.T) (list []leftover) {
	t.Helper()
	for _, table := range []string{"tcp", "tcp6"} {
		b, err := os.ReadFile("/proc/thread-self/net/" + table)
		must(t, err)
		for line := range strings.Lines(string(b)) {
			fields := strings.Fields(line)
			if len(fields) > 3 && slices.Contains([]string{"01", "02", "03", "04", "05", "08", "09", "0B", "0C"}, fields[3]) {
				list = append(list, leftover{procPort(fields[1]), procPort(fields[2]), fields[3]})
			}
		}
	}
	return list
}

// procPort is the port of "0100007F:1F90".
func procPort(s string) (p uint16) {
	_, port, _ := strings.Cut(s, ":")
	fmt.Sscanf(port, "%X", &p)
	return p
}

// closings counts, on a link, the RSTs to one of the host's connections since its last SYN,
// and those of them that the link has lost.
func (o leftover) closings(records []lab.PacketRecord) (sent, lost int) {
	for i := range records {
		p, ok := parse(records[i].Head[:])
		switch {
		case !ok || records[i].Direction != lab.Outward || p.sport != o.peer || p.dport != o.host:
		case p.syn():
			sent, lost = 0, 0
		case p.flags&0x04 == 0:
		case records[i].Outcome == lab.Lost:
			lost++
			fallthrough
		default:
			sent++
		}
	}
	return sent, lost
}

// unlucky reports whether the link has lost an RST that was to close it. Others may have passed that
// were for another SYN of the flow, with another number.
func (o leftover) unlucky(records []lab.PacketRecord) bool {
	sent, lost := o.closings(records)
	return sent > 0 && lost > 0
}

// delivered waits until a link has forwarded what was handed to it, and what came of that.
func delivered(w *lab.Wire, l *lab.Link) []lab.PacketRecord {
	time.Sleep(l.Out.Delay + l.Back.Delay + l.Out.Delay)
	records := w.Records()
	for range 20 {
		time.Sleep(50 * time.Millisecond)
		again := w.Records()
		if len(again) == len(records) {
			break
		}
		records = again
	}
	return records
}

// closed looks whether the host keeps anything open that a packet of ours could have closed.
func (s *scene) closed(t *testing.T, h *lab.Host) {
	t.Helper()
	var records []lab.PacketRecord
	if w := h.Wire(); w != nil {
		records = delivered(w, s.spec.Link)
	}
	must(t, h.Do(func() error {
		var list []leftover
		all := leftOpen(t)
		for _, o := range all {
			if !o.unlucky(records) {
				list = append(list, o)
			}
		}
		if len(all) > 0 {
			t.Logf("%d connections are open at the host, of which %d because an RST to them was lost", len(all), len(all)-len(list))
		}
		if len(list) > s.leaves {
			t.Errorf("%d connections are left open or half open at the host: %v", len(list), list)
			list[0].course(t, records)
		}
		return nil
	}))
}

// course tells what crossed a link of a connection.
func (o leftover) course(t *testing.T, records []lab.PacketRecord) {
	t.Helper()
	for i := range records {
		r := &records[i]
		p, ok := parse(r.Head[:])
		if ours := r.Direction == lab.Outward; !ok || ours && (p.sport != o.peer || p.dport != o.host) || !ours && (p.sport != o.host || p.dport != o.peer) {
			continue
		}
		t.Logf("  %s direction %d outcome %d flags %#02x seq %d, %d bytes", r.In.Format("05.000"), r.Direction, r.Outcome, p.flags, p.seq, p.payload)
	}
}
