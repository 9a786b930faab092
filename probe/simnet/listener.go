package simnet

import (
	"net/netip"
	"time"

	"synscope/craft"
)

// Listener is a TCP endpoint in LISTEN together with the connections it has
// accepted: the server's side of RFC 9293 §3.10.7, by default as Linux does
// it. One Listener may serve many addresses and ports. The zero value is a
// Linux host that accepts and says nothing.
type Listener struct {
	TTL    uint8  // as it arrives; 0 is 64
	Window uint16 // 0 is 64240
	Shut   Shut   // when the window is zero instead
	MSS    uint16 // 0 is what Ethernet holds
	ISN    ISN    // nil is ClockISN(0, LinuxClock)

	// Stray is what a port in LISTEN does with segments that are no SYN.
	Stray Stray
	// ResetWindow is the window of an RST. Where it is not zero, a window
	// scan sees an open port.
	ResetWindow uint16

	// Booted, where set, is when the timestamp clock of all connections was
	// zero. Otherwise each tuple has an offset of its own, as with Linux
	// since 4.10 (net/core/secure_seq.c, secure_tcp_ts_off).
	Booted time.Time

	// SYNACKs are the times, counted from the first, at which a SYN-ACK that
	// is not acknowledged is retransmitted; the half-open connection is
	// forgotten after Forget. nil is Linux's: 1, 3, 7, 15, 31, and 63 s.
	SYNACKs []time.Duration
	Forget  time.Duration

	Backlog  Backlog
	ECN      bool // accepts ECN (RFC 3168 §6.1.1)
	FastOpen bool // takes data on a SYN without asking for a cookie

	App App

	conns map[tuple]*tcb
}

// tuple names a connection.
type tuple struct{ local, remote netip.AddrPort }

// Shut says when a Listener announces a zero window.
type Shut uint8

// ShutAccepted makes a tarpit: the connection is accepted and then stands
// still. ShutAlways includes the SYN-ACK.
const (
	ShutNever Shut = iota
	ShutAccepted
	ShutAlways
)

// Stray is what a port in LISTEN does with a segment that is neither SYN nor
// RST.
type Stray uint8

// StrayRFC resets what carries an ACK and ignores the rest (RFC 9293
// §3.10.7.2), so that FIN, NULL and Xmas meet silence. StrayBSD also ignores
// FIN with ACK, which Uriel Maimon found (Phrack 49, article 15).
// StrayWindows resets everything.
const (
	StrayRFC Stray = iota
	StrayBSD
	StrayWindows
)

// Backlog is what becomes of the acknowledgement that completes a handshake.
type Backlog uint8

// BacklogFull ignores it and goes on sending SYN-ACKs, BacklogReset resets
// (tcp(7), tcp_abort_on_overflow).
const (
	BacklogOpen Backlog = iota
	BacklogFull
	BacklogReset
)

// TarPit is a listener that accepts connections to hold them.
func TarPit() *Listener { return &Listener{Shut: ShutAccepted} }

// Respond advances the connection that the segment belongs to, or starts one.
func (l *Listener) Respond(now time.Time, in *craft.Segment, out Emitter) {
	if c := l.conns[tuple{in.Dst, in.Src}]; c != nil {
		c.arrives(now, in, out)
		return
	}
	l.listen(now, in, out)
}

// listen is the state LISTEN (RFC 9293 §3.10.7.2).
func (l *Listener) listen(now time.Time, in *craft.Segment, out Emitter) {
	switch {
	case in.Flags.Has(craft.RST):
	case in.Flags.Has(craft.ACK):
		if l.Stray == StrayBSD && in.Flags.Has(craft.FIN) {
			return
		}
		l.reset(in, out)
	case in.Flags.Has(craft.SYN):
		l.accept(now, in, out)
	case l.Stray == StrayWindows:
		l.reset(in, out)
	}
}

func (l *Listener) reset(in *craft.Segment, out Emitter) {
	if rst, ok := ResetFor(in, l.TTL); ok {
		rst.Window = l.ResetWindow
		out.Segment(0, &rst)
	}
}

// accept enters SYN-RECEIVED.
func (l *Listener) accept(now time.Time, syn *craft.Segment, out Emitter) {
	isn := l.ISN
	if isn == nil {
		isn = ClockISN(0, LinuxClock)
	}
	c := l.add(tuple{syn.Dst, syn.Src}, synReceived)
	c.iss, c.irs, c.rcvNxt = isn(now, syn), syn.Seq, syn.Seq.Add(1)
	c.sndUna, c.sndNxt = c.iss, c.iss.Add(1)
	c.negotiate(syn)
	if l.FastOpen && len(syn.Payload) > 0 {
		c.rcvNxt = c.rcvNxt.Add(uint32(len(syn.Payload)))
	}
	c.sendSYNACK(now, out)
	c.rearmSYNACK(out)
}

func (l *Listener) add(t tuple, s tcpState) *tcb {
	if l.conns == nil {
		l.conns = map[tuple]*tcb{}
	}
	c := &tcb{l: l, tuple: t, state: s}
	l.conns[t] = c
	return c
}

// Plant adds an established connection that nobody on our side remembers, as a
// crash leaves it behind. A SYN for it draws a challenge ACK with the given
// numbers (RFC 5961 §4). Call it before packets flow.
func (l *Listener) Plant(local, remote netip.AddrPort, sndNxt, rcvNxt craft.Seq) {
	c := l.add(tuple{local, remote}, established)
	c.iss, c.sndUna, c.sndNxt = sndNxt.Add(^uint32(0)), sndNxt, sndNxt
	c.irs, c.rcvNxt = rcvNxt.Add(^uint32(0)), rcvNxt
	c.peerWindow = 65535
	c.mss = 536
}

// Conns is the number of connections held, half-open ones included. Call it
// while no packets flow.
func (l *Listener) Conns() int { return len(l.conns) }

// stampOffset is what TSval has beyond the milliseconds of the Unix epoch.
func (l *Listener) stampOffset(syn *craft.Segment) uint32 {
	if l.Booted.IsZero() {
		return uint32(tupleHash(0, syn))
	}
	return uint32(-l.Booted.UnixMilli())
}

// handshakeWindow is what a SYN-ACK announces.
func (l *Listener) handshakeWindow() uint16 {
	switch {
	case l.Shut == ShutAlways:
		return 0
	case l.Window == 0:
		return 64240
	}
	return l.Window
}

// acceptedWindow is what the segments of a connection announce that was accepted.
func (l *Listener) acceptedWindow() uint16 {
	if l.Shut == ShutAccepted {
		return 0
	}
	return l.handshakeWindow()
}

// linuxSYNACKs is tcp_synack_retries = 5 with a timeout that doubles from one
// second (tcp(7)).
var linuxSYNACKs = []time.Duration{
	time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second,
}

func (l *Listener) synackTimes() []time.Duration {
	if l.SYNACKs == nil {
		return linuxSYNACKs
	}
	return l.SYNACKs
}

func (l *Listener) forget() time.Duration {
	if l.Forget == 0 {
		return 63 * time.Second
	}
	return l.Forget
}
