package capture

import "encoding/binary"

// What a network service header says that follows it (RFC 8300 §2.2, IANA).
const (
	nshIPv4     = 1
	nshIPv6     = 2
	nshEthernet = 3
	nshNested   = 4
	nshMPLS     = 5
)

// nsh takes a network service header off, with its metadata (RFC 8300 §2.2). The service
// path that it names is another in each direction and tells no networks apart.
func (w *Network) nsh(b []byte) ([]byte, error) {
	for {
		if len(b) < 8 {
			return nil, ErrShortFrame
		}
		head := binary.BigEndian.Uint16(b)
		n, next := int(head&0x3f)*4, b[3]
		switch {
		case head>>14 != 0 || n < 8:
			return nil, unread("nsh")
		case len(b) < n:
			return nil, ErrShortFrame
		}
		switch b = b[n:]; next {
		case nshIPv4, nshIPv6:
			return asIP(b)
		case nshEthernet:
			return w.ethernet(b)
		case nshMPLS:
			return w.mpls(b)
		case nshNested:
		default:
			return nil, unread("nsh")
		}
	}
}
