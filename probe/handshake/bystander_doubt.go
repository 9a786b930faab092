package handshake

import (
	"slices"

	"synscope/craft"
)

// suspect is what a server has sent before a SYN-ACK of it was captured, and
// that acknowledges more than the client was seen to send. Either the SYN-ACK
// and what the client has sent since were not captured, or the server still
// holds an older connection on these ports and answers for that (a challenge
// ACK, RFC 5961 §4, or data that come late). What the client does next tells:
// if it retransmits its SYN it has had no SYN-ACK, and if it goes on from these
// numbers it has.
type suspect struct {
	at       int64     // of the latest segment
	seq, end craft.Seq // the first number, and the end of all
	ack      craft.Seq
	count    uint8
	bare     uint8 // of these carried nothing
	fin      bool  // the last number is that of a FIN
	reset    bool  // the client has reset it
	plain    bool  // top and topEnd are set
	window   uint16

	top, topEnd craft.Seq // the highest acknowledgement of what was no FIN, and the end of what had it first
}

// refusable are numbers that segments of an older connection acknowledged, or
// SYN-ACKs to another SYN: the client answers each with an RST at just that
// number (RFC 9293 §3.10.7.3), which is not about this connection.
type refusable struct {
	acks [2]craft.Seq
	used uint8
}

func (r *refusable) add(ack craft.Seq) {
	if r.has(ack) {
		return
	}
	r.acks[1] = r.acks[0]
	r.acks[0] = ack
	r.used = min(r.used+1, uint8(len(r.acks)))
}

func (r *refusable) has(n craft.Seq) bool {
	return slices.Contains(r.acks[:r.used], n)
}

// suspects tells a segment of a server that may be of an older connection.
func (b *Bystander) suspects(from Side, me, you *End, s *craft.Segment) bool {
	if from != Server || me.Opened() || !b.known.has(knowClientSYN) || you.Confirmed() || s.Ack.LessThanEq(you.Nxt) && !b.endsUnopened(s) {
		return false
	}
	if m := b.more; m == nil || m.suspect.count == 0 || m.suspect.reset || !m.suspect.ack.LessThan(s.Ack) ||
		!plausible(s.Seq.Sub(m.suspect.seq), minimalRoom) {
		return true
	}
	b.believe() // it acknowledges more than before: the client is sending
	return false
}

// endsUnopened tells a FIN that answers a SYN, of a server of which no SYN was captured, to a client that has sent nothing
// else: in SYN-SENT that is dropped (RFC 9293 §3.10.7.3).
func (b *Bystander) endsUnopened(s *craft.Segment) bool {
	return s.Flags.Has(craft.FIN) && len(s.Payload) == 0 && s.Ack == b.pair.Client.ISS.Add(1) &&
		b.known&(knowClientSYN|knowServerSYN|knowClientPlain|knowProven) == knowClientSYN
}

// suspected keeps such a segment.
func (b *Bystander) suspected(at int64, s *craft.Segment) {
	m := b.rare()
	d := &m.suspect
	if d.count == 0 {
		*d = suspect{seq: s.Seq, end: s.Seq, ack: s.Ack}
	}
	end := s.Seq.Add(s.Len())
	if s.Seq.LessThan(d.seq) {
		d.seq = s.Seq
	}
	if d.end.LessThan(end) {
		d.end, d.fin = end, s.Flags.Has(craft.FIN)
	}
	d.window = s.Window
	if !s.Flags.Has(craft.FIN) && (!d.plain || d.top.LessThan(s.Ack)) {
		d.plain, d.top, d.topEnd = true, s.Ack, end
	}
	if s.Len() == 0 {
		d.bare = min(d.bare, 254) + 1
		m.challenge = [2]craft.Seq{s.Seq, s.Ack}
	}
	d.at, d.count = at, min(d.count, 254)+1
	m.refusable.add(s.Ack)
}

