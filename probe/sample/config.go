package sample

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/isn"
)

// Defaults of a [Config].
const (
	DefaultTimeout  = time.Second
	DefaultRate     = probe.DefaultRate // of all targets together
	DefaultParallel = 64
)

// ErrNoSteps says that a plan has nothing to send.
var ErrNoSteps = errors.New("the plan has no SYN: a series that needs another source address may have none")

// Config says what is sampled, and how. Whoever knows Seed can forge answers; the
// zero value is a random one.
type Config struct {
	Targets []netip.AddrPort
	Plan    isn.Plan
	// Sources are further addresses of ours, for the series that varies them;
	// those of another IP version than the target are passed over.
	Sources []netip.Addr
	Seed    [32]byte
	// WithoutLadder leaves the options ladder out also where it would tell.
	WithoutLadder bool

	Timeout  time.Duration // for one answer; 0 is DefaultTimeout. Shorter once round trips are known
	Rate     float64       // packets a second of all targets together; 0 is DefaultRate, +Inf no bound
	Parallel int           // targets sampled beside each other; 0 is DefaultParallel

	Profile    craft.Profile // the SYN's layout, window and TTL; the zero Profile is the first of [craft.Profiles]
	TTL, TOS   uint8         // in place of the profile's, where not 0
	OnProgress func(probe.Progress)
}

// withDefaults fills in what was left zero.
func (c Config) withDefaults() Config {
	c.Targets = wire.AllUnmapped(c.Targets)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.Rate = cmp.Or(c.Rate, DefaultRate)
	c.Parallel = cmp.Or(max(c.Parallel, 0), DefaultParallel)
	if c.Profile.Name == "" {
		c.Profile = craft.Profiles()[0]
	}
	if c.Seed == [32]byte{} {
		rand.Read(c.Seed[:])
	}
	return c
}

// Sink takes what a run finds. Its calls never overlap; an error ends the run.
type Sink interface {
	// Sample takes one sample of a target, also one that was lost.
	Sample(target netip.AddrPort, s isn.Sample) error
	// Result takes what all samples of a target show, after the last of them.
	Result(Result) error
}

// Result is what sampling one target came to.
type Result struct {
	Target   netip.AddrPort
	State    probe.State     // open where anything answered as a listener does
	Reason   probe.Reason    // what ended the sampling: ReasonSYNACK where the plan was carried out
	ICMP     *probe.ICMPCode // of the error that ended it, nil if none did
	Sender   netip.Addr      // who sent that
	Err      error           // why nothing could be sent
	Clock    netraw.Clock    // the worse of the clocks that took the stamps
	Planned  int             // SYNs of the plan, the ladder not counted
	Carried  int             // of those, how many had their turn
	Stale    int             // SYNs that met a half-open connection of an earlier one
	Twice    int             // SYNs that were answered by two SYN-ACKs with different numbers
	Stepped  int             // samples whose times were discarded: the wall clock was set
	Samples  []isn.Sample
	Report   isn.Report
	twice    string          // the first two such numbers
	noticed  []probe.Finding // on the way to the answers
	kept     netip.AddrPort  // of ours, to which the plan kept since no other was answered
	finished bool
	late     bool // SYN-ACKs came, each after its SYN was given up
	unclosed bool // this machine's firewall refuses RSTs: what a SYN has opened stays open
	// relabelled tells that this machine's own NAT changed our ports: the far end saw other tuples.
	relabelled bool
}

// Whole reports whether the plan was carried out to its end.
func (r *Result) Whole() bool { return r.finished }
