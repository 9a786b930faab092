package wide

import (
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// sighting is the first answer of a target, or a better one than before.
type sighting struct {
	wire.Event
	rtt    time.Duration
	clock  netraw.Clock
	before wire.Rank // of the answer that it supersedes, rankSilence for none
}

// delivery is what the outlet takes at once: sightings, and a position that is
// done once all deliveries up to this one are written.
type delivery struct {
	sightings []sighting
	position  uint64
	mark      bool // position is to be passed on
}

// output hands results to the sink on a goroutine of its own. What waits for it
// is bounded; sending stops when half of that is full, so that answers to what
// is in flight still find room, and nothing is dropped.
type output struct {
	cfg    *Config
	sink   probe.Sink
	full   chan *delivery
	empty  chan *delivery
	done   chan struct{}
	failed chan struct{} // closed at the first error
	err    error

	states   map[probe.State]uint64
	improved uint64
}

// waiting is how many deliveries may wait, each of up to batchSize sightings.
const waiting = 512

func newOutput(c *Config, sink probe.Sink) *output {
	return &output{
		cfg: c, sink: sink,
		full: make(chan *delivery, waiting), empty: make(chan *delivery, waiting),
		done: make(chan struct{}), failed: make(chan struct{}),
		states: map[probe.State]uint64{},
	}
}

// congested tells whether results come faster than they are written.
func (o *output) congested() bool { return len(o.full) > waiting/2 }

// next is an empty delivery.
func (o *output) next() *delivery {
	select {
	case d := <-o.empty:
		d.sightings, d.mark = d.sightings[:0], false
		return d
	default:
		return &delivery{}
	}
}

// run writes until full is closed; after an error it only empties it.
func (o *output) run() {
	defer close(o.done)
	for d := range o.full {
		if o.err == nil {
			o.fail(o.deliver(d))
		}
		select {
		case o.empty <- d:
		default:
		}
	}
}

func (o *output) fail(err error) {
	if err != nil {
		o.err = err
		close(o.failed)
	}
}

func (o *output) deliver(d *delivery) error {
	for i := range d.sightings {
		if err := o.port(&d.sightings[i]); err != nil {
			return err
		}
	}
	if d.mark && o.cfg.Checkpoint != nil {
		return o.cfg.Checkpoint(d.position)
	}
	return nil
}

func (o *output) port(s *sighting) error {
	s.Seg.Options = s.From[:len(s.Seg.Options)]
	v := wire.Judge(o.cfg.Technique, s.Target, &s.Event)
	v.Attempts, v.RTT, v.Clock = s.Attempt+1, s.rtt, s.clock
	if s.before != wire.RankSilence {
		o.improved++
		o.states[stateOf(o.cfg.Technique, s.before)]--
	}
	o.states[v.State]++
	return o.sink.Port(v)
}

// stateOf is the state that an answer of a rank led to. A reset can be
// superseded only where its window does not matter.
func stateOf(t *probe.Technique, r wire.Rank) probe.State {
	if r == wire.RankReset {
		return t.Reset(0)
	}
	return probe.StateFiltered
}
