// Package trace finds the hops on the way to a port by SYNs of growing TTL.
package trace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Bounds and defaults of a [Config].
const (
	DefaultMaxHops = 30
	MaxHops        = 255
	DefaultQueries = 3
	MaxQueries     = 20
)

// Config says which way to explore. Only Target must be set.
type Config struct {
	Target  netip.AddrPort
	MaxHops int           // 0: DefaultMaxHops
	Queries int           // probes of each hop; 0: DefaultQueries
	Timeout time.Duration // longest wait for an answer; 0: [probe.DefaultTimeout]
	Flow    probe.Flow
	Rate    float64 // most packets a second, RSTs too; 0: as many as a trace takes

	Profile craft.Profile // look of the SYN; the zero value: the first of craft.Profiles
	TOS     uint8
	Key     [16]byte // of the probes' numbers; the zero value: random
}

// HopKind is how a probe ended. The zero value is HopNone.
type HopKind uint8

const (
	HopNone         HopKind = iota // nothing came back
	HopTimeExceeded                // a router on the way (ICMP 11, ICMPv6 3)
	HopUnreachable                 // somebody says that the way ends here
	HopSYNACK                      // the target accepts
	HopReset                       // the target refuses
)

var hopKindNames = [...]string{"none", "time-exceeded", "unreachable", "syn-ack", "rst"}

// String is the kind's word in every output.
func (k HopKind) String() string {
	if int(k) >= len(hopKindNames) {
		return fmt.Sprintf("hop(%d)", uint8(k))
	}
	return hopKindNames[k]
}

// MarshalText writes the kind's word.
func (k HopKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the kind's word.
func (k *HopKind) UnmarshalText(b []byte) error {
	i := slices.Index(hopKindNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown kind of hop %q: want one of %v", b, hopKindNames)
	}
	*k = HopKind(i)
	return nil
}

// Hop is what one probe of one hop found.
type Hop struct {
	TTL, Query int // query from 1
	Kind       HopKind
	Addr       netip.Addr    // who answered; invalid for HopNone
	RTT        time.Duration // 0: not measured
	Clock      netraw.Clock
	Doubt      probe.Doubt
	ICMP       *probe.ICMPCode // nil for answers of the target itself
	Changes    []Change        // what had happened to the probe when it was quoted
}

// Change is a field of a probe that arrived at a hop other than it was sent:
// the sign of address translation, remarking, or meddling before that hop.
type Change struct {
	Field      string // "tos", "ttl", "id", "src", "dst", "sport", "dport", "seq", "flags", "win", "options"
	Sent, Seen string
}

// String is "tos 0x00>0x20".
func (c Change) String() string { return c.Field + " " + c.Sent + ">" + c.Seen }

// Path is what a trace found as a whole.
type Path struct {
	Verdict probe.Verdict // on the target's port
	Length  int           // the hop at which the way ended; 0: silence
	Silent  int           // the first of the hops at the end that kept silent; 0: none did
	Summary probe.Summary
}

// Run finds the hops on the way to a target by SYNs of growing TTL, and hands
// each to sink, in order of TTL and query, as soon as it is certain.
//
// All hops are in flight at once, so a trace takes about one round trip, or one
// timeout where somebody keeps silent. With FlowFixed the probes share ports
// and addresses, and so the path through load balancers that hash them; they
// are told apart by their sequence number, which every router quotes. Only
// further probes that may reach the target, once it answered SYN-ACK, leave from
// other ports: on this one it may be half open, and would answer for the wrong
// SYN. With FlowVary each probe leaves from the next of the held ports, so there
// should be many.
//
// Where the way ends is said by all probes together: by the target's own answers,
// SYN-ACKs before RSTs, and without those by ICMP errors behind the last router
// that let a probe expire. An error for one probe of many ends nothing, and
// overrules no answer of the target.
//
// A quote that was rewritten on the way is recognised by what is left: the
// sequence number whatever the addresses and ports, or addresses, source port, IPv4
// identification and timestamp whatever the sequence number. The other engines do not
// believe it: a port that nothing else tells of is filtered (no-response) to them.
//
// A nil sink is told of nothing. What the kernel refuses to send for now is sent later. Where its firewall lets
// nothing out, that is the verdict and no error. Other errors are those of
// [synscope/probe/ping.Run].
func Run(ctx context.Context, network probe.Network, cfg Config, sink func(Hop) error) (Path, error) {
	if err := cfg.complete(); err != nil {
		return Path{}, err
	}
	if err := wire.Check("trace", network, cfg.Rate, 0); err != nil {
		return Path{}, err
	}
	t, err := newTracer(network, &cfg, wire.Told(sink))
	if err != nil {
		return Path{Verdict: wire.NoWay(cfg.Target, err)}, err
	}
	err = t.run(ctx)
	return t.result(err), err
}

func (c *Config) complete() error {
	if !c.Target.IsValid() {
		return errors.New("trace: no target")
	}
	c.Target = wire.Unmapped(c.Target)
	c.MaxHops = cmp.Or(c.MaxHops, DefaultMaxHops)
	c.Queries = cmp.Or(c.Queries, DefaultQueries)
	if c.MaxHops < 1 || c.MaxHops > MaxHops || c.Queries < 1 || c.Queries > MaxQueries {
		return fmt.Errorf("trace: %d hops, %d queries each: at most %d and %d", c.MaxHops, c.Queries, MaxHops, MaxQueries)
	}
	c.Timeout = cmp.Or(max(c.Timeout, 0), probe.DefaultTimeout)
	c.Rate = cmp.Or(max(c.Rate, 0), math.Inf(1))
	return nil
}
