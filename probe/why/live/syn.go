package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/why"
)

// Patience of trials. A host retransmits its SYN-ACK after one second (RFC 6298 §2.1),
// which tells loss on the way back from loss on the way there.
const (
	synPatience  = 1350 * time.Millisecond
	barePatience = time.Second
	secondLeast  = 30 * time.Millisecond // how long a second answer to a SYN is waited for, at least
	secondMost   = 250 * time.Millisecond
)

// syn sends one SYN and closes what it opened.
func (i *Instrument) syn(ctx context.Context, t *why.Trial) {
	k := i.newExchange(t, i.destination(t))
	defer k.end()
	if i.ask(ctx, k, t) && t.Outcome == why.SYNACK {
		k.reset()
		t.Ended = i.Now()
		i.fastest(t)
		i.second(ctx, k, t)
	}
}

// ask sends an exchange's SYN and reads the first answer; it tells whether one came.
// What was answered by a SYN-ACK is open then.
func (i *Instrument) ask(ctx context.Context, k *exchange, t *why.Trial) bool {
	if err := k.open(0); err != nil {
		refuse(t, err)
		return false
	}
	deadline := time.Now().Add(i.patience(synPatience))
	newer := k // the same, once an old connection in its way was reset
	beside, stray, refuted := why.Silence, craft.Segment{}, false
	for {
		ev, ok := k.wait(ctx, time.Until(deadline))
		switch {
		case !ok:
			t.Outcome = beside
			if ctx.Err() != nil {
				t.Outcome = why.NotMade
			}
			i.leave(newer, t)
			i.closeElsewhere(newer, &stray)
			return false
		case ev.elsewhere:
			beside, stray = max(beside, fromElsewhere(ev.of, t, &ev)), ev.seg
		case ev.doubt && ev.seg.Flags.Has(craft.SYN) && !refuted:
			refuted = true
			i.refute(ev.of, t, &ev)
			discard(t, &ev)
		case ev.doubt:
			discard(t, &ev)
			if newer == k && challenges(&ev.seg) {
				newer = i.clear(k, t, &ev.seg)
				defer newer.end()
			}
		case i.answer(ev.of, t, &ev):
			if ev.icmp != nil {
				i.overrule(ctx, ev.of, t)
			}
			i.settle(ctx, ev.of, k, t)
			return true
		}
	}
}

// refute answers a SYN-ACK that acknowledges another number than ours as every TCP does
// (RFC 9293 §3.10.7.3), once a SYN. Whoever sent it may know by the RST that we are there:
// some boxes let nobody pass before that. Anybody may have sent it, so it is an answer
// only where the host answers with a number of ours later: see prove.
func (i *Instrument) refute(k *exchange, t *why.Trial, ev *event) {
	r := k.segment(craft.RST, ev.seg.Ack, 0)
	i.send(&r)
	late := unproven{t.Addr, why.Latecomer{Trial: t.ID, Outcome: why.WrongACK, Reply: t.Reply}}
	late.Reply.RTT, late.Reply.TTL, late.Reply.From = k.rtt(ev), ev.seg.TTL, ev.seg.Src.Addr()
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.unproven) < mostUnproven {
		i.unproven = append(i.unproven, late)
	}
}

// unproven is a SYN-ACK without a number of ours, and of which of the addresses.
type unproven struct {
	addr int
	why.Latecomer
}

// mostUnproven bounds what is remembered of those.
const mostUnproven = 256

// prove takes those of an address for answers, since that answers with numbers of ours;
// mu is held.
func (i *Instrument) prove(addr int) {
	i.unproven = slices.DeleteFunc(i.unproven, func(u unproven) bool {
		if u.addr == addr {
			i.latecomers = append(i.latecomers, u.Latecomer)
		}
		return u.addr == addr
	})
}

// fromElsewhere notes an answer from another address. Where this machine's own NAT translates, the same
// one may come as it translates it back.
func fromElsewhere(k *exchange, t *why.Trial, ev *event) why.Outcome {
	t.Reply.RTT, t.Reply.TTL, t.Reply.From = k.rtt(ev), ev.seg.TTL, ev.seg.Src.Addr()
	t.Reply.Text = "from " + ev.seg.Src.Addr().String()
	return why.Elsewhere
}

