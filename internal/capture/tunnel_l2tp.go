package capture

import "encoding/binary"

// portL2TP is of the layer two tunneling protocol (RFC 2661 §8.1).
const portL2TP = 1701

// l2tp takes the header of a data message off (RFC 2661 §3.1), which leaves a frame of PPP.
// Each end numbers tunnels and sessions for itself, so the tunnel's ends name the network.
// Version 3 (RFC 3931) does not say how long its cookie is, nor what follows, and is not read.
func (w *Network) l2tp(outer, b []byte) ([]byte, error) {
	const control, hasLength, hasNumbers, hasOffset, version = 0x8000, 0x4000, 0x0800, 0x0200, 0x000f
	if len(b) < 2 {
		return nil, ErrShortFrame
	}
	flags, n := binary.BigEndian.Uint16(b), 6
	if flags&control != 0 || flags&version != 2 {
		return nil, ErrNotIP
	}
	if flags&hasLength != 0 {
		n += 2
	}
	if flags&hasNumbers != 0 {
		n += 4
	}
	if flags&hasOffset != 0 {
		if len(b) < n+2 {
			return nil, ErrShortFrame
		}
		n += 2 + int(binary.BigEndian.Uint16(b[n:]))
	}
	if len(b) < n {
		return nil, ErrShortFrame
	}
	w.between(tagL2TP, outer)
	return w.ppp(b[n:])
}
