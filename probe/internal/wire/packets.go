package wire

import (
	"crypto/rand"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
)

const (
	BatchSize = 64
	maxPacket = 128 // a probe without payload: 40 + 60 bytes at most
)

// Packets turns probes into bytes: one template for each kind of packet and IP
// version, stamped out into buffers that are reused batch by batch.
type Packets struct {
	probe, small map[bool]*craft.Template // by "is IPv4"
	responses    map[craft.Flags]map[bool]*craft.Template
	buf          *[BatchSize][maxPacket]byte
	Batch        [][]byte
	links        [BatchSize]int // of a batch of responses
	acks         bool           // the probe carries an acknowledgment number
}

// Templates are those of the probes.
func (p *Packets) Templates() (v4, v6 *craft.Template) { return p.probe[true], p.probe[false] }

// Look is what the probes of a run have in common.
type Look struct {
	Technique *probe.Technique
	Profile   craft.Profile // the zero value: the first of craft.Profiles
	TTL       uint8         // 0: the profile's
	TOS       uint8
	Key       [16]byte // of the probes' numbers; the zero value: random
}

// Complete fills in what was left open: a key of zeros would be one that
// everybody knows.
func (l Look) Complete() Look {
	if l.Technique == nil {
		l.Technique = probe.Techniques()[0]
	}
	if l.Profile.Name == "" {
		l.Profile = craft.Profiles()[0]
	}
	if l.Key == [16]byte{} {
		rand.Read(l.Key[:])
	}
	return l
}

// NewPackets builds the templates of a run. Only a SYN carries the profile's
// options: no stack sends them on other segments.
func NewPackets(l Look) (*Packets, error) {
	p := &Packets{
		probe: map[bool]*craft.Template{},
		small: map[bool]*craft.Template{},
		responses: map[craft.Flags]map[bool]*craft.Template{
			craft.RST: {}, craft.ACK: {}, craft.SYN | craft.ACK: {}, craft.SYN: {},
		},
		buf:   new([BatchSize][maxPacket]byte),
		Batch: make([][]byte, 0, BatchSize),
		acks:  l.Technique.Acknowledges(),
	}
	for _, from := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		if err := p.build(l, from); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *Packets) build(l Look, from netip.Addr) (err error) {
	v4 := from.Is4()
	s := l.segment(from)
	if p.probe[v4], err = craft.NewTemplate(s); err != nil {
		return err
	}
	s.Options = nil
	if p.small[v4], err = craft.NewTemplate(s); err != nil {
		return err
	}
	return p.buildResponses(s)
}

func (p *Packets) buildResponses(s craft.Segment) (err error) {
	window := s.Window
	for flags, templates := range p.responses {
		s.Flags, s.Window, s.Urgent = flags, window, 0
		if flags.Has(craft.RST) {
			s.Window = 0
		}
		if templates[s.Src.Addr().Is4()], err = craft.NewTemplate(s); err != nil {
			return err
		}
	}
	return nil
}

// segment is such a probe, its varying fields left zero.
func (l Look) segment(from netip.Addr) craft.Segment {
	none := netip.AddrPortFrom(from, 0)
	s := l.Profile.SYN(none, none, 0, 0, 0)
	s.Flags = l.Technique.Flags
	if !s.Flags.Has(craft.SYN) {
		s.Options = nil
	}
	if l.TTL != 0 {
		s.TTL = l.TTL
	}
	s.TOS = l.TOS
	return s
}

func (p *Packets) Full() bool { return len(p.Batch) == BatchSize }

func (p *Packets) next() []byte { return p.buf[len(p.Batch)][:0] }

// Size is how large a probe is.
type Size bool

const (
	Whole Size = false
	Small Size = true // without options
)

// Add appends one transmission of a probe to the batch.
func (p *Packets) Add(size Size, src, dst netip.AddrPort, n Numbers, now time.Duration) {
	t := p.probe[src.Addr().Is4()]
	if size == Small {
		t = p.small[src.Addr().Is4()]
	}
	fields := craft.Fields{Src: src, Dst: dst, Seq: n.Seq, ID: n.IPID(), TSval: TSval(n, now)}
	if p.acks {
		fields.Ack = n.Ack
	}
	p.Batch = append(p.Batch, t.AppendTo(p.next(), fields))
}

func (p *Packets) Clear() { p.Batch = p.Batch[:0] }

// TSval is the time stamp of a transmission: it counts milliseconds from an offset of its
// own for each, as stacks do for each connection (RFC 7323 §5.4).
func TSval(n Numbers, now time.Duration) uint32 {
	return uint32(n.Ack) + uint32(now/time.Millisecond)
}

// AddTransmission appends a transmission to the batch.
func (p *Packets) AddTransmission(s *Transmission, now time.Duration) {
	templates := p.probe
	if s.Small {
		templates = p.small
	}
	p.Batch = append(p.Batch, templates[s.Src.Addr().Is4()].AppendTo(p.next(), craft.Fields{
		Src: s.Src, Dst: s.Dst, Seq: s.Numbers.Seq, ID: s.IPID, TTL: s.TTL, TSval: TSval(s.Numbers, now),
	}))
}
