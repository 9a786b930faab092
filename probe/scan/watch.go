package scan

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A host that answers may stop doing so while it is scanned: it is switched off, the network behind
// us is away for a moment, or somebody begins to drop what we send. All of this looks like filtered
// ports. So a silent port of a host that has answered is believed silent only once the host has
// answered something that was sent no earlier than the unanswered probe. If nothing else does, a
// port that answered before, the witness, is asked again. While it keeps silent, the verdicts wait.
// If it answers after a time in which it surely did not, what was sent during that time counts for
// nothing and is retransmitted; if it never answers again, the ports are unknown.

const (
	// longestWatch is how long a host may be silent until it is given up, and where as much is lost as
	// keeps its answers away for so long more often than by atRandom, longestLossyWatch.
	longestWatch, longestLossyWatch = 10 * time.Second, 30 * time.Second
	atRandom                        = 1e-4
	// witnessPause is the pause between rounds of asking the witness.
	witnessPause = 250 * time.Millisecond
	// witnessLook is how often hosts are looked at that nothing may be sent to meanwhile.
	witnessLook = 20 * time.Millisecond
	// surelyAway: the loss that was measured keeps as many answers of the witness away
	// with a probability below that, or the host is.
	surelyAway = 0.01
	// surprising: as many ports in a row keep silent with a probability below that, by
	// what share of the ports answered before.
	surprising = 1e-6
)

// errWentSilent is why a port is unknown that was asked for in vain, or not at all.
var errWentSilent = errors.New("the host answers nothing any more, not even on a port that had answered")

// gap is a time in which a host did not answer.
type gap struct{ from, to time.Duration }

// watch is what is remembered of a host under suspicion.
type watch struct {
	since    time.Duration // when the witness was asked first; 0: the host is not under suspicion
	vouched  time.Duration // as of then
	failures int           // how often it did not answer
	queued   bool          // it waits to be asked
	held     []ticket      // probes whose verdict waits
	gaps     []gap         // see noteAway
	hoped    uint32        // answers there must have been until an absence is believed again: what fell into the last is retransmitted, and would be answered
	futile   bool          // asking again after a surprising silence has found nothing
	gone     bool          // the host was given up
	lasted   time.Duration // how long it was watched until then
	rest     rest
	absences absences
}

// vouch notes that a host answered what left at a time, and on which port.
func (e *engine) vouch(f *flight, ev *wire.Event) {
	if !ev.Kind.Verified() || ev.Kind == wire.KindICMP || ev.Kind == wire.KindAskedReset {
		return
	}
	h, sent := f.host, f.tx[ev.Attempt].Sent
	if f.watches {
		sent = e.leftFor(h, ev, sent)
	}
	if h.witness == 0 {
		e.answering++
	}
	if !f.watches && (h.witness == 0 || ev.Kind == wire.KindSYNACK) {
		h.witness = f.port
	}
	h.vouched = max(h.vouched, sent)
	e.vouchForAll(h, sent)
	w := h.watch
	if w == nil {
		return
	}
	if f.watches {
		h.leftAtAnswer = h.left // it was there meanwhile
	}
	w.futile = w.futile && f.known()
	if w.gone {
		w.gone = false
		e.silenced--
	}
	if w.since > 0 && sent >= w.since {
		e.cameBack(h, sent)
	}
}

// vouchFor notes that a host answered a question that left at a time, to a port that had answered.
func (e *engine) vouchFor(h *host, sent time.Duration) {
	h.vouched = max(h.vouched, sent)
	e.vouchForAll(h, sent)
	if w := h.watch; w != nil && w.since > 0 && sent >= w.since {
		e.cameBack(h, sent)
	}
}

