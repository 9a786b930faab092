package isn

import (
	"net/netip"
	"testing"

	"synscope/craft"
)

// A row without a number, to a SYN that was answered, is that SYN's second number, which nobody wrote down. A SYN
// that is sent once more after its answer, and not answered then, says what it offered; another's SYN is its own.
func TestSecondNumbersAreNotLost(t *testing.T) {
	row := func(sent int64, port uint16, client craft.Seq, number Opt[craft.Seq]) Sample {
		return Sample{Src: netip.MustParseAddr("192.0.2.1"), SrcPort: Some(port), ClientISN: Some(client), Sent: Some(sent), ISN: number}
	}
	lost := Opt[craft.Seq]{}
	again := row(40, 1, 7, lost)
	again.Offer = Some(Offer{MSS: 536})
	for _, tc := range []struct {
		what        string
		one         Sample
		lost, twice int
	}{
		{"the same SYN", row(40, 1, 7, lost), 0, 1},
		{"the same SYN, after another on the tuple", row(40, 1, 5, lost), 0, 1},
		{"sent once more", again, 1, 0},
		{"another SYN", row(40, 1, 8, lost), 1, 0},
		{"another port", row(40, 2, 7, lost), 1, 0},
		{"before its answer", row(5, 1, 7, lost), 1, 0},
	} {
		r := Analyze([]Sample{row(10, 1, 5, Some(craft.Seq(1000))), row(20, 1, 7, Some(craft.Seq(2000))), row(30, 1, 9, Some(craft.Seq(3000))), tc.one}, Options{})
		if r.Lost != tc.lost || r.Twice != tc.twice || r.Samples != 3 {
			t.Errorf("%s: %d lost, %d twice of %d", tc.what, r.Lost, r.Twice, r.Samples)
		}
	}
}
