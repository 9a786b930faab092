package flow_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// A history is what happened between two ports, made up with the true time of
// everything at both ends and at a tap somewhere between them: several
// connections one after the other, old duplicates, forged segments. What it came
// to is known.
type history struct {
	t       testing.TB
	rng     *rand.Rand
	ends    [2]netip.AddrPort
	way     time.Duration // from one end to the other
	tap     time.Duration // from the client to the tap
	clock   [2]time.Duration
	isn     [2]craft.Seq
	nxt     [2]craft.Seq
	rcv     [2]craft.Seq
	id      [2]uint16
	ttl     [2]uint8
	stamps  bool
	last    [2]uint32 // timestamps sent
	packets []stamped
	sent    []craft.Segment // of the connection under way, for old duplicates
	old     []craft.Segment // of the one before
	truth   []truth
}

// truth is what one connection of a history came to.
type truth struct {
	kind   string
	state  probe.State
	close  handshake.Close
	forged bool // somebody forged an RST
	alarms string
}

func newHistory(t testing.TB, rng *rand.Rand, n int) *history {
	k := newTalk(t, n, 0)
	h := &history{t: t, rng: rng, ends: [2]netip.AddrPort{k.client, k.server}, stamps: rng.IntN(2) == 0}
	h.way = []time.Duration{50 * us, ms, 10 * ms, 80 * ms}[rng.IntN(4)]
	h.tap = time.Duration(rng.Int64N(int64(h.way)))
	h.ttl = [2]uint8{64, 55}
	if rng.IntN(2) == 0 {
		h.tap, h.ttl = 0, [2]uint8{64, 57}
	}
	begin := time.Duration(rng.Int64N(int64(20 * sec)))
	h.clock = [2]time.Duration{begin, begin}
	h.id = [2]uint16{uint16(rng.Uint32()), uint16(rng.Uint32())}
	h.isn = [2]craft.Seq{craft.Seq(rng.Uint32()), craft.Seq(rng.Uint32())}
	for range 1 + rng.IntN(3) {
		h.connection()
	}
	slices.SortStableFunc(h.packets, func(a, b stamped) int { return a.at.Compare(b.at) })
	return h
}

