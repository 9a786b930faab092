package record

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// Segment is one packet of a connection, and the states of the two ends after
// it. Local is the client's side, which in a live run is ours.
type Segment struct {
	Time       time.Time        `json:"time"`
	Out        bool             `json:"-"` // from the client; "dir" is "out" or "in"
	Src        netip.AddrPort   `json:"src"`
	Dst        netip.AddrPort   `json:"dst"`
	Flags      string           `json:"flags,omitempty"` // absent for an ICMP error
	Seq        craft.Seq        `json:"seq"`
	Ack        Maybe[craft.Seq] `json:"ack,omitzero"`
	Window     uint16           `json:"win"`
	Len        int              `json:"len"`
	Options    []string         `json:"options,omitempty"`
	TTL        uint8            `json:"ttl"`
	IPID       Maybe[uint16]    `json:"ip_id,omitzero"` // IPv4 only
	Local      handshake.State  `json:"local_state,omitempty"`
	Peer       handshake.State  `json:"peer_state,omitempty"`
	Note       string           `json:"note,omitempty"`
	Connection Maybe[uint64]    `json:"connection,omitzero"` // in a capture: its number there
	File       string           `json:"file,omitempty"`      // of several captures: which
	Packet     Maybe[uint64]    `json:"packet,omitzero"`     // in a capture: its number there

	RelativeSeq, RelativeAck uint32 `json:"-"`
}

// NewSegment makes the record of a rung of a live connection.
func NewSegment(l *handshake.Line) *Segment {
	r := &Segment{
		Time: l.Time, Out: l.From == handshake.Client, Local: l.Client, Peer: l.Server,
		Note: l.Notes.String(), RelativeSeq: l.Seq, RelativeAck: l.Ack,
	}
	if l.Segment != nil {
		r.see(l.Segment)
	} else if l.ICMP != nil {
		r.seeICMP(l.ICMP)
	}
	return r
}

// repeated are the notes that [flow.Repeat] words more exactly.
const repeated = handshake.NoteRetransmission | handshake.NoteKeepAlive | handshake.NoteWindowProbe

// NewCapturedSegment makes the record of a packet of a capture.
func NewCapturedSegment(s *flow.Segment) *Segment {
	r := NewSegment(&s.Line)
	r.Connection, r.Packet = Some(s.Attempt), Some(s.Packet)
	r.Note = (s.Notes &^ repeated).String()
	if s.Repeat != flow.Fresh {
		r.Note = joinNotes(s.Repeat.String(), r.Note)
	}
	if s.ICMP != nil {
		r.seeICMP(s.ICMP)
	}
	if s.Duplicate {
		r.Note = "the same packet, captured again"
	}
	return r
}

func joinNotes(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + ", " + b
}

func (r *Segment) see(s *craft.Segment) {
	r.Src, r.Dst, r.Flags, r.TTL = s.Src, s.Dst, s.Flags.String(), s.TTL
	r.Seq, r.Window, r.Len, r.Options = s.Seq, s.Window, len(s.Payload), s.Options.Strings()
	if s.Flags.Has(craft.ACK) || s.Ack != 0 {
		r.Ack = Some(s.Ack)
	}
	if s.Src.Addr().Is4() {
		r.IPID = Some(s.ID)
	}
}

// seeICMP tells an error about a segment of the client.
func (r *Segment) seeICMP(e *craft.ICMPError) {
	r.Src, r.Dst = netip.AddrPortFrom(e.Src, 0), e.Quote.Src
	r.Seq, r.TTL = e.Quote.Seq, e.TTL
	r.Note = fmt.Sprintf("ICMP type %d code %d from %s", e.Type, e.Code, e.Src)
}

// Type is "segment".
func (*Segment) Type() string { return "segment" }

func (r *Segment) direction() string {
	if r.Out {
		return "out"
	}
	return "in"
}

func (r *Segment) Fields(w FieldWriter) {
	w.Time("time", r.Time)
	w.Str("dir", r.direction())
	w.Str("src", endpoint(r.Src))
	w.Str("dst", endpoint(r.Dst))
	strField(w, "flags", r.Flags)
	w.Uint("seq", uint64(r.Seq))
	uintField(w, "ack", r.Ack)
	if r.Flags != "" {
		w.Uint("win", uint64(r.Window))
		w.Uint("len", uint64(r.Len))
		w.Strs("options", r.Options)
	}
	w.Uint("ttl", uint64(r.TTL))
	uintField(w, "ip_id", r.IPID)
	strField(w, "local_state", r.Local.String())
	strField(w, "peer_state", r.Peer.String())
	strField(w, "note", r.Note)
	uintField(w, "connection", r.Connection)
	strField(w, "file", r.File)
	uintField(w, "packet", r.Packet)
}

// endpoint is an address with its port, where there is one.
func endpoint(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}

// SegmentColumns are the fields of a segment record in their order.
func SegmentColumns() []string {
	return []string{
		"time", "dir", "src", "dst", "flags", "seq", "ack", "win", "len", "options",
		"ttl", "ip_id", "local_state", "peer_state", "note", "connection", "file", "packet",
	}
}
