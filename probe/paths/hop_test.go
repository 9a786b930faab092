package paths

import (
	"net/netip"
	"testing"
	"time"
)

// A test of a hop's limits whose probe has to be sent again for another reason (a challenge
// ACK of an old connection, a size) goes on: the hop was never asked again, and the run did
// not end.
func TestRecalledTestGoesOn(t *testing.T) {
	f := &flow{}
	first, second := f.begin(2), (&flow{id: 1}).begin(2)
	h := &hop{lost: map[*pair]time.Duration{}, known: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	for _, p := range []*pair{first, second} {
		h.sent(want{flow: f, ttl: 2}, 0)
		h.gaveUp(p, time.Second)
	}
	probe := want{flow: f, ttl: 2, why: forLost}
	at := h.ready(probe)
	if h.state != hopTesting || at == never {
		t.Fatalf("state %v, ready at %v: two lost probes ask for a test", h.state, at)
	}
	h.sent(probe, at)
	if h.ready(probe) != never {
		t.Error("a second test beside the first")
	}
	h.recalled(first)
	if got := h.ready(probe); got > at {
		t.Errorf("ready at %v after the test was recalled, at %v before", got, at)
	}
}
