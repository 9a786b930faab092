package handshake

import (
	"time"

	"synscope/craft"
)

// flow is what is known of the data of both ends.
type flow struct {
	keep    int    // bytes of the server's first ones that are kept
	onSYN   int    // bytes of data on the client's SYN
	sent    uint64 // new bytes of the client
	bytes   []byte // the server's first ones
	got     uint64 // new bytes of the server
	unasked bool   // the server's first bytes came before any of the client's
	early   bool   // and before the handshake was complete
	late    uint64 // bytes of the server after the client's FIN was acknowledged
}

func (d *flow) client(s *craft.Segment, before, now *Pair) {
	if s.Flags.Has(craft.SYN) {
		d.onSYN = len(s.Payload)
	}
	d.sent += fresh(s, &before.Client, &now.Client)
}

func (d *flow) server(s *craft.Segment, n Notes, before, now *Pair) {
	bytes := fresh(s, &before.Server, &now.Server)
	if bytes == 0 {
		return
	}
	if d.got == 0 {
		d.unasked, d.early = n.Has(NoteUnasked), n.Has(NoteEarlyData)
	}
	d.got += bytes
	if before.Client.facts.has(finAcked) {
		d.late += bytes
	}
	if room := d.keep - len(d.bytes); room > 0 && !n.Has(NoteGap) {
		tail := s.Payload[len(s.Payload)-int(min(bytes, uint64(len(s.Payload)))):]
		d.bytes = append(d.bytes, tail[:min(room, len(tail))]...)
	}
}

// fresh is how many bytes of payload a segment brought that had not been sent
// before.
func fresh(s *craft.Segment, before, now *End) uint64 {
	if len(s.Payload) == 0 {
		return 0
	}
	from := before.Nxt
	if !before.Opened() {
		from = s.Seq
	}
	n := int64(now.Nxt.Sub(from))
	return uint64(max(0, min(n, int64(len(s.Payload)))))
}

// shutting is what is known of a window of zero on an accepted connection.
type shutting struct {
	closed bool // the last window was zero
	ever   bool
	opened bool // some window after the SYN-ACK was not zero
	synack bool // the SYN-ACK's own was zero
}

func (w *shutting) server(s *craft.Segment, now *Pair) {
	w.closed = now.Server.Room == 0
	switch {
	case s.Flags.Has(craft.SYN):
		w.synack = w.closed
	case w.closed:
		w.ever = true
	default:
		w.opened = true
	}
}

// finishing is what is known of the teardown.
type finishing struct {
	begun     bool
	first     Side      // who sent the first FIN
	at        time.Time // of the server's first FIN
	repeats   int       // of the server's FIN
	schedule  []time.Duration
	merged    bool // one segment acknowledged the first FIN and was the second
	ackedBare bool // the first FIN was acknowledged by itself
}

func (f *finishing) server(at time.Time, s *craft.Segment, before *Pair) {
	f.merge(Server, s, before)
	switch {
	case !s.Flags.Has(craft.FIN):
	case !before.Server.Finished():
		f.at = at
	default:
		f.repeats++
		if len(f.schedule) < maxSchedule {
			f.schedule = append(f.schedule, at.Sub(f.at))
		}
	}
}

// complete names a teardown in which both FINs were acknowledged.
func (f *finishing) complete() Close {
	if f.merged {
		return CloseThreeWay
	}
	return CloseFourWay
}

// merge watches how the first FIN is answered.
func (f *finishing) merge(from Side, s *craft.Segment, before *Pair) {
	me, you := before.end(from), before.end(from.Other())
	fin := s.Flags.Has(craft.FIN)
	if fin && !f.begun {
		f.begun, f.first = true, from
		return
	}
	if !f.begun || f.first == from || f.merged || f.ackedBare || !you.FIN.LessThan(s.Ack) {
		return
	}
	f.merged = fin && !me.Finished()
	f.ackedBare = !f.merged
}

// ecnSeen is what is known of congestion notification.
type ecnSeen struct {
	marked int  // data segments of the client with congestion experienced
	echoed bool // the server has said so
}

const (
	tosECN = 3 // RFC 3168 §5: the two lowest bits
	tosCE  = 3
	tosECT = 2
)

func (e *ecnSeen) client(s *craft.Segment) {
	if s.TOS&tosECN == tosCE && len(s.Payload) > 0 {
		e.marked++
	}
}

func (e *ecnSeen) server(s *craft.Segment) {
	if e.marked > 0 && s.Flags.Has(craft.ECE) && !s.Flags.Has(craft.SYN) {
		e.echoed = true
	}
}

// afterTimeWait is how a server that closed first treats our FIN that comes
// again after the end.
type afterTimeWait struct {
	asked, wasReset, acked bool
	close                  Close // how the connection had ended by then
}

func (a *afterTimeWait) client(v *evidence, s *craft.Segment, before *Pair) {
	if s.Flags.Has(craft.FIN) && before.Client.State() == Closed && before.Server.State() == TimeWait {
		a.asked, a.close = true, v.fin.complete()
	}
}

func (a *afterTimeWait) reset() { a.wasReset = a.asked && !a.acked }

func (a *afterTimeWait) server(_ *craft.Segment, _ *Pair) { a.acked = a.acked || a.asked }

// cookieProof is the answer to a second SYN that differs in its ISN only.
type cookieProof struct {
	first, second [2]craft.Seq // ISN of ours, ISN of the peer
}

// holds tells whether the peer's ISN moved exactly as ours did.
func (c *cookieProof) holds() bool {
	return c != nil && c.second[1].Sub(c.first[1]) == c.second[0].Sub(c.first[0]) && c.second[0] != c.first[0]
}
