package text

import (
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// host keeps what is worth telling of a host at the end. Hosts that are down and
// were not probed are counted in the summary.
func (t *textSink) host(h *record.Host) {
	_, probed := h.Ports.Get()
	switch {
	case len(h.Findings) > 0:
	case !t.o.Reason || !probed || t.plain > maxBlocks:
		return
	default:
		t.plain++
	}
	t.hosts = append(t.hosts, h)
}

// described tells whether hosts are few enough to be told of one by one.
func (t *textSink) described(h *record.Host) bool {
	_, probed := h.Ports.Get()
	return probed && t.o.Reason && t.plain <= maxBlocks
}

// hostNotes appends what was noticed about hosts as a whole, below their ports.
func (t *textSink) hostNotes(lines []string) []string {
	for _, h := range t.hosts {
		if len(h.Findings) == 0 && !t.described(h) {
			continue
		}
		if host := record.NameOf(h.Target, h.Addr); len(lines) > 0 || host != t.lastHost {
			lines = append(lines, "", t.paint.paint(bold, host))
		}
		if t.described(h) {
			lines = append(lines, "  "+t.hostNote(h))
		}
		for _, f := range h.Findings {
			lines = append(lines, t.finding(f, ""))
		}
	}
	return lines
}

// hostNote is "up (reset), 4 ports from 15:04:05.000 to 15:04:05.020, loss 1.5 %".
func (t *textSink) hostNote(h *record.Host) string {
	words := []string{t.paint.paint(hostStyle(h.State), h.State.String())}
	if h.Reason != "" {
		words[0] += " (" + string(h.Reason) + ")"
	}
	if h.MAC != "" {
		words = append(words, strings.TrimSpace(h.MAC+" "+units.Printable(h.Vendor)))
	}
	n, _ := h.Ports.Get()
	words = append(words, units.CountOf(n, "port")+" from "+clockTime(h.Began)+" to "+clockTime(h.Time))
	if loss, ok := h.Loss.Get(); ok {
		words = append(words, "loss "+strconv.FormatFloat(100*loss, 'f', 1, 64)+" %")
	}
	return strings.Join(words, ", ")
}

// leftOut says which addresses were not probed, where hosts were looked for
// first.
func leftOut(s *record.Summary) []string {
	down, looked := s.HostsDown.Get()
	if !looked || down == 0 {
		return nil
	}
	up, _ := s.HostsUp.Get()
	unknown, _ := s.HostsUnknown.Get()
	return []string{units.Count(down) + " of " + units.Plural(up+down+unknown, "address", "addresses") + " did not answer and " +
		wasOrWere(down) + " left out: " + downWords(s.Down) + " (--discover none probes them too)"}
}

// clockTime is the time of day, to a millisecond, where this machine is; "" for
// none.
func clockTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("15:04:05.000")
}

func wasOrWere(n uint64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}
