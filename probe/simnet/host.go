package simnet

import (
	"cmp"
	"time"

	"synscope/craft"
)

// Host is a model of whatever is behind an address.
type Host interface {
	// Respond reacts to a segment that has arrived at the instant now. The
	// segment is valid during the call only. Calls never overlap within one
	// Net, and must not call its methods.
	Respond(now time.Time, in *craft.Segment, out Emitter)
}

// HostFunc is a function as a Host.
type HostFunc func(now time.Time, in *craft.Segment, out Emitter)

// Respond calls f.
func (f HostFunc) Respond(now time.Time, in *craft.Segment, out Emitter) { f(now, in, out) }

// Dropped answers nothing, as a firewall with a drop rule and an address
// without a host do.
type Dropped struct{}

// Respond does nothing.
func (Dropped) Respond(time.Time, *craft.Segment, Emitter) {}

// Mux is a host with a model of its own for each port.
type Mux struct {
	Ports   map[uint16]Host
	Default Host // the other ports; nil is Closed
}

// Respond passes the segment to its port.
func (m Mux) Respond(now time.Time, in *craft.Segment, out Emitter) {
	host, ok := m.Ports[in.Dst.Port()]
	if !ok {
		host = m.Default
	}
	if host == nil {
		host = Closed{}
	}
	host.Respond(now, in, out)
}

// Linux is a host as Linux makes it: listeners on the open ports, resets from
// all others.
func Linux(open ...uint16) Mux {
	m := Mux{Ports: map[uint16]Host{}}
	for _, port := range open {
		m.Ports[port] = &Listener{}
	}
	return m
}

// reply starts an answer to a segment: addresses turned round, nothing else
// but what every stack sets.
func reply(in *craft.Segment, ttl uint8) craft.Segment {
	ttl = cmp.Or(ttl, 64)
	return craft.Segment{Src: in.Dst, Dst: in.Src, TTL: ttl, DF: in.Src.Addr().Is4()}
}

// ResetFor is the RST with which a host that knows no connection answers a
// segment (RFC 9293 §3.10.7.1). An RST is not answered.
func ResetFor(in *craft.Segment, ttl uint8) (rst craft.Segment, ok bool) {
	rst = reply(in, ttl)
	switch {
	case in.Flags.Has(craft.RST):
		return rst, false
	case in.Flags.Has(craft.ACK):
		rst.Seq, rst.Flags = in.Ack, craft.RST
	default:
		rst.Ack, rst.Flags = in.Seq.Add(in.Len()), craft.RST|craft.ACK
	}
	return rst, true
}

// Closed is a port without a listener. With a TTL of its own it is also the
// middlebox that refuses in a host's name.
type Closed struct {
	TTL uint8 // as it arrives; 0 is 64
}

// Respond resets.
func (c Closed) Respond(_ time.Time, in *craft.Segment, out Emitter) {
	if rst, ok := ResetFor(in, c.TTL); ok {
		out.Segment(0, &rst)
	}
}

// Rejected answers every segment but an RST with an ICMP error.
type Rejected struct {
	ICMP ICMP // Quote is filled in; From defaults to the segment's destination
}

// Respond sends the error.
func (r Rejected) Respond(_ time.Time, in *craft.Segment, out Emitter) {
	if in.Flags.Has(craft.RST) {
		return
	}
	msg := r.ICMP
	msg.Quote = *in
	msg.Quote.Seq = msg.Quote.Seq.Add(msg.SeqOff)
	out.ICMP(0, &msg)
}
