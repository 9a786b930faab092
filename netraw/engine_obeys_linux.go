package netraw

import (
	"sync/atomic"
	"time"

	"synscope/craft"
)

// obedience has the engines of frames, which leave without passing the output rules of
// this machine, keep to rules that come while they run. When an engine is opened it looks
// at the rules; later it may not look any more (CAP_NET_ADMIN has been given up). But the
// kernel tells by EPERM what its rules refuse of packets that pass through it: RSTs
// and questions do anyway, and of the probes one in so often does.
type obedience struct {
	refused atomic.Int64  // when the kernel refused a packet, since the epoch of this process; 0: never
	next    time.Duration // when a probe goes through the kernel as a trial; guarded by the lock of ways
}

const (
	// trialEvery is how long frames may leave that a new rule would have stopped.
	trialEvery = 100 * time.Millisecond
	// obeyFor is how long all probes go through the kernel after it has refused a packet:
	// a rule may be for some of the targets only.
	obeyFor = 30 * time.Second
)

// epoch is what times of refusals count from.
var epoch = time.Now()

// note is told that the kernel refused a packet (EPERM).
func (o *obedience) note() { o.refused.Store(int64(time.Since(epoch))) }

// kernelOnly tells whether the next probe has to go through the kernel.
func (o *obedience) kernelOnly() bool {
	now := time.Since(epoch)
	if refused := time.Duration(o.refused.Load()); refused > 0 && now < refused+obeyFor {
		return true
	}
	if now < o.next {
		return false
	}
	due := o.next > 0
	o.next = now + trialEvery
	return due
}

// ask sends the first of the probes through the kernel.
func (b *base) ask(out transmitter, probe *craft.Fields) error {
	if _, _, err := b.ways.to(probe.Dst.Addr()); err != nil {
		return err
	}
	out.expect(probe.Src.Addr())
	return b.throughKernel(probe, viaUnknown)
}
