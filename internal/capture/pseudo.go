package capture

import (
	"encoding/binary"
)

// nflog takes LINKTYPE_NFLOG off: family, version, a number, then attributes,
// of which one is the packet. Their lengths are in the capturing machine's byte
// order: the one in which they fit.
func nflog(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, ErrShortFrame
	}
	ip, err := nflogPayload(b[4:], binary.LittleEndian)
	if err != nil {
		ip, err = nflogPayload(b[4:], binary.BigEndian)
	}
	if err != nil {
		return nil, err
	}
	return asIP(ip)
}

func nflogPayload(b []byte, order binary.ByteOrder) ([]byte, error) {
	const payload, typeMask = 9, 0x7fff
	for len(b) >= 4 {
		n, kind := int(order.Uint16(b)), order.Uint16(b[2:])&typeMask
		switch {
		case n < 4:
			return nil, ErrShortFrame
		case kind == payload:
			return b[4:min(n, len(b))], nil
		case n > len(b):
			return nil, ErrShortFrame
		}
		b = b[min(padded(n), len(b)):]
	}
	return nil, ErrShortFrame
}

// pflog takes OpenBSD's header off, whose first byte is its length without
// padding.
func pflog(b []byte) ([]byte, error) {
	if len(b) < 1 {
		return nil, ErrShortFrame
	}
	n := padded(int(b[0]))
	if n < 4 || n > len(b) {
		return nil, ErrShortFrame
	}
	return asIP(b[n:])
}

// radiotap takes a radiotap header off, whose length is little-endian
// (radiotap.org), and the 802.11 header behind it.
func (w *Network) radiotap(b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, ErrShortFrame
	}
	n := int(binary.LittleEndian.Uint16(b[2:]))
	if n < 8 || n > len(b) {
		return nil, ErrShortFrame
	}
	return w.wifi(b[n:])
}

// wifi takes the header of an 802.11 data frame off (IEEE 802.11 §9.3.2). What
// is encrypted, or aggregated, is not read.
func (w *Network) wifi(b []byte) ([]byte, error) {
	const (
		data, withoutData, qos = 2, 0x40, 0x80
		toDS, fromDS           = 0x01, 0x02
		protected, htc         = 0x40, 0x80
		aggregated             = 0x80
	)
	if len(b) < 24 {
		return nil, ErrShortFrame
	}
	kind, flags := b[0], b[1]
	if kind>>2&3 != data || kind&withoutData != 0 {
		return nil, unread("802.11-no-data")
	}
	n := 24
	if flags&(toDS|fromDS) == toDS|fromDS {
		n += 6
	}
	if kind&qos != 0 {
		if len(b) < n+2 {
			return nil, ErrShortFrame
		}
		if b[n]&aggregated != 0 {
			return nil, unread("802.11-aggregated")
		}
		if n += 2; flags&htc != 0 {
			n += 4
		}
	}
	switch {
	case flags&protected != 0:
		return nil, unread("802.11-encrypted")
	case len(b) < n:
		return nil, ErrShortFrame
	case len(b) >= n+4 && b[n] == 0 && b[n+1] == 0: // aligned by two bytes
		n += 2
	}
	return w.llc(b[n:])
}
