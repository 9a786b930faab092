package wide_test

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// scenes is how many networks the list is held against the summary in.
var scenes = flag.Int("scenes", 20, "random scenes of answers that come twice, late, or change")

// fickle answers each SYN by a few replies out of all that a wide scan knows, early, late and
// several times, each target by a mind of its own.
type fickle struct {
	chance *rand.Rand
	liking map[netip.AddrPort][]craft.Flags // what a target may say; 0: an ICMP error
}

const icmpError = craft.Flags(0)

func (f *fickle) Respond(_ time.Time, in *craft.Segment, out simnet.Emitter) {
	s := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Window: 5000, Seq: 7_000_000}
	switch {
	case in.Flags == craft.SYN:
	case f.chance.IntN(2) == 0 && !in.Flags.Has(craft.SYN) && !in.Flags.Has(craft.RST): // another technique
		if s, ok := simnet.ResetFor(in, 64); ok {
			s.Window = uint16(f.chance.IntN(2))
			out.Segment(f.delay(), &s)
		}
	case in.Flags == craft.ACK && f.chance.IntN(2) == 0: // a question about an RST
		s.Flags, s.Seq = craft.RST, in.Ack
		out.Segment(f.delay(), &s)
		return
	case in.Flags == craft.SYN|craft.ACK && f.chance.IntN(2) == 0: // about a SYN
		s.Flags, s.Seq, s.Ack = craft.ACK, s.Seq+1, in.Seq.Add(1)
		out.Segment(f.delay(), &s)
		return
	default:
		return
	}
	likes, known := f.liking[in.Dst]
	if !known {
		all := []craft.Flags{craft.SYN | craft.ACK, craft.RST | craft.ACK, craft.RST | craft.ACK, craft.RST, craft.SYN, craft.ACK, icmpError, icmpError}
		for range f.chance.IntN(4) {
			likes = append(likes, all[f.chance.IntN(len(all))])
		}
		f.liking[in.Dst] = likes
	}
	for _, flags := range likes {
		for range f.chance.IntN(3) {
			if flags == icmpError {
				simnet.Rejected{ICMP: simnet.ICMP{From: netip.MustParseAddr("192.0.2.254"), Type: 3, Code: []uint8{1, 13, 4}[f.chance.IntN(3)]}}.Respond(time.Time{}, in, deferred{out, f.delay()})
				continue
			}
			s := s
			if s.Flags = flags; flags.Has(craft.ACK) {
				s.Ack = in.Seq.Add([]uint32{1, 1, 1, 0, 77}[f.chance.IntN(5)])
			}
			out.Segment(f.delay(), &s)
		}
	}
}

func (f *fickle) delay() time.Duration {
	return time.Duration(f.chance.IntN([]int{50, 50, 400, 3000, 9000}[f.chance.IntN(5)])) * time.Millisecond
}

// deferred delays what is emitted.
type deferred struct {
	simnet.Emitter
	after time.Duration
}

func (l deferred) ICMP(after time.Duration, m *simnet.ICMP) { l.Emitter.ICMP(after+l.after, m) }

// The latest records of all ports say the same as the summary, whatever comes twice, late or changed.
func TestListAndSummaryAgree(t *testing.T) {
	for seed := range uint64(*scenes) {
		synctest.Test(t, func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 1))
			path := simnet.Path{Delay: 10 * ms, Loss: []float64{0, 0, 0.1}[chance.IntN(3)], Duplicate: 0.2}
			cfg := wide.Config{Config: scan.Config{Timeout: 300 * ms, Retries: 1 + chance.IntN(2)}, Plan: planOf(t, seed, "80,443", "10.0.0.0/25")}
			if chance.IntN(3) == 0 {
				cfg.Timeout, cfg.LeastTimeout, cfg.MostRetries = time.Second, wide.DefaultLeastTimeout, 5
			}
			if chance.IntN(3) == 0 {
				cfg.Technique = probe.Techniques()[chance.IntN(len(probe.Techniques()))]
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if chance.IntN(4) == 0 {
				time.AfterFunc(time.Duration(chance.IntN(3000))*ms, cancel)
			}
			found := newAnswers()
			s, err := stateless(t, ctx, simnet.Config{Seed: seed, Out: path, Back: path}, &fickle{chance, map[netip.AddrPort][]craft.Flags{}}, cfg, found)
			if err != nil && !errors.Is(err, probe.ErrInterrupted) {
				t.Fatal(err)
			}
			for state, n := range found.lines {
				if n != found.count(state) {
					t.Errorf("seed %d: %d lines are %v that nothing supersedes, and %d ports", seed, n, state, found.count(state))
				}
			}
			for _, state := range []probe.State{probe.StateOpen, probe.StateRefused, probe.StateUnfiltered} {
				if got, want := s.States[state], uint64(found.count(state)); got != want {
					t.Errorf("seed %d: %d are %v by the summary, %d by the list", seed, got, state, want)
				}
			}
			silent := s.Probes - uint64(len(found.best))
			if got, want := s.States[probe.StateFiltered]+s.States[probe.StateOpenFiltered]+s.States[probe.StateUnknown], silent+uint64(found.count(probe.StateFiltered)); got != want {
				t.Errorf("seed %d: %d are filtered by the summary, %d by the list", seed, got, want)
			}
		})
	}
}
