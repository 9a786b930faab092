package netraw

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Handshake is what the kernel tells of a connection that it opened for us.
type Handshake struct {
	// RTT is the kernel's own sample of the handshake (tcp(7), TCP_INFO,
	// tcpi_rtt: in microseconds) where Clock is ClockTCPInfo. For a refused
	// connection, which leaves nothing to ask, it is the time that connect(2)
	// took, by ClockUser. Zero: not measured; after a retransmitted SYN the
	// time would not say which SYN was answered.
	RTT   time.Duration
	Clock Clock
	// Retransmits is how often the kernel repeated its SYN.
	Retransmits int
}

// Dialer opens connections through the kernel's TCP, with no privilege. The
// zero value lets the kernel choose all that it names.
type Dialer struct {
	Interface string     // leave through this one, SO_BINDTODEVICE
	Source    netip.Addr // an address of this machine
	Port      uint16     // source port; one connection at a time to each target
}

// Dial connects to dst and at once resets the connection, so that neither end
// keeps a TIME_WAIT. Errors are those of connect(2), in a [net.OpError].
func (d Dialer) Dial(ctx context.Context, dst netip.AddrPort) (Handshake, error) {
	n := net.Dialer{Control: d.control}
	n.SetMultipathTCP(false)
	if d.Source.IsValid() || d.Port != 0 {
		n.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(d.Source, d.Port))
	}
	start := time.Now()
	conn, err := n.DialContext(ctx, "tcp", dst.String())
	if err != nil {
		return refusal(time.Since(start), err), err
	}
	tcp := conn.(*net.TCPConn)
	defer tcp.Close()
	tcp.SetLinger(0)
	return handshakeOf(tcp), nil
}
