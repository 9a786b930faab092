package flow

import "fmt"

// View says where between two ends a capture was made. The zero value is
// ViewUnknown.
type View uint8

const (
	ViewUnknown View = iota
	ViewClient       // at the client, or on its link: SYN to SYN-ACK is a round trip
	ViewServer       // at the server, or on its link: SYN-ACK to ACK is a round trip
	ViewBetween      // on the way: each of the two is a part of the round trip
)

var viewNames = [...]string{"", "client", "server", "between"}

// String is the view in a word, "" for ViewUnknown.
func (v View) String() string {
	if int(v) >= len(viewNames) {
		return fmt.Sprintf("view(%d)", uint8(v))
	}
	return viewNames[v]
}

// lopsided is how much longer one part of the handshake must be than the other
// to tell that the capture was made at one end.
const lopsided = 4

// view infers where the capture was made. A direction tells: who sends a SYN is
// the client, or forwards it. So does a TTL that no router has lowered. Where
// both ends are that near, or nothing is known of either, the end is near whose
// part of the handshake took a fraction of the other's.
func (o *opening) view() View {
	if o.synAt.IsZero() || o.answerAt.IsZero() {
		return o.halfView()
	}
	client, server := initialTTL(o.synTTL), initialTTL(o.answerTTL)
	switch {
	case o.synFrom == Outbound && o.answerFrom == Inbound && (client || !server):
		return ViewClient
	case o.synFrom == Inbound && o.answerFrom == Outbound && (server || !client):
		return ViewServer
	case client && !server:
		return ViewClient
	case server && !client:
		return ViewServer
	case !client && !server:
		return ViewBetween
	}
	return o.lopsided()
}

// halfView is the view where only one direction was seen.
func (o *opening) halfView() View {
	switch {
	case o.synFrom == Outbound && initialTTL(o.synTTL):
		return ViewClient
	case o.answerFrom == Outbound && initialTTL(o.answerTTL):
		return ViewServer
	}
	return ViewUnknown
}

func (o *opening) lopsided() View {
	if o.ackAt.IsZero() {
		return ViewUnknown
	}
	there, here := o.answerAt.Sub(o.synAt), o.ackAt.Sub(o.answerAt)
	switch {
	case there > lopsided*here:
		return ViewClient
	case here > lopsided*there:
		return ViewServer
	}
	return ViewUnknown
}

// initialTTL tells a TTL with which packets start out. 254 and less common ones
// are left out: to take a distant end for a near one is the worse mistake.
func initialTTL(ttl uint8) bool { return ttl == 64 || ttl == 128 || ttl == 255 }
