package handshake

import "synscope/craft"

// question is an ACK by which a prober asks about an RST that proves nothing: a
// port that is closed answers it by an RST with the number that it acknowledges
// (RFC 9293 §3.10.7.1).
type question struct {
	ack      craft.Seq
	set      bool
	answered bool // by that RST
}

// doubtfullyReset tells whether an RST has answered the SYN that does not
// acknowledge it, and nothing better has.
func (b *Bystander) doubtfullyReset() bool {
	m := b.more
	return m != nil && m.resetCount > 0 && b.known.has(knowClientSYN) && m.reset.notes.Has(NoteUnverifiedReset)
}

// questions tells such a question: a bare ACK of the client after an RST without a
// right number, though nothing else of the server was captured. A kernel ignores
// that RST (RFC 9293 §3.10.7.3), so it may also be the ACK of a SYN-ACK that was
// missed: it proves neither, and what comes after it tells.
func (b *Bystander) questions(from Side, me, you *End, s *craft.Segment) bool {
	if from != Client || you.Opened() || s.Len() > 0 {
		return false
	}
	return b.known.has(knowRecorded|knowClientSYN) || s.Seq == me.ISS.Add(1) && b.doubtfullyReset() && !b.leadsTo(s.Ack)
}

// leadsTo tells whether the RST has a number of a connection that goes on with n.
func (b *Bystander) leadsTo(n craft.Seq) bool {
	k := &b.more.reset
	return k.seq != 0 && plausible(k.seq.Sub(n), minimalRoom)
}

// askedSurely tells whether a question was answered, in a capture that misses nothing: who asked
// goes on to wait for the answer to its SYN, which a port that listens gives yet.
func (b *Bystander) askedSurely(t Trust) bool {
	return b.more != nil && b.more.question.answered && t.Gaps == 0
}

// answersQuestion tells the RST of a port that is closed: it repeats the number that
// the question acknowledged, and has no ACK.
func (b *Bystander) answersQuestion(s *craft.Segment) bool {
	m := b.more
	return m != nil && m.question.set && !s.Flags.Has(craft.ACK) && s.Seq == m.question.ack
}
