package netraw

import (
	"fmt"
	"net/netip"
)

// Silencer is a way to keep the kernel from answering on a held port. The
// zero value chooses.
type Silencer uint8

const (
	// SilencerAuto is the first that is permitted: the filter, the signature,
	// the minimum TTL.
	SilencerAuto Silencer = iota
	// SilencerFilter drops every segment in a classic BPF filter on the
	// listening socket (SO_ATTACH_FILTER, socket(7)).
	SilencerFilter
	// SilencerMinTTL demands TTL 255 of every segment (IP_MINTTL, ip(7), and
	// IPV6_MINHOPCOUNT), the generalised TTL security mechanism of RFC 5082.
	// A segment that does arrive with 255, from the same link, is answered.
	SilencerMinTTL
	// SilencerSignature demands the minimum TTL, and of what arrives with it the
	// signature of a key that nobody else knows (TCP_MD5SIG_EXT, RFC 2385; Linux
	// 4.13 with CONFIG_TCP_MD5SIG). It needs no capability.
	SilencerSignature
)

// String returns "auto", "bpf-filter", "min-ttl" or "tcp-md5".
func (s Silencer) String() string {
	switch s {
	case SilencerAuto:
		return "auto"
	case SilencerFilter:
		return "bpf-filter"
	case SilencerMinTTL:
		return "min-ttl"
	case SilencerSignature:
		return "tcp-md5"
	}
	return fmt.Sprintf("silencer(%d)", uint8(s))
}

// PortConfig changes what HoldPorts does. The zero value, like a nil
// pointer, means the defaults.
type PortConfig struct {
	// Port is the one port to hold. Default: the kernel chooses.
	Port uint16
	// Source is the address that the ports are for, where they cannot be held
	// for all: see HoldPorts. Default: all of this machine's.
	Source netip.Addr
	// Silencer forces one mechanism. Default: the first that is permitted.
	Silencer Silencer
}

// Ports is a set of TCP ports of this machine that nobody else can bind, and
// on which the kernel stays silent: whatever arrives for them, over IPv4 or
// IPv6, is discarded, while packet and raw sockets still see it. The process
// ending in any way frees them.
type Ports struct {
	held
}

// HoldPorts holds n ports; nil means the defaults. With PortConfig.Port it
// holds that one, whatever n is.
//
// A port is held for all addresses at once. Where another program has it at some
// of them (systemd-resolved has 53 at 127.0.0.53), it is held at each of the
// others, or at PortConfig.Source alone; Holds tells where. Of ports that the
// kernel chooses, those that its range has not enough of
// (net.ipv4.ip_local_port_range) are taken from outside of it.
//
// It fails with ErrPortCount, ErrPortInUse,
// ErrFileLimit, ErrPermission (a port below 1024, a forced mechanism) or
// ErrUnsupportedOS.
func HoldPorts(n int, cfg *PortConfig) (*Ports, error) {
	if cfg == nil {
		cfg = &PortConfig{}
	}
	if cfg.Port != 0 {
		n = 1
	}
	if n < 1 || n > MaxPorts {
		return nil, fmt.Errorf("netraw: hold %d ports: %w", n, ErrPortCount)
	}
	p := &Ports{}
	if err := p.hold(n, *cfg); err != nil {
		return nil, err
	}
	return p, nil
}

// Holds reports whether the ports are held for what is sent to an address of this
// machine.
func (p *Ports) Holds(addr netip.Addr) bool { return p.holds(addr) }

// List returns the ports.
func (p *Ports) List() []uint16 { return p.list() }

// Silencer returns the mechanism in use, never SilencerAuto.
func (p *Ports) Silencer() Silencer { return p.mechanism() }

// Close frees the ports. Closing again, or nil, does nothing.
func (p *Ports) Close() error {
	if p == nil {
		return nil
	}
	return p.close()
}