// leftFor is when the SYN left that a SYN-ACK answers, among those of the same numbers as one that left at a time: where our RST
// was lost, a host retransmits its answer to an earlier one, even while it is given nothing.
func (e *engine) leftFor(h *host, ev *wire.Event, sent time.Duration) time.Duration {
	first := sent - wire.Older(ev, e.Matcher.Cookie.Numbers(ev.Seg.Dst, ev.Seg.Src, ev.Attempt), sent)
	queued := e.queue.seen > 0 || h.several != nil && (h.several.backlog.rate > 0 || h.several.overflow > 0) // whose answers come as late
	if h.Known() && !queued && wire.Retransmitted(e.Now-first-h.SRTT) {
		return first
	}
	return sent
}

// known tells whether a probe asks a port that has had its answer: that it has another tells nothing of
// those that kept silent meanwhile.
func (f *flight) known() bool { return f.watches || f.rechecks }

// noteAbsence is for a verified answer to what left at a time: if none came to so much that left
// between it and what was answered before, the host was away meanwhile, though nobody
// had come to suspect it: all probes have their first try before any has its last.
func (h *host) noteAbsence(sent time.Duration) {
	run := h.left - h.leftAtAnswer
	if h.leftAtAnswer > 0 && sent > h.vouched {
		answered := atLeast(h.losses.answers, int(h.leftAtAnswer))
		if math.Pow(1-answered, float64(run)) < surprising && run > leastRun && (h.watch == nil || h.losses.answers >= h.watch.hoped) {
			if h.watch == nil {
				h.watch = &watch{}
			}
			h.watch.noteAway(gap{h.vouched, sent})
			h.watch.hoped = h.losses.answers + uint32(answered*float64(run)/2)
		}
	}
	h.leftAtAnswer = h.left
}

// atLeast is the share of ports that answer, as small as it may well be: the first may
// be the only ones.
func atLeast(answers uint32, of int) float64 {
	n := float64(answers)
	return min(1, max(0, n-2*math.Sqrt(n))/float64(max(of, 1)))
}

// leastRun is how many transmissions in a row are left unanswered by chance or by a
// limit, whatever the share of those answered before.
const leastRun = 32

// suspects tells whether the silence of a probe may be that of its host.
func (e *engine) suspects(f *flight) bool {
	h := f.host
	return !f.watches && !f.canary && !h.onlyAgain() && !f.rechecks && f.outcome.Best == nil && len(f.tx) > 0 && h.witness != 0 && !e.Stopping &&
		!h.gone() && h.vouched < f.tx[len(f.tx)-1].Sent
}

// missed tells whether a probe that is to be repeated waits for the witness first: none was answered
// of so many in a row that it is neither the loss that was measured nor a limit.
func (e *engine) missed(f *flight) bool {
	h := f.host
	if f.phase != phaseFlying || len(f.tx) < silentAttempts || h.left-h.leftAtAnswer < leastRun || !e.suspects(f) {
		return false
	}
	return math.Pow(e.likelyLoss(h), float64(h.left-h.leftAtAnswer)) < surprising
}

// hold lets the verdict of a probe wait for the witness of its host, and tells whether
// that can be asked.
func (e *engine) hold(id uint32, f *flight) bool {
	h := f.host
	if h.watch == nil {
		h.watch = &watch{}
	}
	if w := h.watch; w.since == 0 {
		switch _, busy := e.flights.find(h, h.witness); busy {
		case nil:
		case f:
			return false
		default: // a canary: its answer is worth as much
			e.flights.expectBy(id, e.Now+witnessLook)
			return true
		}
		w.since, w.vouched, w.rest = max(e.Now, 1), h.vouched, rest{}
		e.enqueueWitness(e.newWitness(h))
		f = e.flights.at(id)
	}
	f.phase = phaseHeld
	h.watch.held = append(h.watch.held, e.flights.ticket(id))
	return true
}

// newWitness makes a probe of the witness.
func (e *engine) newWitness(h *host) uint32 {
	id := e.addAgain(h, h.witness)
	e.flights.at(id).watches = true
	return id
}

// addAgain makes a record for a port that has had its answer. Its attempts are others than those of the
// first time: a SYN-ACK to one of those may be retransmitted for a minute.
func (e *engine) addAgain(h *host, port uint16) uint32 {
	h.asked++
	id := e.flights.add(h, port)
	f := e.flights.at(id)
	f.tx = append(f.tx, make([]wire.Stamps, e.cfg.attempts())...)
	return id
}

