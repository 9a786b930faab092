package simnet

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Modelled is a port whose sequence numbers are those of a model host, of any
// class that package isn/simhost draws. It answers SYNs and never opens a
// connection: what a sampler of ISNs does not need is not there. Make one with
// [NewModelled] for each port; it keeps what is half-open.
type Modelled struct {
	model   *simhost.Host
	epoch   time.Time // of the model's own time; the first segment's instant
	uptime  time.Duration
	half    map[netip.AddrPort]halfOpen
	drawn   int             // connections so far
	forgets bool            // cookies: nothing is kept
	repeats []time.Duration // when an unacknowledged SYN-ACK is retransmitted
}

// halfOpen is a connection of a [Modelled] port that waits for its third segment.
type halfOpen struct {
	next  craft.Seq // the sequence number that its client sends next
	isn   craft.Seq // our own
	drawn int       // which of the port's connections it is, from 1
}

// NewModelled makes a port of a model host that has been up for some time. The
// host must not be used elsewhere.
func NewModelled(h *simhost.Host, uptime time.Duration) *Modelled {
	return &Modelled{
		model: h, uptime: uptime, half: map[netip.AddrPort]halfOpen{},
		forgets: h.Truth.Class == isn.ClassSYNCookies || h.Truth.Class == isn.ClassSYNProxy,
		repeats: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
	}
}

// Respond answers a SYN as the model does, lets an exact RST end what is
// half-open, and challenges what is not exact (RFC 5961 §3.2, §4.2).
func (m *Modelled) Respond(now time.Time, in *craft.Segment, out Emitter) {
	if m.epoch.IsZero() {
		m.epoch = now.Add(-m.uptime)
	}
	open, held := m.half[in.Src]
	next := open.next
	switch {
	case in.Flags.Has(craft.RST) && held && in.Seq == next:
		delete(m.half, in.Src)
		m.model.Reset(in.Src)
	case in.Flags.Has(craft.SYN) && !in.Flags.Has(craft.ACK) && held && in.Seq.Add(1) != next,
		in.Flags.Has(craft.RST) && held && in.Seq.InWindow(next, 1<<16):
		challenge := reply(in, 0)
		challenge.Seq, challenge.Ack, challenge.Flags = open.isn.Add(1), next, craft.ACK
		out.Segment(0, &challenge)
	case in.Flags.Has(craft.SYN) && !in.Flags.Has(craft.ACK):
		m.answer(now, in, out)
	}
}

// answer sends the model's SYN-ACK.
func (m *Modelled) answer(now time.Time, in *craft.Segment, out Emitter) {
	a, ok := m.model.Answer(simhost.SYN{At: now.Sub(m.epoch), Src: in.Src, ISN: in.Seq, Offer: offerOf(in.Options)})
	if !ok {
		return
	}
	s := reply(in, a.TTL)
	s.Seq, s.Ack, s.Flags, s.Window = a.ISN, in.Seq.Add(1), craft.SYN|craft.ACK, a.Window
	s.Options = optionsOf(&a, in.Options)
	out.Segment(0, &s)
	if _, again := m.half[in.Src]; !m.forgets && !again {
		m.drawn++
		m.half[in.Src] = halfOpen{in.Seq.Add(1), a.ISN, m.drawn}
		m.repeat(&s, m.drawn, m.repeats, out)
	}
}

// repeat retransmits a SYN-ACK for as long as it is not ended.
func (m *Modelled) repeat(s *craft.Segment, drawn int, after []time.Duration, out Emitter) {
	if len(after) == 0 {
		return
	}
	again := *s
	out.Schedule(after[0], func(_ time.Time, out Emitter) {
		if m.half[again.Dst].drawn != drawn {
			return
		}
		out.Segment(0, &again)
		m.repeat(&again, drawn, after[1:], out)
	})
}

// offerOf reads what the options of a SYN offer.
func offerOf(o craft.Options) isn.Offer {
	offer := isn.Offer{SACK: o.SACKPermitted()}
	offer.MSS, _ = o.MSS()
	if shift, ok := o.WindowScale(); ok {
		offer.WScale = isn.Some(shift)
	}
	_, _, offer.Timestamps = o.Timestamps()
	return offer
}

// optionsOf are those of a SYN-ACK to a SYN with the options asked; they
// always fit into a header.
func optionsOf(a *simhost.Answer, asked craft.Options) craft.Options {
	list := []craft.Option{craft.MSS(a.MSS)}
	if a.SACK {
		list = append(list, craft.SACKPermitted())
	}
	if val, ok := a.TSVal.Get(); ok {
		echo, _, _ := asked.Timestamps()
		list = append(list, craft.Timestamps(val, echo))
	}
	if shift, ok := a.WScale.Get(); ok {
		list = append(list, craft.NOP(), craft.WindowScale(shift))
	}
	o, err := craft.NewOptions(list...)
	if err != nil {
		panic("simnet: " + err.Error())
	}
	return o
}
