package flow

import (
	"hash/maphash"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/handshake"
)

// Table follows the connections of a capture, any number one after the other
// and a bounded number at a time. Packets come in the order of the capture.
type Table struct {
	cfg       Config
	sink      Sink
	decoder   decoder
	held      decoder // of SYNs that were held
	fragments fragments
	sums      sums
	seen      *sightings
	seed      maphash.Seed

	index    index
	flows    store[flow]
	lones    store[lone]
	shared   bool // endpoints have been met in several networks
	networks networks
	names    map[uint32]string // of networks

	alone queue // SYNs that nothing has followed, the oldest first
	going queue // connections, the one that was silent longest first
	over  queue // the same for those that have ended

	round uint32  // of Settle
	young []young // connections that have not been announced, the oldest first

	clock   clock
	heard   bool // anything of any server
	acked   bool // a segment that only acknowledges
	spoken  int  // segments with data or a FIN
	varied  bool // a segment that is neither SYN nor FIN
	once    bool // a SYN that nothing followed
	ending  bool // the last are being handed out
	number  uint64
	counts  Counts
	hanging int64  // bytes that connections refer to, beside their records
	soFar   Counts // of what is missing, including connections that are not over
	room    [craft.MaxOptions]byte
	err     error

	attempt Attempt // the one that is handed out
}

// NewTable returns a table without connections.
func NewTable(sink Sink, cfg Config) *Table {
	return &Table{
		cfg: cfg.withDefaults(), sink: sink, seed: maphash.MakeSeed(),
		seen:   &sightings{seed: maphash.MakeSeed()},
		counts: Counts{Rejected: map[string]uint64{}},
	}
}

// Counts tells what became of the packets so far. The map is the table's own.
func (t *Table) Counts() Counts { return t.counts }

// Add takes in the next packet.
func (t *Table) Add(p *Packet) error {
	at := stampOf(p.Time)
	if t.clock.advance(at) {
		t.expire()
	}
	if part, ok := fragmentOf(p.Data); ok {
		t.fragment(at, p, &part)
		return t.err
	}
	if err := t.decoder.decode(p); err != nil {
		t.counts.Rejected[rejection(err, p.Data)]++
		return t.err
	}
	if t.corrupt(p) {
		t.counts.Rejected["bad-checksum"]++
		return t.err
	}
	if t.decoder.packet.Kind == craft.PacketICMPError {
		t.icmp(at, p, &t.decoder.packet.ICMP)
	} else {
		t.segment(at, p, &t.decoder.packet.Segment)
	}
	for t.Memory() > t.cfg.Memory && t.forget() { // connections have grown
	}
	return t.err
}

// stampOf is a time in nanoseconds since 1970, 0 for none.
func stampOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func (t *Table) keyOf(r ref) *key {
	if r.isLone() {
		return &t.lone(r).key
	}
	return &t.flow(r).key
}

func (t *Table) lone(r ref) *lone { return t.lones.at(uint32(r &^ loneBit)) }
func (t *Table) flow(r ref) *flow { return t.flows.at(uint32(r)) }

func (t *Table) links(r ref) *links {
	if r.isLone() {
		return &t.lone(r).links
	}
	return &t.flow(r).links
}

func (t *Table) segment(at int64, p *Packet, s *craft.Segment) {
	if t.unwanted(s.Src, s.Dst) {
		return
	}
	k, swapped := keyOf(s.Src, s.Dst)
	known, first, seen := t.seen.again(at, p, s, t.decoder.kept, &k)
	hash := t.hash(&k)
	r := t.find(&k, hash, p.Network, swapped, s)
	twice := known == same
	if known == likely && !(r != noRef && !r.isLone() && t.flow(r).asked(swapped, s, first.at)) {
		twice = true
		t.seen.weigh(true)
	}
	switch {
	case twice && known == same:
		if r != noRef && t.networkOf(r) != p.Network {
			t.networks.join(t.networkOf(r), p.Network)
		}
		if apart := abs(at - first.at); apart >= elsewhere && apart <= otherClock && first.place != placeOf(p, s) && r != noRef && !s.Flags.Has(craft.RST) {
			r = t.copied(r, p, swapped, s, first.place)
		}
	case twice:
	case r.isLone():
		if l := t.lone(r); s.Flags.Has(craft.SYN) && uint32(s.Seq) == l.isn && at <= l.at && swapped == (l.offers&fromSecond != 0) {
			twice = true
			break
		}
		copied := t.lone(r).copyOf(swapped, p, s)
		r = t.promote(r)
		if copied {
			f := t.flow(r)
			twice = f.copyOf(swapped, p, s)
		}
	case r != noRef:
		f := t.flow(r)
		twice = f.repeated(at, swapped, s, uint32(seen)) || f.copyOf(swapped, p, s)
	}
	if twice {
		t.counts.Duplicates++
		t.duplicate(r, p, s, swapped, routing(known == same && first.ttl != s.TTL))
		return
	}
	t.fresh(at, p, s, &k, swapped, r, hash, uint32(seen))
}

