package probe_test

import (
	"context"
	"net/netip"

	"synscope/probe"
	"synscope/probe/paths"
	"synscope/probe/trace"
	"synscope/probe/why"
	"synscope/probe/why/live"
)

// way is what a trace or an exploration claims of the way to a target.
type way struct {
	target netip.AddrPort
	list   []claim
}

// hop takes in what came of one probe.
func (w *way) hop(h trace.Hop) error {
	w.claims(h.Kind)
	return nil
}

// nodes takes in a map, but for this machine.
func (w *way) nodes(m *paths.Map) {
	for _, n := range m.Nodes[min(1, len(m.Nodes)):] {
		w.claims(n.Kind)
	}
	for _, f := range m.Flows {
		w.claims(f.End)
	}
}

// claims is what a kind of answer says of the target's port, or of a router.
func (w *way) claims(k trace.HopKind) {
	switch k {
	case trace.HopSYNACK:
		w.list = append(w.list, claim{w.target, probe.StateOpen, probe.ReasonSYNACK})
	case trace.HopReset:
		w.list = append(w.list, claim{w.target, probe.StateRefused, probe.ReasonReset})
	case trace.HopTimeExceeded, trace.HopUnreachable:
		w.list = append(w.list, claim{w.target, probe.StateFiltered, probe.ReasonTimeExceeded})
	}
}

func (w *way) with(v *probe.Verdict) []claim {
	return append(w.list, claim{v.Target, v.State, v.Reason})
}

// diagnose makes the experiments of why, and returns what they claim. The host behind
// the target's address answers for all its ports, so that a claim is held against any.
func diagnose(ctx context.Context, n probe.Network, target netip.AddrPort, seed uint64) (list []claim, err error) {
	addrs := []why.Address{{AddrPort: target}}
	instrument := live.New(n, live.Config{Addrs: addrs})
	d, err := why.Run(ctx, instrument, why.Config{Target: target.String(), Addrs: addrs, Seed: seed})
	if closing := instrument.Close(); err == nil {
		err = closing
	}
	for i := range d.Trials {
		t := &d.Trials[i]
		host := netip.AddrPortFrom(target.Addr(), 0)
		if t.Role == why.Target {
			host = target
		}
		for _, c := range outcomes(t.Outcome) {
			c.target = host
			list = append(list, c)
		}
	}
	return list, err
}

// outcomes is what a trial's outcome claims of the port that it asked.
func outcomes(o why.Outcome) []claim {
	open := claim{state: probe.StateOpen, reason: probe.ReasonSYNACK}
	reset := claim{state: probe.StateRefused, reason: probe.ReasonReset}
	icmp := claim{state: probe.StateFiltered, reason: probe.ReasonTimeExceeded}
	switch o {
	case why.SYNACK, why.SlowSYNACK, why.Near, why.Late, why.Acked, why.Lossy, why.LossyThere, why.LossyBack, why.SlowProgram, why.Ignored,
		why.LargeLost, why.LargeBack, why.TooBig, why.IdleDead, why.IdleClosed, why.ISNMoves, why.ISNStays:
		return []claim{open}
	case why.ResetOnACK, why.ResetBy, why.IdleReset, why.ResetToo:
		return []claim{open, reset}
	case why.Reset, why.ResetNear:
		return []claim{reset}
	case why.HostUnreachable, why.NoWay, why.Expired, why.Prohibited, why.RejectedByHost:
		return []claim{icmp}
	}
	return nil
}
