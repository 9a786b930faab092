package scan

import (
	"fmt"
	"slices"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A SYN-ACK that acknowledges another number than that of a probe proves nothing: anybody
// may have sent it. It is no verdict, and gets no RST. But a TCP would send that RST (RFC 9293
// §3.10.7.3), and what protects from floods may wait for it before it lets SYNs pass; or the far end still
// holds half of an old connection. So of ports that keep silent otherwise it is told, and nobody is sure that
// they are filtered.

// otherAcks are the SYN-ACKs of a host that acknowledge another number, and those that are too many.
type otherAcks struct {
	storm  storm
	ports  uint32    // silent ones that sent any
	port   uint16    // one of them
	acked  craft.Seq // what it acknowledged
	number craft.Seq // instead of this
}

// noteOtherAck takes note of a SYN-ACK that acknowledges another number than that of a probe that
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
		n := e.Matcher.Cookie.Numbers(s.Dst, s.Src, f.same.of(attempt))
		a.port, a.acked, a.number = s.Src.Port(), s.Ack, n.Seq.Add(1)
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
	return []probe.Finding{{
		Code: "wrong-ack", Severity: probe.SeverityNotice,
		Text: "SYN-ACKs came that acknowledge another number than that of the SYN: they prove nothing, and a scan does not answer them. " +
			"What protects the host from floods may wait for the RST that a TCP sends then: `synscope handshake` sends it, and may get through",
		Evidence: fmt.Sprintf("ports that are silent otherwise: %d; port %d acknowledged %d instead of %d", a.ports, a.port, a.acked, a.number),
	}}
}
