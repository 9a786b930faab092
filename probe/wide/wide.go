// Package wide probes whole networks in constant memory: its order is a
// permutation, and answers are recognised by the numbers that they repeat.
package wide

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/scan"
)

// Defaults of a [Config].
const (
	// DefaultRetries makes two probes a target: with 1 % of loss each way a single
	// one misses 2 % of what is open, two miss 0.04 %. Where more is lost, see
	// [Config.MostRetries].
	DefaultRetries = 1
	// DefaultCheckpointEvery is how much sending a killed run may have to
	// repeat, beside what was still waiting for answers.
	DefaultCheckpointEvery = 2 * time.Second
	// Above is the number of addresses above which a stateless run is
	// the better one: [scan.Run] remembers that many hosts. Beyond, a host is
	// forgotten between its ports and its retransmissions, what it taught about
	// timing with it, and each probe pays for a route look-up.
	Above = scan.MaxIdleHosts
)

// Blaster sends probes that differ only in [craft.Fields], as fast as it can.
// [NewBlaster] makes one of any [probe.Network].
type Blaster interface {
	// Receiving, routes, ports and counters; Send is for single packets, such
	// as the RST after a SYN-ACK, and may be called beside Blast.
	probe.Network
	// Blast sends one probe for each of fields, IPv4 and IPv6 mixed, and
	// reports how many left. A short count comes with the error that concerns
	// fields[n]. It is called by one goroutine at a time, and keeps nothing.
	Blast(fields []craft.Fields) (n int, err error)
	// AnswersResets tells whether every SYN-ACK is answered with an RST below
	// this interface already; the run then sends none.
	AnswersResets() bool
}

// Targets numbers the targets of a stateless run in the order of probing, each
// pair exactly once. It is asked by several goroutines, for any number at any
// time, and must not allocate. The zero AddrPort stands for a target that is not
// to be probed after all; it is counted as unknown.
type Targets interface {
	Count() uint64
	At(i uint64) netip.AddrPort // for i < Count
}

// TargetFiller is a Plan that gives many targets at once, in less time: those from
// number first on, as many as into has room for.
type TargetFiller interface {
	Fill(first uint64, into []netip.AddrPort)
}

// Config says what a stateless run probes, and how. Only Plan must be set. Of the
// embedded [scan.Config], Targets, Total and Canaries do not apply; Retries defaults
// to [DefaultRetries], and Timeout is both the spacing of a target's probes and half the
// silence that ends the run. Rate is kept to with FixedRate; without it a run slows down
// where that makes it lose less (see pacing.go).
type Config struct {
	scan.Config
	Plan Targets
	From uint64 // the position in the plan to begin with

	// MostRetries is how many retries a target may get where more packets are lost
	// than Retries make up for; no more than Retries where it is less. See loss.go.
	MostRetries int

	// LeastTimeout is how short Timeout may become where the answers of every address of a
	// small plan are known to come sooner; 0: Timeout stays what it is. See near.go.
	LeastTimeout time.Duration

	// Checkpoint is told from time to time that everything before a position is
	// done: probed as often as planned, its answers awaited, and handed to the
	// sink before this call, from the same goroutine. An error ends the run.
	Checkpoint      func(position uint64) error
	CheckpointEvery time.Duration // 0: DefaultCheckpointEvery

	// Neighbours resolves targets on the link before they are probed, where it
	// is set; without it the kernel does, in its own time.
	Neighbours Neighbours

	// OnHeld is told, at most 4 times a second, that sending waits because the
	// sink takes results more slowly than they come.
	OnHeld func(total time.Duration)
}

// Summary is a [probe.Summary] with what only a stateless run has. A port that did not
// answer is counted in States under the technique's verdict on silence, and is not
// handed to the sink.
type Summary struct {
	probe.Summary
	Position    uint64        // everything before it is done: a run may go on from here
	Held        time.Duration // how long sending waited for the sink
	NoNeighbour uint64        // targets on the link whose link address does not resolve: filtered
	Outages     int           // how often nothing answered any more, not even what had, and then did again
	OutageTime  time.Duration // how long together
	Again       uint64        // targets that were probed anew because they fell into an outage
	Improved    uint64        // ports with a second verdict, from a better answer than the first
	Attempts    int           // probes of a target, as many as the loss asked for last
	Pace        float64       // packets a second that the run slowed down to, since less was lost then; 0: it did not
}

// Run probes a plan of any size in constant memory: no probe is remembered. Its order is a
// permutation, its answers are recognised by the numbers that they repeat (all 32 bits of
// them), repeated answers by a table of fixed size, and the round-trip time is read from the
// timestamp option that a SYN-ACK echoes.
//
// Each answered target is handed to sink, once, or again where an answer that
// proves more follows one that proves less; Verdict.Attempts is the number of the transmission
// that was answered. Answers that repeat no number of ours are counted as
// rejected. Sink.Port is called from one goroutine, not the caller's, and
// Sink.Host never. RTTs are from the program's clock in microseconds, at the
// moment the batch was made, to the kernel's stamp of the arrival
// ([netraw.ClockKernelRx]), or to the program's where there is none.
//
// Cancelling ctx stops the sending; Run waits for the answers that are
// still due and returns [probe.ErrInterrupted]. Other errors are as of [scan.Run]. The
// summary is valid in each case.
func Run(ctx context.Context, b Blaster, cfg Config, sink probe.Sink) (Summary, error) {
	if err := cfg.complete(b); err != nil {
		return Summary{}, err
	}
	w, err := newRun(b, &cfg, sink)
	if err != nil {
		return Summary{}, err
	}
	err = w.run(ctx)
	return w.summary(), err
}

func (c *Config) complete(network probe.Network) error {
	switch {
	case c.Plan == nil:
		return errors.New("stateless scan: no plan")
	case c.From > c.Plan.Count():
		return fmt.Errorf("stateless scan: position %d of %d", c.From, c.Plan.Count())
	}
	if err := wire.Check("stateless scan", network, c.Rate, max(c.Retries, c.MostRetries)); err != nil {
		return err
	}
	c.Retries = cmp.Or(c.Retries, DefaultRetries)
	c.CheckpointEvery = cmp.Or(max(c.CheckpointEvery, 0), DefaultCheckpointEvery)
	c.setDefaults()
	c.MostRetries = max(c.MostRetries, c.Retries)
	return nil
}

func (c *Config) setDefaults() {
	wire.Defaults(&c.Rate, &c.Retries, &c.Timeout)
	l := c.look()
	c.Technique, c.Profile, c.Key = l.Technique, l.Profile, l.Key
}

// look is what the probes have in common.
func (c *Config) look() wire.Look {
	return wire.Look{Technique: c.Technique, Profile: c.Profile, TTL: c.TTL, TOS: c.TOS, Key: c.Key}.Complete()
}

// Templates are the probes of this configuration, of which [craft.Fields]
// vary: what a Blaster needs to know.
func (c Config) Templates() (v4, v6 *craft.Template, err error) {
	c.setDefaults()
	p, err := wire.NewPackets(c.look())
	if err != nil {
		return nil, nil, err
	}
	v4, v6 = p.Templates()
	return v4, v6, nil
}
