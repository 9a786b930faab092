package live

import (
	"slices"

	"synscope/craft"
	"synscope/probe/why"
)

// What comes for a SYN and is not its answer: without a number of ours, from another
// address, or beside the answer.

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
	if opens(stray) {
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