// witnessAttempts is the end of the attempts at a witness.
func (c *Config) witnessAttempts() int { return 2 * c.attempts() }

func (e *engine) enqueueWitness(id uint32) {
	e.flights.at(id).host.watch.queued = true
	e.enqueueFirst(id)
}

// witnessTimedOut deals with a witness that did not answer in time: it is asked again, unless
// the host has been silent for too long.
func (e *engine) witnessTimedOut(id uint32, f *flight) {
	w := f.host.watch
	w.failures++
	if w.failures == 1 {
		e.lookOnLink(f.host)
	}
	f.host.turn = e.hosts.turn - 1 // the way there may be another, without a word of the kernel's
	switch {
	case !e.Stopping && w.since > 0 && !e.watchedLong(f.host) && len(f.tx) < e.cfg.witnessAttempts():
		if wait := e.rests(f.host); wait > 0 {
			e.askWitnessLater(id, wait)
		} else {
			e.enqueueWitness(id)
		}
	default:
		e.finish(id)
	}
}

// watchedLong tells whether a host has kept silent for so long that it is given up. Where a
// limit has kept its answers away, that tells nothing of what is lost at random.
func (e *engine) watchedLong(h *host) bool {
	w := h.watch
	silent := e.Now - w.since
	switch l := h.limiter(); {
	case silent < longestWatch || w.rest.until > 0 && e.Now < w.rest.until+restAsks:
		return false
	case w.absences.times > 0:
		return silent >= longestLossyWatch
	case silent >= longestLossyWatch || l != nil && l.rate > 0 && l.rate < e.Pace.Rate():
		return true
	}
	return e.byChance(h, w.failures) < atRandom
}

// byChance is how likely loss alone leaves so many questions to a host unanswered in a row, where few answers may tell of it.
func (e *engine) byChance(h *host, questions int) float64 {
	return max(math.Pow(e.loss(h), float64(questions)), binomial.FailAgain(questions, int(h.losses.wasted), int(h.losses.answers)))
}

// witnessEnded begins another round of asking where the host is still under
// suspicion, or gives it up.
func (e *engine) witnessEnded(h *host) {
	w := h.watch
	switch {
	case w.since == 0 || e.Stopping || e.Failure != nil:
		e.closeAfterRest(w)
	case e.watchedLong(h):
		e.giveUp(h, w)
	default:
		e.askWitnessLater(e.newWitness(h), max(witnessPause, e.rests(h)))
	}
}

// askWitnessLater asks the witness after a pause.
func (e *engine) askWitnessLater(id uint32, wait time.Duration) {
	e.flights.at(id).phase = phaseRefused
	e.flights.expectBy(id, e.Now+wait)
}

// requeue lets a probe wait for its turn once more.
func (e *engine) requeue(id uint32, f *flight) {
	switch {
	case f.watches:
		e.enqueueWitness(id)
	case f.rechecks && f.host.several.samples.load.pressed.asking == 0:
		e.enqueueFirst(id)
	default:
		e.enqueue(id)
	}
}

// cameBack ends a suspicion: the host has answered what left at a time.
func (e *engine) cameBack(h *host, sent time.Duration) {
	w := h.watch
	e.closeAfterRest(w)
	if e.wasAway(h) {
		w.noteAway(gap{w.vouched, sent})
		e.easeOff(h, gap{w.vouched, sent})
	}
	held := w.held
	w.since, w.failures, w.held = 0, 0, nil
	e.goOn(held)
}

// goOn lets silent probes go on whose verdicts waited.
func (e *engine) goOn(held []ticket) {
	for _, t := range held {
		f := e.flights.at(t.id)
		switch {
		case !e.flights.holds(t): // answered meanwhile
		case len(f.tx) < e.allowed(f):
			e.enqueue(t.id)
		default:
			f.phase = phaseFlying
			if !e.stays(t.id, f) {
				f.phase = phaseHeld
				e.endSilent(t.id, f)
			}
		}
	}
}

