package probe

import (
	"crypto/rand"
	"net/netip"
	"time"

	"synscope/craft"
)

const (
	batchSize = 64
	maxPacket = 128 // a probe without payload: 40 + 60 bytes at most
)

// packets turns probes into bytes: one template for each kind of packet and IP
// version, stamped out into buffers that are reused batch by batch.
type packets struct {
	probe, small, reset map[bool]*craft.Template // by "is IPv4"
	buf                 [batchSize][maxPacket]byte
	batch               [][]byte
	acks                bool // the probe carries an acknowledgment number
}

// templates are those of the probes.
func (p *packets) templates() (v4, v6 *craft.Template) { return p.probe[true], p.probe[false] }

// look is what the probes of a run have in common.
type look struct {
	technique *Technique
	profile   craft.Profile // the zero value: the first of craft.Profiles
	ttl       uint8         // 0: the profile's
	tos       uint8
	key       [16]byte // of the probes' numbers; the zero value: random
}

// complete fills in what was left open: a key of zeros would be one that
// everybody knows.
func (l look) complete() look {
	if l.technique == nil {
		l.technique = Techniques()[0]
	}
	if l.profile.Name == "" {
		l.profile = craft.Profiles()[0]
	}
	if l.key == [16]byte{} {
		rand.Read(l.key[:])
	}
	return l
}

// newPackets builds the templates of a run. Only a SYN carries the profile's
// options: no stack sends them on other segments.
func newPackets(l look) (*packets, error) {
	p := &packets{
		probe: map[bool]*craft.Template{},
		small: map[bool]*craft.Template{},
		reset: map[bool]*craft.Template{},
		batch: make([][]byte, 0, batchSize),
		acks:  l.technique.acknowledges(),
	}
	for _, from := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if err := p.build(l, from); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *packets) build(l look, from netip.Addr) (err error) {
	v4 := from.Is4()
	s := l.segment(from)
	if p.probe[v4], err = craft.NewTemplate(s); err != nil {
		return err
	}
	s.Options = nil
	if p.small[v4], err = craft.NewTemplate(s); err != nil {
		return err
	}
	s.Flags, s.Window, s.Urgent = craft.RST, 0, 0
	p.reset[v4], err = craft.NewTemplate(s)
	return err
}

// segment is such a probe, its varying fields left zero.
func (l look) segment(from netip.Addr) craft.Segment {
	none := netip.AddrPortFrom(from, 0)
	s := l.profile.SYN(none, none, 0, 0, 0)
	s.Flags = l.technique.Flags
	if !s.Flags.Has(craft.SYN) {
		s.Options = nil
	}
	if l.ttl != 0 {
		s.TTL = l.ttl
	}
	s.TOS = l.tos
	return s
}

func (p *packets) full() bool { return len(p.batch) == batchSize }

func (p *packets) next() []byte { return p.buf[len(p.batch)][:0] }

// add appends one transmission of a probe to the batch, small: without options.
func (p *packets) add(small bool, src, dst netip.AddrPort, n numbers, now time.Duration) {
	t := p.probe[src.Addr().Is4()]
	if small {
		t = p.small[src.Addr().Is4()]
	}
	fields := craft.Fields{Src: src, Dst: dst, Seq: n.seq, ID: n.ipID(), TSval: tsval(n, now)}
	if p.acks {
		fields.Ack = n.ack
	}
	p.batch = append(p.batch, t.AppendTo(p.next(), fields))
}

// addReset appends the RST that closes a half-open connection: an exact one,
// with the sequence number that the peer expects (RFC 5961 §3.2).
func (p *packets) addReset(r reset) {
	t := p.reset[r.dst.Addr().Is4()]
	p.batch = append(p.batch, t.AppendTo(p.next(), craft.Fields{Src: r.src, Dst: r.dst, Seq: r.seq, ID: uint16(r.seq)}))
}

// sendResets sends RSTs in batches of their own and returns how many left. One
// that the kernel refuses is lost like any packet that the network loses; the
// peer's retransmission asks again.
func (p *packets) sendResets(network Network, resets []reset) (sent uint64) {
	for len(resets) > 0 {
		for len(resets) > 0 && !p.full() {
			p.addReset(resets[0])
			resets = resets[1:]
		}
		for pkts := p.batch; len(pkts) > 0; {
			n, err := network.Send(pkts)
			sent += uint64(n)
			if err != nil {
				n++
			}
			pkts = pkts[min(n, len(pkts)):]
		}
		p.clear()
	}
	return sent
}

func (p *packets) clear() { p.batch = p.batch[:0] }

// tsval counts milliseconds from an offset of its own for each transmission,
// as stacks do for each connection (RFC 7323 §5.4).
func tsval(n numbers, now time.Duration) uint32 {
	return uint32(n.ack) + uint32(now/time.Millisecond)
}

// reset is an RST to be sent.
type reset struct {
	src, dst netip.AddrPort
	seq      craft.Seq
}

// addShot appends a transmission to the batch.
func (p *packets) addShot(s *shot, now time.Duration) {
	template := p.probe[s.src.Addr().Is4()]
	p.batch = append(p.batch, template.AppendTo(p.next(), craft.Fields{
		Src: s.src, Dst: s.dst, Seq: s.numbers.seq, ID: s.ipid, TTL: s.ttl, TSval: tsval(s.numbers, now),
	}))
}