// closeElsewhere closes what a SYN-ACK from another address says is open there.
func (i *Instrument) closeElsewhere(k *exchange, stray *craft.Segment) {
	if stray.Flags.Has(craft.SYN | craft.ACK) {
		r := k.segment(craft.RST, stray.Ack, 0)
		r.Dst = stray.Src
		i.send(&r)
	}
}

// discard counts what came and is not the answer: an ICMP error, or a segment without a
// number of ours.
func discard(t *why.Trial, ev *event) {
	d := &t.Reply.Discarded
	switch {
	case ev.icmp != nil:
		d.Errors++
	case ev.seg.Flags.Has(craft.RST):
		d.RSTs++
	default:
		d.ACKs++
	}
}

// clear resets the old connection that an ACK may be of, and sends another SYN: only
// an answer to that shows that there was one (RFC 9293 §3.5.1, figure 10).
func (i *Instrument) clear(k *exchange, t *why.Trial, ack *craft.Segment) *exchange {
	r := k.segment(craft.RST, ack.Ack, 0)
	i.send(&r)
	newer := i.newExchange(t, k.dst)
	newer.events = k.events
	newer.renumber(craft.Seq(rand.Uint32()))
	newer.open(0)
	return newer
}

// How long the host's own answer is waited for after an ICMP error: some round trips, of
// which the longer time stands for those that are not known yet.
const (
	overruleRTTs  = 3
	overruleLeast = 100 * time.Millisecond
	overruleMost  = 500 * time.Millisecond
)

// overruledBy is the time within which the host would have answered.
func (i *Instrument) overruledBy(t *why.Trial) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	rtt, known := i.rtts[t.Addr]
	if !known {
		return overruleMost
	}
	return min(max(overruleRTTs*rtt, overruleLeast), overruleMost)
}

// overrule waits for the host's own answer after an ICMP error. It says what the port is,
// whatever a router has said before: nobody else knows our number.
func (i *Instrument) overrule(ctx context.Context, k *exchange, t *why.Trial) {
	said := t.Reply
	if ev, ok := i.own(ctx, k, t); ok && i.answer(k, t, &ev) {
		t.Reply.Overruled, t.Reply.Text = said.From, said.Text+" came before it"
	}
}

// own is the next packet that carries a number of ours and is no ICMP error.
func (i *Instrument) own(ctx context.Context, k *exchange, t *why.Trial) (ev event, ok bool) {
	for deadline := time.Now().Add(i.overruledBy(t)); ; {
		if ev, ok = k.wait(ctx, time.Until(deadline)); !ok || ev.icmp == nil && ev.ours() {
			return ev, ok
		}
		discard(t, &ev)
	}
}

// settle follows up the answer to a SYN. A SYN-ACK that came only after an old
// connection was reset is a challenge overcome, and closed.
func (i *Instrument) settle(ctx context.Context, answered, first *exchange, t *why.Trial) {
	switch {
	case t.Outcome == why.SYNACK && answered != first:
		t.Outcome = why.Challenge
		t.Reply.Discarded.ACKs-- // it was the old connection's
		answered.reset()
	case t.Outcome == why.Reset:
		i.second(ctx, answered, t)
	}
}

// refuse notes that this machine did not let a packet leave.
func refuse(t *why.Trial, err error) {
	if errors.Is(err, errTimeOver) {
		return
	}
	t.Outcome, t.Reply.Text = why.SendRefused, reason(err)
}

// reason is an error in a few words.
func reason(err error) string {
	for _, known := range []struct {
		err  error
		text string
	}{{netraw.ErrNoRoute, "no route"}, {netraw.ErrInterfaceDown, "interface down"}, {syscall.EPERM, "EPERM"}, {syscall.ENOBUFS, "ENOBUFS"}} {
		if errors.Is(err, known.err) {
			return known.text
		}
	}
	return err.Error()
}