// show puts a segment in front of the tap, as its sender sent it at a time.
func (h *history) show(at time.Duration, from int, s craft.Segment) {
	s.Src, s.Dst = h.ends[from], h.ends[1-from]
	s.TTL = cmp.Or(s.TTL, h.ttl[from])
	if s.ID = 0; s.Src.Addr().Is4() {
		h.id[from]++
		s.ID, s.DF = h.id[from], true
	}
	b, err := s.AppendTo(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	seen := at + h.tap
	if from == 1 {
		seen = at + h.way - h.tap
	}
	h.packets = append(h.packets, stamped{epoch.Add(seen), b})
}

// make is the next segment of an end.
func (h *history) make(from int, flags craft.Flags, n int) craft.Segment {
	s := craft.Segment{Seq: h.nxt[from], Flags: flags, Window: 64240, Payload: make([]byte, n)}
	if flags.Has(craft.ACK) {
		s.Ack = h.rcv[from]
	}
	var options []craft.Option
	if flags.Has(craft.SYN) {
		options = []craft.Option{mss, sack, craft.NOP(), craft.NOP()}
	}
	if h.stamps && !flags.Has(craft.RST) {
		options = append(options, craft.NOP(), craft.NOP(), craft.Timestamps(h.val(from, h.clock[from]), h.last[1-from]))
		if flags.Has(craft.SYN) && !flags.Has(craft.ACK) {
			options[len(options)-1] = craft.Timestamps(h.val(from, h.clock[from]), 0)
		}
	}
	h.last[from] = h.val(from, h.clock[from])
	s.Options, _ = craft.NewOptions(options...)
	return s
}

// val is the timestamp of an end at a time.
func (h *history) val(end int, at time.Duration) uint32 {
	return uint32(end+1)*1_000_000 + uint32(at/ms)
}

// send sends a segment after a pause; it arrives, and moves both ends.
func (h *history) send(pause time.Duration, from int, flags craft.Flags, n int) craft.Segment {
	h.clock[from] += pause
	s := h.make(from, flags, n)
	h.show(h.clock[from], from, s)
	h.sent = append(h.sent, s)
	if !flags.Has(craft.RST) {
		h.nxt[from] = s.Seq.Add(s.Len())
	}
	h.clock[1-from] = max(h.clock[1-from], h.clock[from]+h.way)
	h.rcv[1-from] = h.nxt[from]
	return s
}

// resend sends a segment again.
func (h *history) resend(pause time.Duration, from int, s craft.Segment) {
	h.clock[from] += pause
	s.Options = h.make(from, s.Flags, 0).Options
	h.show(h.clock[from], from, s)
	h.clock[1-from] = max(h.clock[1-from], h.clock[from]+h.way)
}

func (h *history) some(least, most time.Duration) time.Duration {
	return least + time.Duration(h.rng.Int64N(int64(most-least)))
}

// connection plays a connection on the same ports.
func (h *history) connection() {
	if len(h.truth) > 0 {
		pause := []time.Duration{50 * ms, 2 * sec, 90 * sec, 10 * time.Minute}[h.rng.IntN(4)]
		now := max(h.clock[0], h.clock[1]) + pause
		h.clock = [2]time.Duration{now, now}
		for i := range h.isn {
			h.isn[i] = h.nxt[i].Add([]uint32{100, 5000, 70_000, 5_000_000, 1 << 30, ^uint32(5_000_000), h.rng.Uint32()}[h.rng.IntN(7)])
		}
	}
	h.old, h.sent = h.sent, nil
	h.nxt, h.rcv = h.isn, [2]craft.Seq{}
	h.truth = append(h.truth, truth{})
	h.this().kind = ""
	switch h.rng.IntN(10) {
	case 0, 1:
		h.notOpened()
	default:
		h.opened()
	}
}

func (h *history) this() *truth { return &h.truth[len(h.truth)-1] }

func (h *history) did(what string) { h.this().kind += what + ", " }

// notOpened is an attempt that comes to nothing.
func (h *history) notOpened() {
	syn := h.send(0, 0, fS, 0)
	h.this().state = probe.StateRefused
	switch h.rng.IntN(5) {
	case 0:
		h.did("refused")
		h.refuse()
	case 1:
		h.did("refused three times")
		h.refuse()
		h.resend(500*ms, 0, syn)
		h.refuse()
		h.resend(500*ms, 0, syn)
		h.refuse()
	case 2:
		h.did("silent")
		h.this().state = probe.StateFiltered
		for _, pause := range []time.Duration{sec, 2 * sec, 4 * sec} {
			h.resend(pause, 0, syn)
		}
	case 3:
		h.did("challenged, then refused")
		h.challenge()
		h.resend(sec, 0, syn)
		h.refuse()
	case 4:
		h.did("half-open scan")
		h.send(0, 1, fSA, 0)
		h.send(20*us, 0, fR, 0)
		h.this().state, h.this().close = probe.StateOpen, handshake.CloseByReset
	}
}

func (h *history) refuse() {
	s := craft.Segment{Flags: fRA, Ack: h.nxt[0]}
	h.show(h.clock[1], 1, s)
	h.clock[0] = max(h.clock[0], h.clock[1]+h.way)
}

// challenge answers the SYN for an older connection; the client resets that.
func (h *history) challenge() {
	h.this().alarms += "challenge-ack "
	ack := h.isn[0].Add([]uint32{2, 5000, 5_000_000, 1 << 30, ^uint32(1000), h.rng.Uint32()}[h.rng.IntN(6)])
	s := craft.Segment{Seq: h.isn[1].Add(h.rng.Uint32() >> uint(h.rng.IntN(20))), Ack: ack, Flags: fA, Window: 500}
	h.show(h.clock[1], 1, s)
	h.clock[0] = max(h.clock[0], h.clock[1]+h.way)
	h.show(h.clock[0]+20*us, 0, craft.Segment{Seq: ack, Flags: fR})
	h.clock[1] = max(h.clock[1], h.clock[0]+20*us+h.way)
}

// opened is a connection that is opened, used and closed.
func (h *history) opened() {
	h.this().state = probe.StateOpen
	syn := h.send(0, 0, fS, 0)
	switch h.rng.IntN(12) {
	case 0:
		h.did("SYN lost")
		h.resend(sec, 0, syn)
	case 1:
		h.did("challenged")
		h.challenge()
		h.resend(sec, 0, syn)
	case 2:
		h.did("RST forged before the SYN-ACK")
		h.forge(h.clock[1]+us, 1, craft.Segment{Flags: fRA, Ack: h.nxt[0]})
	case 3:
		h.did("refused at first")
		h.refuse()
		h.resend(500*ms, 0, syn)
	}
	answer := h.send(20*us, 1, fSA, 0)
	if h.rng.IntN(10) == 0 {
		h.did("SYN-ACK again")
		h.resend(sec, 1, answer)
		h.this().alarms += "synack-repeated "
	}
	if h.rng.IntN(6) > 0 {
		h.send(20*us, 0, fA, 0)
	} else {
		h.did("data with the ACK")
		h.send(20*us, 0, fP, 1+h.rng.IntN(1000))
		h.send(20*us, 1, fA, 0)
	}
	for range h.rng.IntN(6) {
		h.talk()
	}
	h.closing()
}

// talk is data one way, and what becomes of them.
func (h *history) talk() {
	from := h.rng.IntN(2)
	if from == 1 {
		h.this().alarms += "banner "
	}
	s := h.send(h.some(100*us, 50*ms), from, fP, 1+h.rng.IntN(1400))
	switch h.rng.IntN(12) {
	case 0:
		h.did("data again")
		h.resend(200*ms+2*h.way, from, s)
		h.send(20*us, 1-from, fA, 0)
	case 1:
		h.did("several at once")
		for range 1 + h.rng.IntN(5) {
			h.send(20*us, from, fP, 1400)
		}
		h.send(20*us, 1-from, fA, 0)
	case 2:
		h.send(20*us, 1-from, fA, 0)
		h.did("RST forged")
		victim := h.rng.IntN(2)
		r := craft.Segment{Seq: h.nxt[victim], Flags: fR}
		if h.rng.IntN(2) == 0 {
			r.Flags, r.Ack = fRA, h.rcv[victim]
		}
		if h.rng.IntN(3) == 0 {
			r.Seq = r.Seq.Add(uint32(h.rng.IntN(60_000)))
		}
		h.forge(max(h.clock[0], h.clock[1])+ms, victim, r)
		now := max(h.clock[0], h.clock[1]) + 30*ms
		h.clock = [2]time.Duration{now, now}
		for _, side := range []int{victim, 1 - victim, victim} { // and life goes on
			h.send(5*ms, side, fP, 100)
			h.send(20*us, 1-side, fA, 0)
		}
	case 3:
		h.send(20*us, 1-from, fA, 0)
		h.did("a SYN injected")
		h.show(h.clock[0]+ms, 0, craft.Segment{Seq: h.nxt[0].Add(h.rng.Uint32() | 1<<20), Flags: fS, Window: 1000})
		h.clock[1] = max(h.clock[1], h.clock[0]+ms+h.way)
		h.send(20*us, 1, fA, 0)
		h.clock[0] += 2 * h.way
		h.send(5*ms, 0, fP, 100)
		h.send(20*us, 1, fA, 0)
	case 4:
		h.send(20*us, 1-from, fA, 0)
		h.oldDuplicate()
	case 5:
		h.did("idle")
		h.send(20*us, 1-from, fA, 0)
		now := max(h.clock[0], h.clock[1]) + h.some(sec, 70*sec)
		h.clock = [2]time.Duration{now, now}
		probe := h.make(0, fA, 0)
		probe.Seq = probe.Seq.Add(^uint32(0))
		h.show(h.clock[0], 0, probe)
		h.clock[1] = max(h.clock[1], h.clock[0]+h.way)
		h.send(20*us, 1, fA, 0)
	default:
		h.send(20*us, 1-from, fA, 0)
	}
}

// forge puts an RST in the name of an end in front of the tap.
func (h *history) forge(at time.Duration, victim int, r craft.Segment) {
	h.this().forged = true
	r.TTL = 44
	h.show(at, victim, r)
}

// oldDuplicate shows a segment of the connection before once more.
func (h *history) oldDuplicate() {
	if len(h.old) == 0 {
		return
	}
	h.did("an old duplicate")
	s := h.old[h.rng.IntN(len(h.old))]
	if s.Flags&(craft.SYN|craft.RST) != 0 {
		return
	}
	for from := range 2 {
		if d := s.Seq.Sub(h.nxt[from]); d < 1<<20 && d > -1<<20 {
			return // it would pass for one of now
		}
	}
}

// closing ends a connection, or leaves it.
func (h *history) closing() {
	now := max(h.clock[0], h.clock[1]) + h.some(100*us, 30*ms)
	h.clock = [2]time.Duration{now, now}
	first := h.rng.IntN(2)
	second := 1 - first
	this := h.this()
	switch kind := h.rng.IntN(10); kind {
	case 0, 1, 2:
		h.did("four-way")
		this.close = handshake.CloseFourWay
		h.send(0, first, fF, 0)
		h.send(20*us, second, fA, 0)
		if h.rng.IntN(3) == 0 {
			h.send(ms, second, fP, 500)
			h.send(20*us, first, fA, 0)
		}
		h.send(h.some(100*us, 50*ms), second, fF, 0)
		h.send(20*us, first, fA, 0)
		if h.rng.IntN(3) == 0 {
			h.did("late RST")
			h.send(h.some(ms, 90*ms), second, fR, 0) // its socket is gone
		}
	case 3, 4:
		h.did("three-way")
		this.close = handshake.CloseThreeWay
		h.send(0, first, fF, h.rng.IntN(2)*100)
		fin := h.send(20*us, second, fF, 0)
		if h.rng.IntN(4) == 0 {
			h.did("FIN again")
			h.resend(300*ms+2*h.way, second, fin)
		}
		h.send(20*us, first, fA, 0)
	case 5:
		h.did("simultaneous")
		this.close = handshake.CloseFourWay
		a, b := h.make(0, fF, 0), h.make(1, fF, 0)
		h.show(h.clock[0], 0, a)
		h.show(h.clock[1], 1, b)
		for i := range 2 {
			h.nxt[i] = h.nxt[i].Add(1)
			h.clock[i] += h.way
		}
		h.rcv = [2]craft.Seq{h.nxt[1], h.nxt[0]}
		last := [2]craft.Segment{h.make(0, fA, 0), h.make(1, fA, 0)}
		h.show(h.clock[0], 0, last[0])
		h.show(h.clock[1], 1, last[1])
		h.clock[0], h.clock[1] = h.clock[0]+h.way, h.clock[1]+h.way
	case 6:
		h.did("reset")
		this.close = handshake.CloseByReset
		h.send(0, first, []craft.Flags{fR, fRA}[max(first, h.rng.IntN(2))], 0) // a server's has ACK, unless it answers
	case 7:
		h.did("reset with data on the way")
		this.close = handshake.CloseByReset
		inFlight := h.make(second, fP, 300)
		h.show(h.clock[second], second, inFlight)
		h.nxt[second] = inFlight.Seq.Add(300)
		h.send(h.way/2, first, fRA, 0)
		h.show(h.clock[first]+h.way, first, craft.Segment{Seq: inFlight.Ack, Flags: fR})
		h.clock[first] += h.way
	case 8:
		h.did("reset after its FIN")
		this.close = handshake.CloseByReset
		h.send(0, first, fF, 0)
		h.send(20*us, second, fP, 200)
		h.show(h.clock[first]+20*us, first, craft.Segment{Seq: h.nxt[first], Flags: fR})
	case 9:
		h.did("left open")
		this.close = handshake.CloseNever
	}
}

// alarming are the findings that a history must have reason for.
var alarming = []string{"forged-reset", "accept-queue-full", "accept-queue-reset", "tarpit", "zero-window", "syn-proxy", "challenge-ack",
	"options-altered", "data-before-handshake", "fin-unanswered", "mss-clamped", "split-handshake", "simultaneous-open", "close-by-reset"}

// TestHistories holds what whole captures say against what happened, and what
// damaged ones say against both.
func TestHistories(t *testing.T) {
	t.Parallel()
	seeds := make([]uint64, max(1, *histories))
	for i := range seeds {
		seeds[i] = uint64(i + 1)
	}
	if *seedFlag != 0 {
		seeds = []uint64{*seedFlag}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { playHistories(t, seed) })
	}
}