// livesOn tells whether a client goes on with the connection that a server has
// spoken for: then the SYN that was answered so was not the client's own.
func (b *Bystander) livesOn(s *craft.Segment) bool {
	m := b.more
	return m != nil && m.challenges > 0 && s.Flags&(craft.SYN|craft.RST) == 0 &&
		plausible(s.Seq.Sub(m.challenge[1]), minimalRoom) && plausible(s.Ack.Sub(m.challenge[0]), minimalRoom)
}

// doubts tells whether there is anything of that kind.
func (b *Bystander) doubts() bool { return b.more != nil && b.more.suspect.count > 0 }

// decide takes in what a segment of this connection shows of what was
// suspected: the client goes on from there, or from somewhere else. What it sent
// before that, as its stamp has it, shows neither.
func (b *Bystander) decide(at int64, from Side, s *craft.Segment) {
	if !b.doubts() || from != Client {
		return
	}
	d := &b.more.suspect
	if d.ack.LessThanEq(s.Seq.Add(s.Len())) && plausible(s.Seq.Sub(d.ack), late) && plausible(s.Ack.Sub(d.seq), late) {
		b.believe()
		return
	}
	if at < d.at && d.at-at < settling {
		return
	}
	b.disown()
}

// believe takes what was suspected for this connection's.
func (b *Bystander) believe() {
	d := b.more.suspect
	b.more.suspect = suspect{}
	client, server := &b.pair.Client, &b.pair.Server
	b.assume(Server, server, d.seq)
	b.ways[Server].reach(d.end)
	if server.Nxt.LessThan(d.end) {
		server.Nxt = d.end
	}
	b.ways[Client].miss(b.since(d.at), client.Nxt, d.ack, client.Una)
	client.Nxt, client.Una = d.ack, d.ack
	client.learn(synAcked | synReceived)
	server.learn(synReceived | spoken)
	b.known |= knowProven
	b.believeFIN(&d)
}

// believeFIN does so for a FIN among them, and for what acknowledges one.
func (b *Bystander) believeFIN(d *suspect) {
	if d.plain {
		b.teardown(d.at, Server, &craft.Segment{Seq: d.topEnd, Ack: d.top, Flags: craft.ACK})
	}
	if !d.fin {
		return
	}
	s := craft.Segment{Seq: d.end.Add(^uint32(0)), Ack: d.ack, Flags: craft.FIN | craft.ACK, Window: d.window}
	converse(Server, &b.pair.Server, &b.pair.Client, &s)
	b.teardown(d.at, Server, &s)
}

// disown takes what was suspected for an older connection's.
func (b *Bystander) disown() { b.more.suspect = suspect{} }

// disownChallenges does so where the client has retransmitted its SYN, so that bare
// ACKs were challenges.
func (b *Bystander) disownChallenges() {
	b.more.challenges = uint8(min(int(b.more.challenges)+int(b.more.suspect.bare), 255))
	b.disown()
}

// greeted takes in a SYN-ACK after what was suspected: it belongs to that where
// it was merely captured late.
func (b *Bystander) greeted(at int64) {
	if !b.doubts() {
		return
	}
	d, isn := b.more.suspect, b.pair.Server.ISS
	if at-d.at > settling || !isn.LessThan(d.seq) || d.seq.Sub(isn) > minimalRoom {
		b.disown()
		return
	}
	b.more.suspect = suspect{}
	server, client := &b.pair.Server, &b.pair.Client
	b.ways[Server].miss(b.since(d.at), server.Nxt, d.seq, server.Una)
	b.ways[Server].reach(d.end)
	if server.Nxt.LessThan(d.end) {
		server.Nxt = d.end
	}
	if client.Nxt.LessThan(d.ack) {
		b.ways[Client].miss(b.since(d.at), client.Nxt, d.ack, client.Una)
		client.Nxt, client.Una = d.ack, d.ack
	}
	b.believeFIN(&d)
}