// copied notes that a packet of a record was captured by another clock too.
func (t *Table) copied(r ref, p *Packet, swapped bool, s *craft.Segment, first place) ref {
	if r.isLone() {
		r = t.promote(r)
	}
	f := t.flow(r)
	f.copied(f.side(swapped, s), first, placeOf(p, s))
	return r
}

// unwanted counts packets that were not asked for.
func (t *Table) unwanted(src, dst netip.AddrPort) bool {
	if t.cfg.Wanted == nil || t.cfg.Wanted(src, dst) {
		return false
	}
	t.counts.Unwanted++
	return true
}

// fresh takes in a segment that was not captured before.
func (t *Table) fresh(at int64, p *Packet, s *craft.Segment, k *key, swapped bool, r ref, hash, seen uint32) {
	if r != noRef && t.flow(r).rival() != nil {
		var held bool
		if r, held = t.settleRival(p, k, r, hash, swapped, s, seen); held {
			return
		}
		if r != noRef && r.isLone() {
			r = t.promote(r)
		}
	}
	if r != noRef && t.hold(at, p, s, r, swapped, seen) {
		return
	}
	var copies *copies
	if r != noRef && t.flow(r).renewed(at, swapped, s) {
		copies = t.flow(r).inherited()
		t.finish(r, Reused)
		r = noRef
	}
	if r == noRef {
		t.crowd()
		t.thin(k, hash)
		t.number++
		if l, ok := loneOf(s, t.decoder.kept); ok && copies == nil {
			t.begin(at, p, s, k, swapped, hash, seen, &l)
			return
		}
		r = t.open(p, s, k, swapped, hash)
		if copies != nil {
			t.flow(r).rare().copies = copies
		}
	}
	t.follow(at, p, s, t.decoder.kept, r, swapped, seen)
}

// begin makes a record of a SYN that nothing has followed.
func (t *Table) begin(at int64, p *Packet, s *craft.Segment, k *key, swapped bool, hash, seen uint32, l *lone) ref {
	n := t.lones.take()
	r := ref(n) | loneBit
	l.key, l.hash, l.at, l.number, l.packet, l.seen = *k, hash, at, t.number, p.Number, seen
	l.heard, l.network, l.file, l.direction = ticksOf(t.clock.now), p.Network, uint16(p.File), p.Direction
	if swapped {
		l.offers |= fromSecond
	}
	if p.Recorded {
		l.offers |= recorded
	}
	*t.lones.at(n) = *l
	t.name(p)
	t.announceLater(k)
	t.index.add(hash, r)
	t.alone.push(r, t.links)
	t.counts.Followed++
	if t.cfg.Segments {
		t.tell(&Segment{Line: handshake.Line{
			Time: p.Time, From: handshake.Client, Segment: s, Client: handshake.SYNSent,
		}, Attempt: t.number, Packet: p.Number, File: p.File})
	}
	return r
}

// promote makes a connection of a SYN, since something follows it.
func (t *Table) promote(r ref) ref {
	l := *t.lone(r)
	t.alone.remove(r, t.links)
	n := t.flows.take()
	now := ref(n)
	t.index.replace(l.hash, r, now)
	t.lones.give(uint32(r &^ loneBit))
	f := t.flow(now)
	f.take(&l, &t.room)
	t.going.push(now, t.links)
	return now
}

// open makes a record for what begins with anything but a plain SYN.
func (t *Table) open(p *Packet, s *craft.Segment, k *key, swapped bool, hash uint32) ref {
	r := ref(t.flows.take())
	f := t.flow(r)
	f.key, f.hash, f.number, f.first, f.firstFile = *k, hash, t.number, p.Number, uint16(p.File)
	f.network = p.Network
	t.name(p)
	f.self = k.self()
	f.fromSecond = swapped == asClient(s) && !f.self
	f.midstream = s.Flags&craft.SYN == 0
	t.announceLater(k)
	t.index.add(hash, r)
	t.going.push(r, t.links)
	if f.midstream {
		t.counts.Midstream++
	}
	return r
}