// answer reads a packet as the answer to a SYN; false where it is none.
func (i *Instrument) answer(k *exchange, t *why.Trial, ev *event) bool {
	if ev.icmp != nil {
		return i.icmpAnswer(k, t, ev.icmp)
	}
	s := &ev.seg
	switch {
	case s.Flags.Has(craft.SYN | craft.ACK):
		t.Outcome = why.SYNACK
		if !ev.fragment {
			t.Reply.Window = int(s.Window)
		}
		k.accept(ev)
	case s.Flags.Has(craft.RST):
		t.Outcome = why.Reset
	case s.Flags.Has(craft.ACK):
		t.Outcome = why.Challenge
		r := k.segment(craft.RST, s.Ack, 0)
		k.send(&r)
	default:
		return false
	}
	t.Reply.RTT, t.Reply.TTL, t.Reply.From, t.Reply.Text, t.Reply.Translator = k.rtt(ev), s.TTL, s.Src.Addr(), "", ev.translator
	return true
}

// icmpAnswer reads an ICMP error. What this machine tells itself, that a neighbour
// does not resolve, is silence.
func (i *Instrument) icmpAnswer(k *exchange, t *why.Trial, e *craft.ICMPError) bool {
	meaning, tooBig := probe.ICMPMeaning(k.dst.Addr(), e.Type, e.Code)
	if tooBig || meaning == "" || e.Src == k.src.Addr() {
		return false
	}
	t.Reply.From, t.Reply.TTL = e.Src, e.TTL
	t.Reply.Text = fmt.Sprintf("%s from %s", meaning, e.Src)
	switch {
	case meaning == probe.ReasonTimeExceeded:
		t.Outcome = why.Expired
	case e.Src == k.dst.Addr().WithZone(""):
		t.Outcome = why.RejectedByHost
	case noWay[meaning]:
		t.Outcome = why.NoWay
	case unreachable[meaning]:
		t.Outcome = why.HostUnreachable
	default:
		t.Outcome = why.Prohibited
	}
	return true
}

// noWay are the reasons of routers that have no route to a host's network, unreachable
// of those that cannot reach the host; the others are those of somebody who does not want to.
var (
	noWay       = map[probe.Reason]bool{"net-unreachable": true, "no-route": true, "beyond-scope": true}
	unreachable = map[probe.Reason]bool{"host-unreachable": true, "addr-unreachable": true}
)

// second waits for another answer to the same SYN: an RST with a SYN-ACK is
// somebody else's.
func (i *Instrument) second(ctx context.Context, k *exchange, t *why.Trial) {
	deadline := time.Now().Add(min(max(2*t.Reply.RTT, secondLeast), secondMost))
	for {
		ev, ok := k.wait(ctx, time.Until(deadline))
		if !ok {
			return
		}
		if ev.icmp != nil || !ev.ours() {
			discard(t, &ev)
			continue
		}
		reset, synack := ev.seg.Flags.Has(craft.RST), ev.seg.Flags.Has(craft.SYN|craft.ACK)
		switch {
		case t.Outcome == why.Reset && synack:
			t.Outcome, k.next = why.ResetToo, k.isn+1
			k.reset()
			return
		case t.Outcome == why.SYNACK && reset:
			t.Outcome, t.Reply.TTL = why.ResetToo, ev.seg.TTL
			return
		}
	}
}

// bare sends one segment of no connection: an ACK or a FIN.
func (i *Instrument) bare(ctx context.Context, t *why.Trial) {
	k := i.newExchange(t, i.destination(t))
	defer k.end()
	s := k.segment(craft.ACK, k.isn, k.isn+1000)
	if t.Kind == why.FIN {
		s = k.segment(craft.FIN, k.isn, 0)
	}
	k.left = time.Now()
	i.await(ctx, k, t, k.send(&s))
}

// echo sends one echo request.
func (i *Instrument) echo(ctx context.Context, t *why.Trial) {
	k := i.newExchange(t, i.destination(t))
	defer k.end()
	e := craft.Echo{Src: k.src.Addr(), Dst: k.dst.Addr().WithZone(""), TTL: 64, Kind: craft.EchoRequest, ID: k.src.Port(), Token: uint32(k.isn)}
	b, err := e.AppendTo(nil)
	if err == nil {
		k.left = time.Now()
		err = i.sendPacket(b, asks)
	}
	i.await(ctx, k, t, err)
}

