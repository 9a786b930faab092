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
	probe, small, reset map[bool]*craft.Template // by "is IPv4"
	buf                 [BatchSize][maxPacket]byte
	Batch               [][]byte
	acks                bool // the probe carries an acknowledgment number
}

// Templates are those of the probes.
func (p *Packets) Templates() (v4, v6 *craft.Template) { return p.probe[true], p.probe[false] }

// Look is what the probes of a run have in common.
type Look struct {
	Technique *probe.Technique
	Profile   craft.Profile // the zero value: the first of craft.Profiles
	Ttl       uint8         // 0: the profile's
	Tos       uint8
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
		reset: map[bool]*craft.Template{},
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
	s.Flags, s.Window, s.Urgent = craft.RST, 0, 0
	p.reset[v4], err = craft.NewTemplate(s)
	return err
}

// segment is such a probe, its varying fields left zero.
func (l Look) segment(from netip.Addr) craft.Segment {
	none := netip.AddrPortFrom(from, 0)
	s := l.Profile.SYN(none, none, 0, 0, 0)
	s.Flags = l.Technique.Flags
	if !s.Flags.Has(craft.SYN) {
		s.Options = nil
	}
	if l.Ttl != 0 {
		s.TTL = l.Ttl
	}
	s.TOS = l.Tos
	return s
}

func (p *Packets) Full() bool { return len(p.Batch) == BatchSize }

func (p *Packets) next() []byte { return p.buf[len(p.Batch)][:0] }

// Add appends one transmission of a probe to the batch, small: without options.
func (p *Packets) Add(small bool, src, dst netip.AddrPort, n Numbers, now time.Duration) {
	t := p.probe[src.Addr().Is4()]
	if small {
		t = p.small[src.Addr().Is4()]
	}
	fields := craft.Fields{Src: src, Dst: dst, Seq: n.Seq, ID: n.IpID(), TSval: tsval(n, now)}
	if p.acks {
		fields.Ack = n.Ack
	}
	p.Batch = append(p.Batch, t.AppendTo(p.next(), fields))
}

// addReset appends the RST that closes a half-open connection: an exact one,
// with the sequence number that the peer expects (RFC 5961 §3.2).
func (p *Packets) addReset(r Reset) {
	t := p.reset[r.Dst.Addr().Is4()]
	p.Batch = append(p.Batch, t.AppendTo(p.next(), craft.Fields{Src: r.Src, Dst: r.Dst, Seq: r.Seq, ID: uint16(r.Seq)}))
}

// SendResets sends RSTs in batches of their own and returns how many left. One
// that the kernel refuses is lost like any packet that the network loses; the
// peer's retransmission asks again.
func (p *Packets) SendResets(network probe.Network, resets []Reset) (sent uint64) {
	for len(resets) > 0 {
		for len(resets) > 0 && !p.Full() {
			p.addReset(resets[0])
			resets = resets[1:]
		}
		for pkts := p.Batch; len(pkts) > 0; {
			n, err := network.Send(pkts)
			sent += uint64(n)
			if err != nil {
				n++
			}
			pkts = pkts[min(n, len(pkts)):]
		}
		p.Clear()
	}
	return sent
}

func (p *Packets) Clear() { p.Batch = p.Batch[:0] }

// tsval counts milliseconds from an offset of its own for each transmission,
// as stacks do for each connection (RFC 7323 §5.4).
func tsval(n Numbers, now time.Duration) uint32 {
	return uint32(n.Ack) + uint32(now/time.Millisecond)
}

// Reset is an RST to be sent.
type Reset struct {
	Src, Dst netip.AddrPort
	Seq      craft.Seq
}

// AddShot appends a transmission to the batch.
func (p *Packets) AddShot(s *Transmission, now time.Duration) {
	template := p.probe[s.Src.Addr().Is4()]
	p.Batch = append(p.Batch, template.AppendTo(p.next(), craft.Fields{
		Src: s.Src, Dst: s.Dst, Seq: s.Numbers.Seq, ID: s.Ipid, TTL: s.Ttl, TSval: tsval(s.Numbers, now),
	}))
}
