package scan

import (
	"fmt"
	"slices"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A SYN-ACK or RST that acknowledges another number than the probe's is no verdict, and gets no RST
// (probe/internal/wire/stray.go says what it may be). If the port is otherwise silent, its host
// gets a finding about it, and the port is not called filtered with any confidence.

// otherAcks are the segments of a host that acknowledge another number, and those that are too many.
type otherAcks struct {
	storm storm
	ports uint32     // silent ones that sent any
	port  uint16     // one of them
	stray wire.Stray // and what it sent
}

// noteOtherAck takes note of a segment that acknowledges another number than that of a probe that
// has left.
func (e *engine) noteOtherAck(ev *wire.Event) {
	s := &ev.Seg
	h := e.hosts.find(s.Src.Addr(), ev.Link)
	if h == nil || !ev.ArrivedAt(h.way.source) {
		return
	}
	_, f := e.flights.find(h, s.Src.Port())
	attempt := slices.Index(e.Matcher.Ports, s.Dst.Port())
	if f == nil || attempt < 0 || attempt >= f.attempts() || f.tx[attempt].After(ev.At, e.Start.Add(f.tx[attempt].Sent)) {
		return
	}
	f.otherAck = true
	if a := h.tally.lies(); a.port == 0 {
		a.port = s.Src.Port()
		a.stray = wire.OtherNumber(s, e.Matcher.Cookie.Numbers(s.Dst, s.Src, f.same.of(attempt)).Seq)
	}
}

// lies has room for what is noticed of a host that most hosts do not do.
func (t *tally) lies() *otherAcks {
	if t.otherAcks == nil {
		t.otherAcks = &otherAcks{}
	}
	return t.otherAcks
}

func (a *otherAcks) findings() []probe.Finding {
	if a == nil || a.ports == 0 {
		return nil
	}
	f := a.stray.Finding()
	f.Evidence = fmt.Sprintf("ports that are silent otherwise: %d; port %d %s", a.ports, a.port, f.Evidence)
	return []probe.Finding{f}
}
