package handshake

import (
	"time"

	"synscope/craft"
)

// onSYNTaken is how many bytes of the data on the SYN the SYN-ACK acknowledges.
func (b *Bystander) onSYNTaken() int {
	taken := b.answer.ack.Sub(b.pair.Client.ISS) - 1
	if b.syn.data == 0 || !b.known.has(knowServerSYN) || !b.answer.flags.Has(craft.ACK) || taken < 0 {
		return 0
	}
	return min(int(taken), int(b.syn.data))
}

func (b *Bystander) clientSYN(at int64, s *craft.Segment, kept Kept) {
	if b.syn.count == 0 {
		b.offers(s)
	}
	b.asksAgain(at, Client)
	if b.doubts() && at-b.more.suspect.at >= overtaking {
		b.disownChallenges()
	}
	if b.syn.count > 0 && b.more != nil && b.more.challenges > 0 {
		b.more.own = true
	}
	b.syn.add(at, s)
	b.refusalBefore(at)
	if _, _, ok := s.Options.Timestamps(); ok {
		b.known |= knowSYNStamped
	}
	if kept.OptionsCut {
		b.known |= knowSYNCut
	}
	b.syn.data = max(b.syn.data, uint16(min(len(s.Payload), 1<<16-1)))
}

// offers keeps the offers that few SYNs make.
func (b *Bystander) offers(s *craft.Segment) {
	if cookie, ok := s.Options.FastOpen(); ok && len(cookie) > 0 {
		b.rare().fastOpen = append([]byte(nil), cookie...)
	}
	if data, ok := s.Options.MPTCP(); ok && len(data) > 0 && data[0]>>4 == mpCapable {
		b.rare().offered = true
	}
}

func (b *Bystander) serverSYN(at int64, s *craft.Segment, kept Kept) {
	if b.answer.count == 0 && b.refusesSYN() {
		b.contradicted(at, s)
	}
	b.asksAgain(at, Server)
	b.refusedBefore()
	if b.answer.count > 0 && !b.answer.flags.Has(craft.ACK) && s.Flags.Has(craft.ACK) {
		b.known |= knowCrossed // its SYN was none to answer with
		b.answer = greeting{tally: b.answer.tally}
	}
	if b.answer.count > 0 {
		b.retransmittedSYNACK(at, s, kept)
	} else {
		b.accepts(s, kept)
	}
	b.answer.add(at, s)
}

// accepts reads what the first SYN-ACK agrees to.
func (b *Bystander) accepts(s *craft.Segment, kept Kept) {
	if _, _, ok := s.Options.Timestamps(); ok {
		b.known |= knowSYNACKStamped
	}
	if kept.OptionsCut {
		b.known |= knowSYNACKCut
	}
	c, v := &b.pair.Client, &b.pair.Server
	unasked := v.Scaled && !c.Scaled || v.SACK && !c.SACK || v.Stamped && !c.Stamped
	if b.answer.tally.nops = longestRun(s.Options, craft.KindNOP); b.answer.tally.nops > 2 || s.Window == 0 || unasked || s.Options.Malformed() != nil {
		b.rare().synack = append(craft.Options(nil), s.Options...)
	}
	if !kept.OptionsCut && s.Options.Malformed() != nil {
		b.known |= knowBadOptions
	}
	if cookie, ok := s.Options.FastOpen(); ok && len(cookie) > 0 {
		b.rare().cookie = append([]byte(nil), cookie...)
	}
	if data, ok := s.Options.MPTCP(); ok && len(data) > 0 && data[0]>>4 == mpCapable {
		b.rare().multipath = true
	}
}

// longestRun is the longest run of options of a kind.
func longestRun(o craft.Options, kind craft.OptionKind) (longest uint8) {
	run := uint8(0)
	for option := range o.All() {
		if run++; option.Kind != kind {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// retransmittedSYNACK notes what a retransmission of a SYN-ACK shows.
func (b *Bystander) retransmittedSYNACK(at int64, s *craft.Segment, kept Kept) {
	m := b.rare()
	if len(m.synacks) < maxSchedule && at >= b.answer.at {
		m.synacks = append(m.synacks, time.Duration(at-b.answer.at))
	}
	if b.ackAt > 0 && at-b.ackAt > b.underWay() && at-b.ackAt < longestRTO {
		b.answer.tally.repeats = min(b.answer.tally.repeats, 254) + 1
		b.echoes(s, kept)
	}
	val, _, _ := s.Options.Timestamps()
	if m.earlyAt > 0 && at-m.earlyAt > 2*settling && int32(val-m.earlyVal) >= 0 { // else it was sent before the data
		m.early = true
	}
	if mss, ok := s.Options.MSS(); ok && b.pair.Server.MSS != 0 && mss != b.pair.Server.MSS {
		m.synackDiff = append(craft.Options(nil), s.Options...)
	}
}

// underWay is how long after the client's ACK a SYN-ACK may be captured that left before that was there. On a way of more
// than a second the server retransmits it meanwhile (RFC 6298 §2.1), and the first took a round trip at least. Where the
// SYN was not captured nobody knows how long that is: then only what comes later than that retransmission counts.
func (b *Bystander) underWay() int64 {
	if b.syn.count == 0 || b.syn.at >= b.answer.at {
		return int64(1500 * time.Millisecond)
	}
	trip := b.answer.at - b.syn.at
	return max(settling, trip+trip/8)
}

// echoes notes what the server had received when it retransmitted its SYN-ACK, as
// the timestamp option tells (RFC 7323 §4.3): Linux echoes the latest segment,
// even one that finds the queue full (tcp_check_req in net/ipv4/tcp_minisocks.c).
// Where it echoes something older, data and ACK may have been lost.
func (b *Bystander) echoes(s *craft.Segment, kept Kept) {
	_, echo, stamped := s.Options.Timestamps()
	switch {
	case stamped && b.syn.pressedVal > 0 && int32(echo-b.syn.pressedVal) >= 0:
		b.known |= knowQueueFull
	case stamped || kept.OptionsCut || b.known.has(knowSYNCut):
		b.answer.tally.unheard = min(b.answer.tally.unheard, 254) + 1
	default:
		b.answer.tally.stuck = min(b.answer.tally.stuck, 250) + min(b.pressed, 2)
	}
}
