package flow

import (
	"fmt"

	"synscope/craft"
	"synscope/probe/handshake"
)

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

// opening is where the two SYNs of a connection were captured.
type opening struct {
	synTTL, answerTTL   uint8
	synFrom, answerFrom Direction
	stage               stage
}

// stage is how far an opening has come.
type stage uint8

const (
	asked    stage = iota
	accepted       // the answer is a SYN-ACK, not an RST
	done           // the ACK after it was seen
)

// note takes in a segment of the opening.
func (o *opening) note(p *Packet, s *craft.Segment, from handshake.Side) {
	const kind = craft.SYN | craft.ACK | craft.RST
	synAck := s.Flags&kind == craft.SYN|craft.ACK
	switch {
	case o.stage == done:
	case from == handshake.Client && s.Flags&kind == craft.SYN:
		o.synTTL, o.synFrom = s.TTL, p.Direction
	case from == handshake.Server && o.stage == asked && (synAck || s.Flags.Has(craft.RST)):
		if o.answerTTL, o.answerFrom = s.TTL, p.Direction; synAck {
			o.stage = accepted
		}
	case from == handshake.Client && s.Flags&kind == craft.ACK && o.stage == accepted:
		o.stage = done
	}
}

// elsewhere reports whether a segment has another TTL than the SYN of its end: it was
// forged, or captured on the other side of a firewall that changes sequence numbers.
func (o *opening) elsewhere(from handshake.Side, ttl uint8) bool {
	known := o.synTTL
	if from == handshake.Server {
		known = o.answerTTL
	}
	return known != 0 && known != ttl
}

// view infers where the capture was made, from times as in
// [handshake.Bystander.Openings]. Directions show it: the machine that sends a SYN is
// the client, or forwards it. So does a TTL that no router has lowered. Where both
// TTLs are such, or neither, the capture was made at the end whose part of the
// handshake took a fraction of the other's.
func (o *opening) view(syn, answer, ack int64) View {
	if o.synTTL == 0 || o.answerTTL == 0 {
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
	return lopsidedView(syn, answer, ack)
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

func lopsidedView(syn, answer, ack int64) View {
	there, here := answer-syn, ack-answer
	switch {
	case ack == 0 || syn == 0 || answer == 0 || there < 0 || here < 0:
	case there > lopsided*here:
		return ViewClient
	case here > lopsided*there:
		return ViewServer
	}
	return ViewUnknown
}

// initialTTL reports whether packets start out with a TTL. Rarer initial values, as
// 254, are left out: to take a distant end for a near one is the worse mistake.
func initialTTL(ttl uint8) bool { return ttl == 64 || ttl == 128 || ttl == 255 }
