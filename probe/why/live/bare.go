package live

import (
	"context"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// Segments of no connection, and echo requests: what they draw is known by the numbers
// that it repeats.

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
