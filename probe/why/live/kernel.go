package live

import (
	"context"
	"errors"
	"syscall"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/why"
)

// kernel lets this machine's own TCP connect: first from a port that is seen, so that
// what is left half open can be closed, then from one that the kernel chooses.
func (i *Instrument) kernel(whole context.Context, t *why.Trial) {
	switch {
	case i.cfg.Dialer == nil:
		return
	case i.flooded():
		t.Reply.Text = "segments that answer nothing of ours come too fast"
		return
	}
	if i.cfg.Seen == nil || i.dialSeen(whole, t) {
		i.dial(whole, i.cfg.Dialer, t)
	}
	i.undecided(whole, t)
}

// Bounds of what comes unasked before this machine's own TCP is left out: it answers each
// segment that does not belong to its connection, and takes a bare SYN for a peer's.
const (
	floodLeast = 1000
	floodTimes = 20 // as many as were sent
)

// flooded reports whether far more has come than was sent.
func (i *Instrument) flooded() bool {
	return i.network.Stats().Received > floodLeast+floodTimes*uint64(i.spent())
}

// undecided takes back what came because the run's own time was over.
func (i *Instrument) undecided(whole context.Context, t *why.Trial) {
	if whole.Err() != nil {
		t.Outcome = why.NotMade
	}
}

// dial makes one connection and takes in what came of it.
func (i *Instrument) dial(whole context.Context, d probe.Dialer, t *why.Trial) {
	ctx, cancel := context.WithTimeout(whole, i.patience(kernelPatience))
	defer cancel()
	i.mu.Lock()
	i.sent += kernelPackets
	i.mu.Unlock()
	h, err := d.Dial(ctx, i.destination(t))
	switch t.Outcome = kernelOutcome(err); t.Outcome {
	case why.Acked:
		i.mu.Lock()
		i.completed++
		i.mu.Unlock()
		t.Reply.RTT = h.RTT
	case why.NotMade:
		t.Reply.Text = textOf(err)
	}
}

// dialSeen makes one from the port that is seen, and tells whether it worked, or could
// not be made from there.
func (i *Instrument) dialSeen(ctx context.Context, t *why.Trial) bool {
	i.dialling.Lock()
	defer i.dialling.Unlock()
	i.mu.Lock()
	i.seen = nil
	i.mu.Unlock()
	i.dial(ctx, i.cfg.Seen, t)
	interrupted := t.Outcome == why.NotMade && ctx.Err() != nil
	if t.Outcome != why.Silence && !interrupted {
		return t.Outcome == why.Acked || t.Outcome == why.NotMade || t.Outcome == why.NoPorts
	}
	if rst := i.sawSYN(); rst != nil {
		i.send(rst)
		i.ended(*rst, halfOpen)
	}
	return interrupted
}

// sawSYN is what closes a SYN that was seen to leave. It may be on its way to us yet.
func (i *Instrument) sawSYN() *craft.Segment {
	for range seenTries {
		i.mu.Lock()
		rst := i.seen
		i.mu.Unlock()
		if rst != nil {
			return rst
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

const seenTries = 20

// kernelPatience is enough for one SYN that the kernel repeats (after 1 s), and
// kernelPackets what one connection may send meanwhile.
const (
	kernelPatience = 2200 * time.Millisecond
	kernelPackets  = 4
)

// kernelOutcome reads the error of connect(2). Those that may come of an ICMP error
// or a reset say nothing that a raw SYN does not say better.
func kernelOutcome(err error) why.Outcome {
	switch {
	case err == nil:
		return why.Acked
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return why.NoPorts
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return why.SendRefused
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return why.Silence
	}
	return why.NotMade
}
