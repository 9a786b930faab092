package netraw

import (
	"errors"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"synscope/craft"
)

// obedience keeps frames, which bypass the output rules of this machine, to rules that are
// made while an engine is in use. Opening an engine reads the rules; later it may not read
// them any more (CAP_NET_ADMIN has been given up). But the kernel says which packets its
// rules refuse when these pass through it: by EPERM, or by an ENOBUFS or EINVAL that lasts
// (tc, and a mark that leads to a route of type blackhole). All but probes passes through it
// anyway, and so do the first probe and one every [trialEvery].
type obedience struct {
	refused atomic.Int64 // when the kernel refused a packet, since the epoch of this process; 0: never
	next    atomic.Int64 // when a probe goes through the kernel as a trial
	changed atomic.Bool  // what decides on packets is another than when the engine was opened
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

// note records that the kernel refused a packet, for another reason than a full queue.
func (o *obedience) note() { o.refused.Store(int64(time.Since(epoch))) }

// kernelOnly reports whether the next probe has to go through the kernel.
func (o *obedience) kernelOnly() bool {
	now := time.Since(epoch)
	if refused := time.Duration(o.refused.Load()); refused > 0 && now < refused+obeyFor || o.changed.Load() {
		return true
	}
	next := o.next.Load()
	return int64(now) >= next && o.next.CompareAndSwap(next, int64(now+trialEvery))
}

// hear takes note of a message of rtnetlink(7) that tells of another policy: a filter for
// what leaves by an interface, or a rule that routes by marks. What they are for can be
// looked at by CAP_NET_ADMIN only.
func (o *obedience) hear(m syscall.NetlinkMessage) {
	switch m.Header.Type {
	case unix.RTM_NEWTFILTER:
		if len(m.Data) >= nl.SizeofTcMsg && nl.DeserializeTcMsg(m.Data).Parent != netlink.HANDLE_MIN_INGRESS {
			o.changed.Store(true)
		}
	case unix.RTM_NEWRULE:
		if marksDecide(m.Data) {
			o.changed.Store(true)
		}
	}
}

// marksDecide reports whether a rule looks at marks: struct fib_rule_hdr and its attributes,
// include/uapi/linux/fib_rules.h.
func marksDecide(rule []byte) bool {
	if len(rule) < unix.SizeofRtMsg {
		return false
	}
	attrs, err := nl.ParseRouteAttr(rule[unix.SizeofRtMsg:])
	return err != nil || slices.ContainsFunc(attrs, func(a syscall.NetlinkRouteAttr) bool {
		return a.Attr.Type == nl.FRA_FWMARK || a.Attr.Type == nl.FRA_FWMASK
	})
}

// ask sends the first of the probes through the kernel. One to a neighbour that is known
// is not refused for a full table of neighbours (EINVAL).
func (b *base) ask(out transmitter, probe *craft.Fields) error {
	hop, wait, err := b.ways.to(probe.Dst.Addr())
	if err != nil {
		return err
	}
	out.expect(probe.Src.Addr())
	err = b.throughKernel(probe, wait)
	if hop >= 0 && errors.Is(err, unix.EINVAL) {
		b.kernel.obeyed.note()
	}
	return err
}