// await is the answer to something other than a SYN.
func (i *Instrument) await(ctx context.Context, k *exchange, t *why.Trial, err error) {
	if err != nil {
		refuse(t, err)
		return
	}
	ev, ok := k.waitVerified(ctx, i.patience(barePatience), t)
	if ok && ev.icmp != nil {
		if own, came := i.own(ctx, k, t); came {
			discard(t, &ev)
			ev = own
		}
	}
	switch {
	case !ok && ctx.Err() != nil:
	case !ok:
		t.Outcome = why.Silence
	case ev.echoTTL != 0:
		t.Outcome, t.Reply.TTL, t.Reply.From, t.Reply.RTT = why.EchoReply, ev.echoTTL, k.dst.Addr(), k.rtt(&ev)
	case ev.icmp != nil:
		if !i.icmpAnswer(k, t, ev.icmp) {
			t.Outcome = why.Silence
		}
	case ev.seg.Flags.Has(craft.RST):
		t.Outcome, t.Reply.TTL, t.Reply.From = why.Reset, ev.seg.TTL, ev.seg.Src.Addr()
	default:
		t.Outcome = why.Challenge
	}
}

// waitVerified is the next packet for the exchange that carries a number of ours.
func (k *exchange) waitVerified(ctx context.Context, d time.Duration, t *why.Trial) (ev event, ok bool) {
	for deadline := time.Now().Add(d); ; {
		if ev, ok = k.wait(ctx, time.Until(deadline)); !ok || ev.ours() {
			return ev, ok
		}
		discard(t, &ev)
	}
}

// duplicateSYN sends the same SYN twice, the first closed in between. Where this machine's
// firewall refuses that RST, the second SYN meets what the first has left, and says nothing.
func (i *Instrument) duplicateSYN(ctx context.Context, t *why.Trial) {
	dst := i.destination(t)
	k := i.newExchange(t, dst)
	defer k.end()
	if !i.ask(ctx, k, t) || t.Outcome != why.SYNACK {
		return
	}
	first, refused := k.acked, i.network.Stats().ResetsRefused
	k.reset()
	if t.Reply.RTT > slowFrom { // the host repeats its first SYN-ACK before the RST arrives
		t.Outcome = why.NotMade
		return
	}
	if !sleep(ctx, 40*time.Millisecond) || i.network.Stats().ResetsRefused > refused {
		t.Outcome = why.NotMade
		return
	}
	second := *t
	k.drain(&second)
	again := i.ask(ctx, k, &second)
	t.Reply.Discarded = second.Reply.Discarded
	switch {
	case !again || second.Outcome != why.SYNACK:
		t.Outcome = why.NotMade
		return
	case k.acked == first:
		t.Outcome = why.ISNStays
	default:
		t.Outcome = why.ISNMoves
	}
	k.reset()
}

// drain takes out what came and was not waited for: answers to the SYN before, which
// only may be retransmitted, and what has to be counted.
func (k *exchange) drain(t *why.Trial) {
	for {
		ev, ok := k.wait(context.Background(), 0)
		if !ok {
			return
		}
		if ev.icmp != nil || !ev.ours() {
			discard(t, &ev)
		}
	}
}

// fact is what this machine knows of it, or the routers have said by now.
func (i *Instrument) fact(f why.Fact) (yes bool, from netip.Addr, text string, ok bool) {
	switch {
	case f == why.LateUnreachable && len(i.cfg.Addrs) == 1:
		i.mu.Lock()
		defer i.mu.Unlock()
		return i.late.IsValid(), i.late, addrText(i.late), true
	case f == why.LateUnreachable || i.cfg.Facts == nil:
		return false, netip.Addr{}, "", false
	}
	return i.cfg.Facts.Look(f, i.Sent())
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// look reads a fact.
func (i *Instrument) look(t *why.Trial) {
	yes, from, text, ok := i.fact(t.Fact)
	if !ok {
		return
	}
	t.Outcome, t.Reply.From, t.Reply.Text = why.No, from, text
	if yes {
		t.Outcome = why.Yes
	}
}