func (t *Table) follow(at int64, p *Packet, s *craft.Segment, kept handshake.Kept, r ref, swapped bool, seen uint32) {
	f := t.flow(r)
	from := f.side(swapped, s)
	kept.Elsewhere = f.elsewhere(from, p, s)
	missing, before := f.watch.Lacks(from, s), f.watch.Precedes(from, s)
	if s.Flags.Has(craft.RST) {
		f.reset |= 1 << from
	}
	if f.sides[from].ttl == 0 && !s.Flags.Has(craft.RST) {
		f.sides[from].ttl = s.TTL
	}
	notes := f.observe(at, from, s, kept)
	repeat := Fresh
	if !notes.Void() && !before && !kept.Elsewhere {
		repeat = f.sides[from].classify(s, at, &f.sides[from.Other()], f.trip(), missing)
	}
	if !notes.Void() || s.Flags.Has(craft.RST) {
		f.opening.note(p, s, from)
	}
	f.count(from, repeat)
	f.seen = seen
	t.learn(from, s, notes)
	if f.midstream {
		t.counts.Underway++
	} else {
		t.counts.Followed++
	}
	t.touch(r, f, p)
	if t.cfg.Segments {
		line := handshake.Line{Time: p.Time, From: from, Segment: s, Notes: notes}
		line.Client, line.Server = f.watch.States()
		line.Seq, line.Ack = f.watch.Relative(from, s)
		t.tell(&Segment{Line: line, Attempt: f.number, Packet: p.Number, File: p.File, Repeat: repeat})
	}
}

// learn takes note of what a segment of a connection tells of the capture.
func (t *Table) learn(from handshake.Side, s *craft.Segment, notes handshake.Notes) {
	if s.Len() > 0 {
		t.soFar.Carried++
	}
	if notes.Has(handshake.NoteUncaptured) {
		t.soFar.Gaps++
	}
	t.heard = t.heard || from == handshake.Server
	t.acked = t.acked || s.Flags == craft.ACK && len(s.Payload) == 0
	if len(s.Payload) > 0 || s.Flags.Has(craft.FIN) {
		t.spoken++
	}
	t.varied = t.varied || s.Flags&(craft.SYN|craft.FIN) == 0
}

// routing reports whether a router lies between the two places of a packet that was
// captured twice.
type routing bool

func (t *Table) duplicate(r ref, p *Packet, s *craft.Segment, swapped bool, routed routing) {
	if r == noRef {
		return
	}
	number, from := uint64(0), handshake.Client
	if r.isLone() {
		r = t.promote(r)
	}
	f := t.flow(r)
	f.duplicates++
	if routed {
		f.watch.SeenTwice()
	}
	if number, from = f.number, f.side(swapped, s); t.cfg.Segments {
		line := handshake.Line{Time: p.Time, From: from, Segment: s}
		t.tell(&Segment{Line: line, Attempt: number, Packet: p.Number, File: p.File, Duplicate: true})
	}
}

// icmp finds the connection that an error is about. Only what the client sent
// can be followed.
func (t *Table) icmp(at int64, p *Packet, e *craft.ICMPError) {
	if t.unwanted(e.Quote.Src, e.Quote.Dst) {
		return
	}
	k, swapped := keyOf(e.Quote.Src, e.Quote.Dst)
	r := t.find(&k, t.hash(&k), p.Network, swapped, &craft.Segment{Seq: e.Quote.Seq, Flags: craft.RST})
	if r == noRef {
		t.counts.Underway++
		return
	}
	if r.isLone() {
		r = t.promote(r)
	}
	f := t.flow(r)
	if f.midstream {
		t.counts.Underway++
	} else {
		t.counts.Followed++
	}
	f.watch.ICMP(at, e)
	t.touch(r, f, p)
	if t.cfg.Segments {
		line := handshake.Line{Time: p.Time, From: handshake.Server, ICMP: e}
		line.Client, line.Server = f.watch.States()
		t.tell(&Segment{Line: line, Attempt: f.number, Packet: p.Number, File: p.File})
	}
}

// touch notes that a connection was heard of.
func (t *Table) touch(r ref, f *flow, p *Packet) {
	f.packets++
	f.lastPacket, f.lastFile = p.Number, uint16(p.File)
	f.heard, f.round = ticksOf(t.clock.now), t.round
	t.queueOf(f).remove(r, t.links)
	f.over = f.watch.Over()
	t.weigh(f)
	t.queueOf(f).push(r, t.links)
}

func (t *Table) queueOf(f *flow) *queue {
	if f.over {
		return &t.over
	}
	return &t.going
}

func (t *Table) tell(s *Segment) {
	if err := t.sink.Segment(s); t.err == nil {
		t.err = err
	}
}
