//go:build !linux

package netraw

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

func (d Dialer) control(_, _ string, _ syscall.RawConn) error {
	if d.Interface != "" {
		return ErrUnsupportedOS
	}
	return nil
}

func unroutable(error) bool { return false }

func handshakeOf(*net.TCPConn) Handshake { return Handshake{} }

func refusal(time.Duration, error) Handshake { return Handshake{} }

type witness struct{}

func (*witness) keep(syscall.RawConn) error { return nil }

func (*witness) reset(error) (Handshake, bool) { return Handshake{}, false }

func (*witness) openedBy(error) (Handshake, bool) { return Handshake{}, false }

func (*witness) pending() error { return nil }

func (*witness) retransmits() int { return 0 }

func (*witness) sentNothing() bool { return false }

func hasNoWay(error) bool { return false }

func (*witness) icmp() *ICMPError { return nil }

func (*witness) close() {}

func (d Dialer) broadcasts(netip.AddrPort) bool { return false }
