package flow

import (
	"errors"
	"hash/maphash"
	"time"

	"synscope/craft"
	"synscope/probe/handshake"
)

// Table follows the connections of a capture, any number one after the other
// and a bounded number at a time. Packets come in the order of the capture.
type Table struct {
	cfg     Config
	sink    Sink
	decoder decoder
	seen    *sightings
	flows   map[key]*flow
	silent  list // the connection that was silent longest comes first
	over    list // the same for those that have ended
	now     time.Time
	number  uint64
	counts  Counts
	err     error
}

// NewTable returns a table without connections.
func NewTable(sink Sink, cfg Config) *Table {
	return &Table{
		cfg: cfg.withDefaults(), sink: sink,
		seen:   &sightings{seed: maphash.MakeSeed()},
		flows:  map[key]*flow{},
		counts: Counts{Rejected: map[string]uint64{}},
	}
}

// Counts tells what became of the packets so far. The map is the table's own.
func (t *Table) Counts() Counts { return t.counts }

// rejections names the reasons of [craft.Packet.Decode].
var rejections = []struct {
	err  error
	word string
}{
	{craft.ErrUnsupported, "not-tcp"}, {craft.ErrFragment, "fragment"},
	{craft.ErrTruncated, "truncated"}, {craft.ErrMalformed, "malformed"},
}

// Add takes in the next packet.
func (t *Table) Add(p *Packet) error {
	if p.Time.After(t.now) {
		t.now = p.Time
		t.expire()
	}
	if err := t.decoder.decode(p.Data); err != nil {
		t.counts.Rejected[rejection(err)]++
		return t.err
	}
	if t.decoder.packet.Kind == craft.PacketICMPError {
		t.icmp(p, &t.decoder.packet.ICMP)
	} else {
		t.segment(p, &t.decoder.packet.Segment)
	}
	return t.err
}

func rejection(err error) string {
	for _, r := range rejections {
		if errors.Is(err, r.err) {
			return r.word
		}
	}
	return "malformed"
}

// Close hands out the attempts that are left, in the order of their beginnings.
func (t *Table) Close() error {
	for _, f := range t.remaining() {
		t.finish(f, AtEnd)
	}
	return t.err
}

func (t *Table) segment(p *Packet, s *craft.Segment) {
	again := t.seen.again(p, s)
	k, _ := keyOf(s.Src, s.Dst)
	f := t.flows[k]
	if f != nil && !again && f.follower.Renewed(s) {
		t.finish(f, Reused)
		f = nil
	}
	if f == nil && !again {
		f = t.begin(k, p, s)
	}
	switch {
	case again:
		t.counts.Duplicates++
		t.duplicate(f, p, s)
	case f == nil:
		t.counts.Underway++
	default:
		t.counts.Followed++
		t.follow(f, p, s)
	}
}

// keptData is how much of what servers say is kept, in bytes: enough for a
// banner.
const keptData = 512

// begin makes a flow for a segment that opens a connection: a SYN, or a SYN-ACK
// whose SYN was not captured. For others there is none.
func (t *Table) begin(k key, p *Packet, s *craft.Segment) *flow {
	client, server := s.Src, s.Dst
	switch s.Flags & (craft.SYN | craft.ACK | craft.RST | craft.FIN) {
	case craft.SYN:
	case craft.SYN | craft.ACK:
		client, server = server, client
	default:
		return nil
	}
	if len(t.flows) >= t.cfg.Flows {
		t.finish(t.longestSilent(), Crowded)
	}
	t.number++
	f := &flow{
		key: k, last: p.Time,
		follower: handshake.NewFollower(client, server, handshake.Context{Ending: handshake.EndRST, Keep: keptData}),
		attempt:  Attempt{Number: t.number, First: p.Number},
	}
	t.flows[k] = f
	t.silent.push(f)
	return f
}

func (t *Table) follow(f *flow, p *Packet, s *craft.Segment) {
	from := f.follower.Side(s)
	line := f.follower.Segment(p.Time, s)
	repeat := f.sides[from].classify(s, p.Time, &f.sides[from.Other()], f.times.rtt)
	f.times.note(p, s, from)
	f.attempt.Repeats[from][repeat]++
	t.touch(f, p, line.Client, line.Server)
	if t.cfg.Segments {
		t.tell(&Segment{Line: line, Attempt: f.attempt.Number, Packet: p.Number, Repeat: repeat})
	}
}

func (t *Table) duplicate(f *flow, p *Packet, s *craft.Segment) {
	if f == nil {
		return
	}
	f.attempt.Duplicates++
	if t.cfg.Segments {
		line := handshake.Line{Time: p.Time, From: f.follower.Side(s), Segment: s}
		t.tell(&Segment{Line: line, Attempt: f.attempt.Number, Packet: p.Number, Duplicate: true})
	}
}

// icmp finds the connection that an error is about. Only what the client sent
// can be followed.
func (t *Table) icmp(p *Packet, e *craft.ICMPError) {
	k, _ := keyOf(e.Quote.Src, e.Quote.Dst)
	f := t.flows[k]
	if f == nil {
		t.counts.Underway++
		return
	}
	t.counts.Followed++
	line := f.follower.ICMP(p.Time, e)
	t.touch(f, p, line.Client, line.Server)
	if t.cfg.Segments {
		t.tell(&Segment{Line: line, Attempt: f.attempt.Number, Packet: p.Number})
	}
}

// touch notes that a connection was heard of.
func (t *Table) touch(f *flow, p *Packet, client, server handshake.State) {
	f.attempt.Packets++
	f.attempt.Last, f.last = p.Number, p.Time
	t.listOf(f).remove(f)
	f.over = ended(client) && ended(server)
	t.listOf(f).push(f)
}

// ended tells a state after which nothing but repetitions come.
func ended(s handshake.State) bool {
	return s == handshake.Closed || s == handshake.TimeWait || s == handshake.Unknown
}

func (t *Table) listOf(f *flow) *list {
	if f.over {
		return &t.over
	}
	return &t.silent
}

// expire hands out what has been silent for too long.
func (t *Table) expire() {
	for f := t.over.first; f != nil && t.now.Sub(f.last) > t.cfg.Linger; f = t.over.first {
		t.finish(f, Idle)
	}
	for f := t.silent.first; f != nil && t.now.Sub(f.last) > t.cfg.Idle; f = t.silent.first {
		t.finish(f, Idle)
	}
}

// longestSilent prefers a connection that has ended.
func (t *Table) longestSilent() *flow {
	if t.over.first != nil {
		return t.over.first
	}
	return t.silent.first
}

func (t *Table) tell(s *Segment) {
	if err := t.sink.Segment(s); t.err == nil {
		t.err = err
	}
}
