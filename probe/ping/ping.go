// Package ping times handshakes, at times fixed from the start.
package ping

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Bounds and defaults of a [Config].
const (
	MinInterval     = time.Millisecond
	DefaultInterval = time.Second
)

// Config says whose handshakes are timed, and when. Only Targets must be
// set.
type Config struct {
	Targets  []netip.AddrPort // a zero one is not probed until Retarget names it
	Count    uint64           // probes of each target; 0: until the context ends
	Interval time.Duration    // between two probes of one target; 0: DefaultInterval
	Timeout  time.Duration    // what was not answered by then is lost; 0: [probe.DefaultTimeout]
	Flow     probe.Flow
	Rate     float64 // most packets a second, RSTs too; 0: what the schedule takes

	Profile craft.Profile // look of the SYN; the zero value: the first of craft.Profiles
	TTL     uint8         // 0: the profile's
	TOS     uint8
	Key     [16]byte // of the probes' numbers; the zero value: random

	// Late is told of each probe that Run has handed out already, and that the port
	// answered after that, or an ICMP error where nothing had come: what the port turned out
	// to be, in the place of the state that Sample.Supersedes names, DoubtLate, and no time;
	// nil: nobody is told.
	Late func(Sample)

	// Retarget gives targets new addresses while the run goes on; nil: none.
	Retarget <-chan Retarget
}

// Retarget is a new address of Config.Targets[Index].
type Retarget struct {
	Index  int
	Target netip.AddrPort
}

// Sample is one probe of a series and what came of it.
type Sample struct {
	Index      int            // into Config.Targets
	Target     netip.AddrPort // what was probed
	N          uint64         // its place in the series, from 1
	Attempt    int            // from 1; more where an old connection stood in the way, or the same SYN was sent once more
	State      probe.State
	Reason     probe.Reason
	Supersedes probe.State   // of a sample that Config.Late is told of: what was handed out of its probe before
	Due        time.Duration // when it was to leave, since the start of the run
	Sent       time.Time     // when it left, by the clock that Clock names; zero if it did not
	RTT        time.Duration // 0: not measured
	Clock      netraw.Clock
	Device     bool // RTT is between two stamps of the device's, see netraw.Config.DeviceStamps
	Doubt      probe.Doubt
	SourcePort uint16     // 0: not known
	ISN        craft.Seq  // of the SYN-ACK, where Reason is ReasonSYNACK
	TTL        uint8      // of the answer, as it arrived; 0: none came
	Responder  netip.Addr // who answered, valid only where it was not the target
	ICMP       *probe.ICMPCode
	Findings   []probe.Finding
	Repeats    int   // transmissions of the same SYN but one: the kernel's, or ours
	Err        error // why it could not be sent
}

// String is a sample in words: "1 open 51.2µs (kernel)", or without a time where there
// is none.
func (s Sample) String() string {
	if s.RTT == 0 {
		return fmt.Sprintf("%d %v", s.N, s.State)
	}
	return fmt.Sprintf("%d %v %v (%v)", s.N, s.State, s.RTT, s.Clock)
}

// RoundTrip is RTT, and whether one was measured. [Sample.Timed] tells whether it belongs into a statistic.
func (s *Sample) RoundTrip() (rtt time.Duration, ok bool) { return s.RTT, s.RTT > 0 }

// Answered tells whether the port itself answered in time: it accepted or it refused.
func (s *Sample) Answered() bool {
	return (s.State == probe.StateOpen || s.State == probe.StateRefused) && s.Doubt != probe.DoubtLate
}

// Vain is how many SYNs were lost before the one that was answered: transmissions of a probe count, also where it was
// rescued by retransmission. Of a probe that nothing answered it is 0: it was lost once, and what the
// kernel retransmitted meanwhile had not its whole time.
func (s *Sample) Vain() int {
	if !s.Answered() {
		return 0
	}
	return s.Repeats
}

// Timed tells whether the sample's RTT belongs into a statistic.
func (s *Sample) Timed() bool {
	return s.Answered() && s.RTT > 0 && s.Doubt == probe.DoubtNone
}

