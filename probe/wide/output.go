package wide

import (
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// answer is the first answer of a target, or a better one than before.
type answer struct {
	wire.Event
	rtt     time.Duration
	clock   netraw.Clock
	before  memory          // of the answer that it supersedes, the zero value for none
	again   bool            // to a SYN that was sent once more
	noted   []probe.Finding // beside what follows from the packet
	verdict *probe.Verdict  // where it does not follow from the packet alone
}

// batch is what the output takes at once: answers, and a position that is done
// once all batches up to this one are written.
type batch struct {
	answers  []answer
	position uint64
	mark     bool // position is to be passed on
}

// output hands results to the sink on a goroutine of its own. What waits for it
// is bounded; sending stops when half of that is full, so that answers to what
// is in flight still find room, and nothing is dropped.
type output struct {
	cfg    *Config
	sink   probe.Sink
	full   chan *batch
	empty  chan *batch
	done   chan struct{}
	failed chan struct{} // closed at the first error
	err    error

	states   map[probe.State]uint64
	improved uint64
}

// waiting is how many batches may wait, each of up to batchSize answers.
const waiting = 512

func newOutput(c *Config, sink probe.Sink) *output {
	return &output{
		cfg: c, sink: sink,
		full: make(chan *batch, waiting), empty: make(chan *batch, waiting),
		done: make(chan struct{}), failed: make(chan struct{}),
		states: map[probe.State]uint64{},
	}
}

// congested tells whether results come faster than they are written.
func (o *output) congested() bool { return len(o.full) > waiting/2 }

// add makes room for one more answer, whose contents are to be set.
func (b *batch) add() *answer {
	if len(b.answers) == cap(b.answers) {
		b.answers = append(b.answers, answer{})
	} else {
		b.answers = b.answers[:len(b.answers)+1]
	}
	return &b.answers[len(b.answers)-1]
}

// next is an empty batch.
func (o *output) next() *batch {
	select {
	case d := <-o.empty:
		d.answers, d.mark = d.answers[:0], false
		return d
	default:
		return &batch{}
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

func (o *output) deliver(d *batch) error {
	memory := newReplies(d.answers)
	for i := range d.answers {
		if err := o.port(&d.answers[i], &memory); err != nil {
			return err
		}
	}
	if d.mark && o.cfg.Checkpoint != nil {
		return o.cfg.Checkpoint(d.position)
	}
	return nil
}

func (o *output) port(a *answer, memory *replies) error {
	v := a.judged(o.cfg.Technique, memory)
	if v.Time = a.At; v.Time.IsZero() { // refused by this machine, or given up
		v.Time = time.Now()
	}
	if a.before.rank != wire.RankSilence {
		v.Supersedes = stateOf(o.cfg.Technique, a.before.rank)
		o.improved++
		o.states[v.Supersedes]--
	}
	o.states[v.State]++
	return o.sink.Port(v)
}

// judged is the verdict that follows from an answer.
func (a *answer) judged(t *probe.Technique, memory *replies) probe.Verdict {
	if a.verdict != nil {
		return *a.verdict
	}
	a.Seg.Options = a.From[:len(a.Seg.Options)] // its own, no more the event's
	reply, options := memory.next(len(a.Seg.Options))
	v := wire.JudgeInto(t, a.Target, &a.Event, reply, options)
	v.Attempts, v.RTT, v.Clock = a.Attempt+1, a.rtt, a.clock
	if a.again {
		v.Attempts++
	}
	v.Findings = wire.Noting(v.Findings, a.noted...)
	return wire.Superseding(v, &a.Event, a.before.rank, a.before.attempt(a.Attempt))
}

// replies is memory for the segments of a batch, whose verdicts own it: got at
// once, it costs a fraction of what it would for each.
type replies struct {
	segments []craft.Segment
	options  craft.Options
}

func newReplies(answers []answer) replies {
	room := 0
	for i := range answers {
		room += len(answers[i].Seg.Options)
	}
	return replies{make([]craft.Segment, len(answers)), make(craft.Options, room)}
}

// next is memory for one more segment, with options of a length.
func (r *replies) next(options int) (*craft.Segment, craft.Options) {
	s, o := &r.segments[0], r.options[:0:options]
	r.segments, r.options = r.segments[1:], r.options[options:]
	return s, o
}

// stateOf is the state that an answer of a rank led to. A reset can be
// superseded only where its window does not matter.
func stateOf(t *probe.Technique, r wire.Rank) probe.State {
	if r == wire.RankReset || r == wire.RankAsked || r == wire.RankUnverified {
		return t.Reset(0)
	}
	return probe.StateFiltered
}