// wasAway tells whether a silence was more than loss and filtered ports make.
func (e *engine) wasAway(h *host) bool {
	w := h.watch
	if w.failures > 0 && math.Pow(e.likelyLoss(h), float64(w.failures)) < surelyAway {
		return true
	}
	if w.futile || len(w.held) == 0 || h.losses.answers < w.hoped {
		return false
	}
	answered := atLeast(h.losses.answers, int(h.tally.ports)+int(h.flights))
	w.futile = math.Pow(1-answered, float64(len(w.held))) < surprising
	return w.futile
}

// giveUp ends what waits for a host that answers nothing any more.
func (e *engine) giveUp(h *host, w *watch) {
	w.gone, w.lasted = true, e.Now-w.since
	e.closeAfterRest(w)
	w.absences.note(e, h, w.vouched)
	e.silenced++
	held := w.held
	w.since, w.failures, w.held = 0, 0, nil
	for h.pending.n > 0 {
		held = append(held, e.waiting(h))
	}
	for _, t := range held {
		if f := e.flights.at(t.id); e.flights.holds(t) && f.host == h {
			e.finish(t.id)
		}
	}
}

func (h *host) gone() bool { return h.watch != nil && h.watch.gone }

// waits tells whether nothing but the witness of a host may be asked now.
func (h *host) waits() bool {
	w := h.watch
	return w != nil && w.since > 0 && w.failures > 0 && !w.queued
}

// inGaps counts those of the first n transmissions that left while the host was away.
func (f *flight) inGaps(n int) (count int) {
	if s := f.host.several; f.host.watch == nil && !f.host.way.void.any() && (s == nil || s.overflow == 0) {
		return 0
	}
	for i := range n {
		if f.inGap(i) {
			count++
		}
	}
	return count
}

func (f *flight) inGap(i int) bool {
	if s := f.host.several; s != nil && f.tx[i].Sent < s.overflow {
		return true
	}
	return f.host.way.void.has(f.tx[i].Sent) || f.host.watch.away(f.tx[i].Sent)
}

// away tells whether the host did not answer what left at a time; nil: it always did.
func (w *watch) away(sent time.Duration) bool {
	return w != nil && slices.ContainsFunc(w.gaps, func(g gap) bool { return sent > g.from && sent < g.to })
}

// hostSilent tells whether nothing is known of a port because its host went silent; allowed is how
// often it was to be asked.
func (f *flight) hostSilent(allowed int) bool {
	n := len(f.tx)
	if f.host.gone() && (n == 0 || n < allowed || f.host.vouched < f.tx[n-1].Sent) {
		return true
	}
	return n > 0 && !slices.ContainsFunc(f.tx, func(tx wire.Stamps) bool { return !f.host.watch.away(tx.Sent) }) // and no more attempts are left
}

// allSilent tells whether every host that had answered was given up.
func (e *engine) allSilent() bool {
	return e.Counters.WentSilent > 0 && e.silenced > 0 && e.silenced == e.answering
}

// wentSilent is the verdict on a port of a host that was given up.
func wentSilent(target netip.AddrPort) probe.Verdict {
	return probe.Verdict{Target: target, State: probe.StateUnknown, Reason: probe.ReasonWentSilent, Err: errWentSilent}
}

func (h *host) silenceFinding() probe.Finding {
	return probe.Finding{
		Code: "went-silent", Severity: probe.SeverityWarning,
		Text: "the host answered, and then nothing any more, not even on a port that had answered: it is off or away, " +
			"or something drops what we send since (a firewall that bans whoever sends so many packets; try a lower --rate); " +
			"its ports that are unknown have to be probed again",
		Evidence: fmt.Sprintf("port %d, which had answered, kept silent for %v, after %s", h.witness, h.watch.lasted.Round(time.Second), &h.watch.absences),
	}
}
