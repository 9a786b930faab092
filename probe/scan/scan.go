// Package scan probes many ports and gives each its verdict.
//
// The life of one probe, file by file:
//
//  1. [Run] takes a target from its configuration (scan.go) and asks the
//     network for the way there (host.go).
//  2. The engine (engine.go) lets it leave when the pace and the host's limiter
//     (limiter.go) allow it (send.go), and no queue on the way shows in the round
//     trips (backlog.go of one host, queued.go of all); how often it is retransmitted
//     follows the loss that was measured (loss.go, attention.go).
//  3. While it is in flight, and no longer, it has a record (flight.go) and a
//     deadline after RFC 6298. A new attempt has another source port
//     and sequence number, so each reply names what it answers; but for the last to
//     a host that answers nothing (same.go).
//  4. The engine keeps the best answer (handle.go), closes half-open connections
//     by RST, and hands a [probe.Verdict] to the caller's [probe.Sink].
//     A silence of the whole host is none of the port's (watch.go), an error that may
//     pass is asked about (transient.go), so are answers without a number of ours
//     (doubtful.go), and what proves nothing of the port is told of (elsewhere.go,
//     wrongack.go).
//  5. At the end, hosts that look too good to be true are asked for ports that
//     nobody serves (canary.go), those that may have changed for ports that have
//     answered (changes.go), and a [probe.Summary] accounts for every packet.
package scan

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// DefaultRetries bounds the transmissions after the first where the caller does not: with 40 % of
// loss each way twelve transmissions miss half a per cent.
const DefaultRetries = 11

// lastRetries are those of the last few silent ports beyond them.
const lastRetries = 3

// DefaultMostTimeout is more than the buffers of access links hold (RFC 6298 §2.5 would allow
// a minute).
const DefaultMostTimeout = 10 * time.Second

// Config says what to probe, and how. Only Targets must be set.
type Config struct {
	Technique *probe.Technique         // default: syn
	Targets   iter.Seq[netip.AddrPort] // each exactly once, in the order of probing
	Total     uint64                   // how many Targets there are; 0: not known

	Rate      float64 // packets a second; 0: begins at 2,000 and grows while nothing is lost; +Inf: no bound
	FixedRate bool    // keep to Rate even while the kernel drops replies

	Retries int           // transmissions after the first at most; negative: none; 0: DefaultRetries, and three more of the last few silent ports
	Timeout time.Duration // longest wait for one answer; 0: [probe.DefaultTimeout]

	// MostTimeout is the longest wait for hosts whose round trips turn out to be longer than
	// Timeout: a queue on the way may hold seconds. 0: Timeout, or DefaultMostTimeout if that is 0
	// too.
	MostTimeout time.Duration

	Profile craft.Profile // look of the SYN; the zero value: the first of craft.Profiles
	TTL     uint8         // 0: the profile's
	TOS     uint8

	Key      [16]byte // of the probes' numbers; the zero value: random
	Canaries bool     // check hosts that look too good to be true

	// HostsKnown says that the hosts are known to be there. Otherwise, and unless Rate is set,
	// hosts are begun only as the table of the router before their network has room: it resolves
	// their addresses, and can hold about a thousand.
	HostsKnown bool

	// Search says that it is not known which of the hosts are there, and that those that answer
	// nothing are of no interest: they are reported as down, without verdicts on their ports. A
	// port of such a host gets two transmissions, or more if the measured loss asks for it, and an
	// echo request goes beside the first (RFC 792, RFC 4443 §4.1), since many hosts reply to one
	// that drop the rest. It is for a port or two of each host: three packets a silent host, or
	// five. Hosts behind a router are begun as its table has room, even if Rate is set.
	Search bool

	// RoundTrip is the round trip of a host if it is known from elsewhere, else 0; nil: none is
	// known. The host's first answers are waited for accordingly.
	RoundTrip func(netip.Addr) time.Duration

	// Earlier is what a search for the hosts has left, nil if there was none. Late answers to it
	// are told from those of strangers, and a port that was open then is open even if its host
	// answers nothing any more.
	Earlier *probe.Earlier

	// Passing is the rate, in packets a second, that is known to pass a limit before all hosts,
	// which drops the rest; 0: no limit is known. The run keeps to it if that takes ten minutes at
	// most and Rate is 0.
	Passing float64

	// OnLimit is called when a run that searches has found such a limit: rate is how many packets a
	// second pass it, kept whether the run keeps to that. nil: nobody is told.
	OnLimit func(rate float64, kept bool)

	// Loss is the loss on the way to hosts that answer, as measured before; the zero value: not
	// measured.
	Loss probe.HostLoss

	// Neighbours resolves hosts on the link before they are probed, and knows
	// those that are not there; nil: the kernel does, packet by packet.
	Neighbours probe.Neighbours

	last int // transmissions of the last few silent ports beyond Retries

	OnProgress func(probe.Progress) // called from the engine's goroutine, 4 times a second
}

// Run probes every target over network and hands each verdict to sink once.
//
// Cancelling ctx stops the sending; Run waits for the answers that are still
// due, hands them out, and returns [probe.ErrInterrupted]. Other errors are
// [probe.ErrNetworkDown], the sink's, and those of a configuration that cannot work.
// The summary is valid in each case.
func Run(ctx context.Context, network probe.Polled, cfg Config, sink probe.Sink) (probe.Summary, error) {
	if err := cfg.complete(network); err != nil {
		return probe.Summary{}, err
	}
	if sink == nil {
		return probe.Summary{}, errors.New("scan: no sink")
	}
	e, err := newEngine(network, &cfg, sink)
	if err != nil {
		return probe.Summary{}, err
	}
	err = e.run(ctx)
	return e.summary(), err
}

// complete fills in what was left to us.
func (c *Config) complete(network probe.Polled) error {
	if c.Targets == nil {
		return errors.New("scan: no targets")
	}
	c.Targets = wire.EachUnmapped(c.Targets)
	if c.Retries == 0 {
		c.Retries, c.last = DefaultRetries, lastRetries
	}
	return wire.Check("scan", network, c.Rate, c.Retries)
}

func (c *Config) setDefaults() {
	if c.Timeout == 0 && c.MostTimeout == 0 {
		c.MostTimeout = DefaultMostTimeout
	}
	wire.Defaults(&c.Rate, &c.Retries, &c.Timeout)
	l := c.look()
	c.Technique, c.Profile, c.Key = l.Technique, l.Profile, l.Key
}

// look is what the probes have in common.
func (c *Config) look() wire.Look {
	return wire.Look{Technique: c.Technique, Profile: c.Profile, TTL: c.TTL, TOS: c.TOS, Key: c.Key}.Complete()
}

// attempts is the most transmissions of one probe: one more than the retries, some for the last few,
// and another where an old connection stood in the way.
func (c *Config) attempts() int { return c.sourcePorts() + c.last }

// sourcePorts is how many transmissions of one probe leave from ports that differ, where the network holds so many.
func (c *Config) sourcePorts() int { return c.Retries + 2 }
