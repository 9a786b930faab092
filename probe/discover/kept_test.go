package discover

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
	"synscope/probe/simnet"
)

// inSearch is a test of a search that has begun, and of what it tells.
func inSearch(t *testing.T, f func(e *engine, told func() []Host)) {
	synctest.Test(t, func(t *testing.T) {
		conn := simnet.New(simnet.Config{}).Conn(2)
		defer conn.Close()
		var told []Host
		s, err := Begin(conn, Config{Hosts: slices.Values([]netip.Addr{})}, func(h Host) error {
			told = append(told, h)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		s.engine.Start = time.Now()
		f(s.engine, func() []Host { return told })
	})
}

// asked is a host that has been asked for so many rounds in vain, and that nobody waits for any more.
func (e *engine) asked(a string, round int) *host {
	h := &host{Host: Host{Addr: netip.MustParseAddr(a)}, asks: e.asks, id: uint32(len(e.byID)), round: round}
	h.key = h.Addr
	for r := range round + 1 {
		h.sent = append(h.sent, make([]wire.Stamps, len(h.segmentsOf(r)))...)
	}
	e.byID = append(e.byID, nil)
	return h
}

// A host that was asked as often as any before the pace of a limit was found is told of then; and
// no silent host has a link address that it has not answered for.
func TestSilenceThatALimitKeptBack(t *testing.T) {
	for name, tell := range map[string]func(*engine){"slower": (*engine).slowDown, "over": (*engine).tellSilent} {
		t.Run(name, func(t *testing.T) {
			inSearch(t, func(e *engine, told func() []Host) {
				h := e.asked("10.0.0.1", rounds+moreRounds-1)
				h.MAC, h.believed = net.HardwareAddr{2, 0, 0, 0, 0, 1}, true
				e.slow.silent, e.slow.trial = []*host{h}, limit.Begin(100, 0, 0, 10)
				tell(e)
				if all := told(); len(all) != 1 || all[0].Up || all[0].MAC != nil || len(e.hosts) > 0 {
					t.Errorf("told of %+v, %d hosts are sought", all, len(e.hosts))
				}
			})
		})
	}
}

// A host whose SYN-ACK came while the search paused is up, and not told of as silent.
func TestAnswerDuringAPause(t *testing.T) {
	inSearch(t, func(e *engine, told func() []Host) {
		h := e.asked("10.0.0.1", 1)
		e.hosts[h.key], e.byID[h.id] = h, h
		e.keepSilent(h)
		e.earlier.Add(h.key, probe.Verdict{Target: netip.AddrPortFrom(h.Addr, 443), Time: time.Now(), TTL: 60})
		e.tellSilences(true)
		if all := told(); len(all) != 1 || !all[0].Up || all[0].Reason != probe.ReasonSYNACK || all[0].TTL != 60 || e.found != 1 {
			t.Errorf("told of %+v", all)
		}
	})
}

// Questions to witnesses that were under way when a search paused tell nothing of the pace.
func TestPauseIsNoLowerPace(t *testing.T) {
	inSearch(t, func(e *engine, _ func() []Host) {
		e.slow.trial = limit.Begin(100, 0, 0, 10)
		for i := range 16 {
			if n := e.slow.trial.Ask(e.Now); i < 10 {
				e.slow.trial.Answer(n)
			}
		}
		e.forgetTrials(e.Now)
		if e.slow.trial.Watch(e.Now+time.Minute, time.Second) {
			t.Errorf("the pace is lower since nobody listened: %v", e.slow.trial.Rate())
		}
	})
}

// The time of a SYN-ACK that may be a retransmission is no round trip of its port either.
func TestOpenPortOfALateAnswer(t *testing.T) {
	for took, timed := range map[time.Duration]bool{500 * time.Millisecond: true, 1100 * time.Millisecond: false} {
		inSearch(t, func(e *engine, _ func() []Host) {
			h := e.asked("10.0.0.1", 0)
			target := netip.AddrPortFrom(h.Addr, 443)
			ev := &wire.Event{At: time.Now().Add(took)}
			ev.Kind, ev.Target = wire.KindSYNACK, target
			e.Now = took
			e.noteOpen(h, ev)
			open := e.earlier.Open(h.key)
			if len(open) != 1 || (open[0].RTT > 0) != timed || (open[0].Clock != netraw.ClockNone) != timed {
				t.Errorf("after %v: %+v", took, open)
			}
		})
	}
}
