// Package discover finds out which of many addresses are there, before their
// ports are asked for: most addresses of most networks are not.
//
// On the link that is neighbour resolution: who does not answer ARP (RFC 826) or
// neighbour solicitations (RFC 4861) answers nothing else. Elsewhere a host gets
// a few segments that most hosts answer, in two rounds: an echo request, a SYN
// to port 443 and an ACK to port 80, and if all were silent a time stamp request
// (IPv4; another echo for IPv6), a SYN to port 80 and one to port 22. Any answer
// of the host itself proves it: a SYN-ACK, an RST, a reply, or its own ICMP
// error. What a router says of it is the reason why it is down.
package discover

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Config says whom to look for. Only Hosts must be set.
type Config struct {
	Hosts iter.Seq[netip.Addr] // each once
	Total uint64               // how many; 0: not known

	Rate    float64       // packets a second; 0: begins gently and grows; +Inf: no bound
	Timeout time.Duration // longest wait for the answers of a round; 0: probe.DefaultTimeout

	Profile craft.Profile // look of the SYNs; the zero value: the first of craft.Profiles
	TTL     uint8         // 0: the profile's
	TOS     uint8
	Key     [16]byte // of the probes' numbers; the zero value: random

	Forbidden []uint16 // ports that must not be probed; pings are sent all the same

	// Port is the only port of a host that is of interest, where it is set. Then a host is
	// looked for by an echo request and two segments to that port: a search for the sake of
	// one probe takes three packets where nobody answers. With ACK these segments are bare
	// ACKs, else SYNs.
	Port func(netip.Addr) uint16
	ACK  bool

	// Neighbours resolves hosts on the link; nil: they are asked as all others.
	Neighbours probe.Neighbours

	OnProgress func(probe.Progress) // called from the engine's goroutine, 4 times a second
}

// Host is what was found out about one address.
type Host struct {
	Addr   netip.Addr
	Up     bool
	Reason probe.Reason // what the host answered; why it is down
	RTT    time.Duration
	Clock  netraw.Clock     // behind RTT
	TTL    uint8            // with which the answer arrived; 0 where it was none of IP
	MAC    net.HardwareAddr // where it is on the link, nil elsewhere
	Time   time.Time        // of the answer, or of giving up
	Began  time.Time        // when the host was first asked
	Err    error            // why it could not be asked
}

// Report is the host in the words of a scan. One that could not be asked is
// neither up nor down.
func (h *Host) Report() probe.HostReport {
	r := probe.HostReport{
		Addr: h.Addr, State: probe.HostDown, Reason: h.Reason, RTT: h.RTT, Clock: h.Clock, TTL: h.TTL, MAC: h.MAC,
		Began: h.Began, Time: h.Time, Err: h.Err,
	}
	switch {
	case h.Up:
		r.State = probe.HostUp
	case h.Err != nil:
		r.State = probe.HostUnknown
	}
	return r
}

// Run looks for every host and hands each to yield once, as soon as it is
// certain; a nil yield is told of nothing. Cancelling ctx ends the run with [probe.ErrInterrupted]; other errors
// are [probe.ErrNetworkDown], yield's, and those of a configuration that cannot
// work. The summary counts hosts as probes, and is valid in each case.
func Run(ctx context.Context, network probe.Polled, cfg Config, yield func(Host) error) (probe.Summary, error) {
	s, err := Begin(network, cfg, yield)
	if err != nil {
		return probe.Summary{}, err
	}
	defer s.Close()
	err = s.engine.run(ctx, func() bool { return false })
	return s.Summary(), err
}

func (c *Config) check(network probe.Polled) error {
	if c.Hosts == nil {
		return errors.New("discover: no hosts")
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), probe.DefaultTimeout)
	return wire.Check("discover", network, c.Rate, 0)
}

func (c *Config) look() wire.Look {
	return wire.Look{Profile: c.Profile, TTL: c.TTL, TOS: c.TOS, Key: c.Key}.Complete()
}
