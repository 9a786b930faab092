package live

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/why"
)

// Machine is the instrument where this machine does not even let raw segments be
// prepared: Broken is why. It sends nothing, and its only trials are looks.
type Machine struct {
	Broken error // netraw.ErrPortInUse or netraw.ErrForeignSource
	Target netip.AddrPort
	start  time.Time
}

// Run says what Broken says.
func (m *Machine) Run(_ context.Context, batch []why.Trial) ([]why.Trial, error) {
	for k := range batch {
		t := &batch[k]
		t.At = m.Now()
		switch {
		case t.Kind == why.Local:
			t.Outcome = why.No
			if m.says(t.Fact) {
				t.Outcome, t.Reply.Text = why.Yes, textOf(m.Broken)
			}
		case t.Kind == why.Kernel && errors.Is(m.Broken, netraw.ErrPortInUse):
			t.Outcome = why.NoPorts
		case t.Kind == why.SYN && errors.Is(m.Broken, netraw.ErrForeignSource):
			t.Outcome, t.Reply.Text = why.SendRefused, textOf(m.Broken)
		}
	}
	return batch, nil
}

func (m *Machine) says(f why.Fact) bool {
	return f == why.PortsExhausted && errors.Is(m.Broken, netraw.ErrPortInUse) || f == why.BadSource && errors.Is(m.Broken, netraw.ErrForeignSource)
}

// Now is the time since the first look.
func (m *Machine) Now() time.Duration {
	if m.start.IsZero() {
		m.start = time.Now()
	}
	return time.Since(m.start)
}

// Closing is 0: nothing is open.
func (m *Machine) Closing() time.Duration { return 0 }

// End has nothing to do.
func (m *Machine) End() {}

// Sent is 0.
func (m *Machine) Sent() int { return 0 }

// Preview is a SYN of each look, in tcpdump's notation.
func Preview(src, dst netip.AddrPort) (lines []string) {
	for l := range why.Looks() {
		k := &exchange{in: &Instrument{key: rand.Uint32(), start: time.Now()}, src: src, dst: dst, look: l, mtu: 1500, isn: craft.Seq(rand.Uint32())}
		k.dress()
		s := k.syn(0)
		lines = append(lines, l.String()+": "+s.String())
	}
	return lines
}