// Run times handshakes until every target has had its Count of probes, and
// hands each probe to sink once, as it ends.
//
// Probe n of a target is due at a time fixed from the start, n intervals on,
// and sent then whatever has become of those before it: a slow answer delays
// no other probe, so that a pause of the far end is seen by all the probes that
// fall into it and not by one. Several targets take turns within an interval.
//
// Every transmission has a sequence number of its own, so that an answer names
// the one it belongs to. Both ends of a time are stamps of the kernel where
// network delivers own packets, as [netraw.Config] WatchOutgoing makes it do.
// SO_TIMESTAMPING would give the departure through the error queue of the
// sending socket instead, stamped by the driver. On a veth link that is 0.6 µs
// later in the median, 2.4 µs at the 99th percentile (TestStampSources in
// package rtt), so neither is the more exact by much. The packet socket's comes
// off the same queue as the answer, in the order of events; it is the very
// stamp that tcpdump(8) shows, so that a time can be checked; and it costs no
// second read a probe. So it is the one used.
//
// Where the network hands on the stamps of a device as well, as
// [netraw.Config] DeviceStamps makes it do, they are used in place of those, in
// pairs: both of the interface that the route names, whose clock may be unlike
// any other. Where one of the two is missing, or comes more than 100 ms after
// the answer, the sample is as it would have been without them, and
// Sample.Device tells. Drivers that hold one departure at a time leave out
// those that leave close upon another.
//
// While more probes of a target are in the air than ports are held, ports are
// used again before their answer is there; on a path that loses or reorders
// packets that costs answers. So the network should hold Timeout/Interval ports.
//
// Neighbour discovery is no part of a time: before the first probe every next
// hop gets one SYN more, which is counted as sent and is no probe of a series, and the
// schedule starts when those have left this machine, or after a second.
//
// A transmission is closed once: by the RST after its SYN-ACK, by one more for
// each SYN-ACK that the far end repeats, and where nothing answered by one RST at
// its end, or before its port is used again. So a silent port gets two packets a
// probe, and that one SYN. An answer less than SYN-ACK ends a probe after a moment in which the
// genuine one may still come.
//
// While a target has answered no SYN, one probe's at a time is sent once more, a second later, as
// each TCP does: something may protect it from floods that lets nothing else through. What answers
// that comes too late for its probe, and once one was answered, each probe waits for the answer to
// its retransmission until a first SYN is answered. It has a round trip where a time stamp tells
// which of the two was answered, and [probe.DoubtRetransmitted] elsewhere. With a Timeout below a
// second nothing is retransmitted.
//
// Whether an answer came in time is judged by its stamp, however late this process
// ran. One that comes later tells what the port is, beside a probe that is lost: in
// the probe's own sample or by Config.Late. So where no probe of a target was answered
// in time, Run waits for one more timeout at its end, a second at most, and behind a router until
// that has asked in vain for the target's link address, 3.25 s after the first probe, unless Timeout
// is below a second. Probes that are late leave at twice the pace of the schedule until that is
// caught up with, no more than two milliseconds of it at once; only what is late
// by more than ten seconds is left out.
//
// What the kernel refuses to send for now is sent later. What it refuses for good
// is told of its probe, and ends nothing for other targets. A network that goes
// away costs the probes that were due more than a timeout before it comes back;
// where no packet has left for ten seconds, a run with a Count returns
// [probe.ErrNetworkDown], and one without goes on.
//
// A nil sink is told of nothing. Cancelling ctx stops the sending; Run waits for the
// answers that are still due and returns [probe.ErrInterrupted].
func Run(ctx context.Context, network probe.Network, cfg Config, sink func(Sample) error) (probe.Summary, error) {
	if err := cfg.complete(); err != nil {
		return probe.Summary{}, err
	}
	if err := wire.Check("ping", network, cfg.Rate, 0); err != nil {
		return probe.Summary{}, err
	}
	p, err := newPinger(network, &cfg, wire.Told(sink))
	if err != nil {
		return probe.Summary{}, err
	}
	err = p.run(ctx)
	return p.summary(), err
}

// complete fills in what was left to us, and refuses what cannot work.
func (c *Config) complete() error {
	if len(c.Targets) == 0 {
		return errors.New("ping: no targets")
	}
	c.Targets = wire.AllUnmapped(c.Targets)
	c.Interval = cmp.Or(c.Interval, DefaultInterval)
	if c.Interval < MinInterval {
		return fmt.Errorf("ping: an interval of %v: at least %v", c.Interval, MinInterval)
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), probe.DefaultTimeout)
	c.Rate = cmp.Or(max(c.Rate, 0), math.Inf(1))
	return nil
}

// look is what the probes have in common.
func (c *Config) look() wire.Look {
	return wire.Look{Profile: c.Profile, TTL: c.TTL, TOS: c.TOS, Key: c.Key}.Complete()
}
