package capture

import "fmt"

// Options of pcapng blocks that matter here (draft-ietf-opsawg-pcapng §3.5,
// §4.1 to §4.6).
const (
	optEnd     = 0
	optComment = 1

	optSectionApp = 4 // shb_userappl

	optInterfaceName       = 2
	optInterfaceResolution = 9
	optInterfaceOffset     = 14

	optPacketFlags = 2

	optStatisticsStart    = 2
	optStatisticsEnd      = 3
	optStatisticsReceived = 4
	optStatisticsDropped  = 5 // by the interface
	optStatisticsOSDrop   = 7 // by the operating system
)

// eachOption calls f for the options in b up to their end, or to the first that
// does not fit.
func (o order) eachOption(b []byte, f func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, n := o.u16(b), int(o.u16(b[2:]))
		if b = b[4:]; code == optEnd || n > len(b) {
			return
		}
		f(code, b[:n])
		b = b[min(padded(n), len(b)):]
	}
}

// annotate reads the options of a packet.
func (n *ng) annotate(p *Packet, options []byte, comments bool) {
	if len(options) == 0 {
		return
	}
	n.order.eachOption(options, func(code uint16, value []byte) {
		switch {
		case code == optPacketFlags && len(value) == 4:
			if d := Direction(n.order.u32(value) & 3); d <= Outbound {
				p.Direction = d
			}
		case code == optComment && comments && p.Comment == "":
			p.Comment = string(value)
		}
	})
}

// statistics adds up what the interfaces lost (§4.6).
func (n *ng) statistics(b []byte) {
	if len(b) < 12 {
		return
	}
	n.order.eachOption(b[12:], func(code uint16, value []byte) {
		if (code == optStatisticsDropped || code == optStatisticsOSDrop) && len(value) == 8 {
			n.dropped += n.order.u64(value)
		}
	})
}

// addInterface reads an interface description (§4.2).
func (n *ng) addInterface(b []byte) error {
	if !n.begun || len(b) < 8 {
		return fmt.Errorf("%w: an interface of %d bytes", ErrCorrupt, len(b))
	}
	if len(n.interfaces) == maxInterfaces {
		return fmt.Errorf("%w: more than %d interfaces in one section", ErrCorrupt, maxInterfaces)
	}
	i := ngInterface{link: LinkType(n.order.u16(b)), snapLen: n.order.u32(b[4:]), resolution: microseconds}
	var bad error
	n.order.eachOption(b[8:], func(code uint16, value []byte) {
		switch {
		case code == optInterfaceResolution && len(value) == 1:
			i.resolution, bad = resolutionOf(value[0])
		case code == optInterfaceOffset && len(value) == 8:
			i.offset = int64(n.order.u64(value))
		}
	})
	n.interfaces = append(n.interfaces, i)
	return bad
}

// maxInterfaces bounds the memory for a section's interfaces.
const maxInterfaces = 1 << 16
