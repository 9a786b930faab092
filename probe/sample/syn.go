package sample

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe/isn"
)

// OfferOf is what the SYN of a profile offers, with the MSS that fits into
// Ethernet over IPv4.
func OfferOf(p craft.Profile) isn.Offer {
	var o isn.Offer
	for _, kind := range p.Layout {
		switch kind {
		case craft.KindMSS:
			o.MSS = 1460
		case craft.KindWindowScale:
			o.WScale = isn.Some(p.WindowScale)
		case craft.KindSACKPermitted:
			o.SACK = true
		case craft.KindTimestamps:
			o.Timestamps = true
		}
	}
	return o
}

// syn is the SYN of a step: the profile's, with the options that the step
// offers and no others. Options that the profile does not have are left out.
func (c *Config) syn(src, dst netip.AddrPort, client craft.Seq, o isn.Offer, tsval uint32) craft.Segment {
	p := c.Profile
	p.Layout = nil
	for _, kind := range c.Profile.Layout {
		if o != (isn.Offer{}) && offered(o, kind) {
			p.Layout = append(p.Layout, kind)
		}
	}
	if shift, ok := o.WScale.Get(); ok {
		p.WindowScale = shift
	}
	s := p.SYN(src, dst, client, o.MSS, tsval)
	s.ID = uint16(client>>16) ^ uint16(tsval)
	c.dress(&s)
	return s
}

// offered tells whether a SYN with this offer carries an option of a kind.
// What is no option in itself, the padding, stays where there is one.
func offered(o isn.Offer, kind craft.OptionKind) bool {
	switch kind {
	case craft.KindMSS:
		return o.MSS != 0
	case craft.KindWindowScale:
		return o.WScale.OK
	case craft.KindSACKPermitted:
		return o.SACK
	case craft.KindTimestamps:
		return o.Timestamps
	}
	return true
}

// dress sets the header fields that the configuration names.
func (c *Config) dress(s *craft.Segment) {
	if c.TTL != 0 {
		s.TTL = c.TTL
	}
	s.TOS = c.TOS
}

// fill enters a SYN-ACK into its sample: of a first fragment no more than the number.
func fill(s *isn.Sample, in *craft.Segment, fragment bool) {
	s.ISN, s.TTL = isn.Some(in.Seq), isn.Some(in.TTL)
	if fragment {
		return
	}
	s.Window = isn.Some(in.Window)
	s.SACK = isn.Some(in.Options.SACKPermitted())
	if mss, ok := in.Options.MSS(); ok {
		s.MSS = isn.Some(mss)
	}
	if shift, ok := in.Options.WindowScale(); ok {
		s.WScale = isn.Some(shift)
	}
	if val, _, ok := in.Options.Timestamps(); ok {
		s.TSVal = isn.Some(val)
	}
}