var histories = flag.Int("histories", 1, "how many sets of 100 made-up histories are played")

func playHistories(t *testing.T, seed uint64) {
	const count = 100
	var packets []stamped
	all := map[netip.AddrPort]*history{}
	for n := range count {
		h := newHistory(t, rand.New(rand.NewPCG(seed, uint64(n))), 3*n)
		all[h.ends[0]] = h
		packets = append(packets, h.packets...)
	}
	slices.SortStableFunc(packets, func(a, b stamped) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	whole, counts := through(t, flow.Config{}, plain(packets)...)
	t.Logf("%d packets, %d attempts, %+v", len(packets), len(whole.attempts), counts)
	seen := map[netip.AddrPort]int{}
	for i := range whole.attempts {
		a := &whole.attempts[i]
		h := all[a.Source]
		if h == nil {
			t.Errorf("%v > %v: nobody's", a.Source, a.Target)
			continue
		}
		n := seen[a.Source]
		seen[a.Source]++
		if n >= len(h.truth) {
			t.Errorf("%v: attempt %d of %d", a.Source, n+1, len(h.truth))
			h.dump(t)
			continue
		}
		if wrong := h.truth[n].contradicts(a); wrong != "" {
			t.Errorf("%s%v, packets %d to %d: %s", h.truth[n].kind, a.Source, a.First, a.Last, wrong)
			h.dump(t)
		}
	}
	for client, h := range all {
		if seen[client] < len(h.truth) {
			t.Errorf("%v: %d of %d attempts: %v", client, seen[client], len(h.truth), h.truth)
			h.dump(t)
		}
	}
	if t.Failed() {
		return
	}
	damaged(t, damages, seed, packets, func(a *flow.Attempt) string {
		if h := all[a.Source]; h != nil {
			var kinds []string
			for _, c := range h.truth {
				kinds = append(kinds, c.kind)
			}
			return strings.Join(kinds, " | ")
		}
		return "?"
	})
}

// dump shows the packets of a history.
func (h *history) dump(t testing.TB) {
	if !testing.Verbose() {
		return
	}
	for _, p := range h.packets {
		var q craft.Packet
		if q.Decode(p.data, craft.TrustChecksums) == nil {
			t.Logf("%v %v", p.at.Sub(epoch), &q.Segment)
		}
	}
}

// contradicts tells what a whole capture says that did not happen.
func (c *truth) contradicts(a *flow.Attempt) string {
	if a.State != c.state || a.Close != c.close && a.Close != handshake.CloseUnknown {
		return a.State.String() + ", closed " + string(a.Close) + ", not " + c.state.String() + ", " + string(c.close)
	}
	if a.Gaps > 0 || len(a.Missing) > 0 {
		return "something is missing"
	}
	for _, code := range codesOf(a) {
		switch {
		case !slices.Contains(alarming, code), code == "forged-reset" && c.forged, strings.Contains(c.alarms, code),
			code == "close-by-reset" && c.close == handshake.CloseByReset:
			continue
		}
		return "finding " + code
	}
	return ""
}
