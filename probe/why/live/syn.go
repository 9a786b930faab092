package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
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
	t.Outcome, t.Reply.Text, t.Reply.Refusal = why.SendRefused, reason(err), err
	if wire.RefusalOf(err) == wire.RefusedForNow {
		t.Outcome = why.NoRoom
	}
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
	return textOf(err)
}

// answer reads a packet as the answer to a SYN; false where it is none.
func (i *Instrument) answer(k *exchange, t *why.Trial, ev *event) bool {
	if ev.icmp != nil {
		return i.icmpAnswer(k, t, ev.icmp)
	}
	s := &ev.seg
	switch {
	case s.Flags.Has(craft.RST): // before SYN and ACK (RFC 9293 §3.10.7.3)
		t.Outcome = why.Reset
	case s.Flags.Has(craft.SYN | craft.ACK):
		t.Outcome = why.SYNACK
		if !ev.fragment {
			t.Reply.Window = int(s.Window)
		}
		k.accept(ev)
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
		reset, synack := ev.seg.Flags.Has(craft.RST), opens(&ev.seg)
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

// opens tells a SYN-ACK. With an RST it is one of those (RFC 9293 §3.10.7.3).
func opens(s *craft.Segment) bool {
	return s.Flags&(craft.SYN|craft.ACK|craft.RST) == craft.SYN|craft.ACK
}
