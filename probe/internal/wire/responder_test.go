package wire

import (
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
)

// The same response leaves once while copies of what it answers come, and again
// for what the far end retransmits a second later, however long nothing else
// was sent.
func TestResponsesAreNotRepeatedAtOnce(t *testing.T) {
	const ms = time.Millisecond
	closing := Response{
		Src: netip.MustParseAddrPort("192.0.2.1:40000"), Dst: netip.MustParseAddrPort("192.0.2.2:80"),
		Flags: craft.RST, Seq: 7,
	}
	other := closing
	other.Attempt = 1
	var r Responder
	for _, step := range []struct {
		at   time.Duration
		x    Response
		want bool
	}{
		{0, closing, true}, {1 * ms, closing, false}, {2 * ms, other, true}, {99 * ms, closing, false},
		{150 * ms, other, false}, {1000 * ms, closing, true}, {1001 * ms, closing, false},
		{4000 * ms, closing, true}, {4150 * ms, closing, false}, {4300 * ms, closing, true},
	} {
		if got := r.Add(step.x, step.at); got != step.want {
			t.Errorf("at %v: %t", step.at, got)
		}
	}
	waiting := r.Waiting()
	if !r.Insist(closing) || r.Waiting() != waiting+1 {
		t.Error("what is insisted on did not wait")
	}
}
