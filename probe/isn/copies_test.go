package isn

import (
	"math/rand/v2"
	"testing"

	"synscope/craft"
)

// Copies are known among few samples of one time and among many, and where they were sent
// at another time they are none: as comparing each with all before it says.
func TestCopies(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var before copies
	var all []Sample
	found := 0
	for sent := range int64(300) {
		for range r.IntN(60) {
			s := Sample{Sent: Some(sent), ISN: Some(craft.Seq(r.IntN(40)))}
			if r.IntN(10) == 0 {
				s.ISN.OK = false
			}
			want := false
			for _, one := range all {
				want = want || s.ISN.OK && one == s
			}
			if got := before.has(&s); got != want {
				t.Fatalf("%+v: %v", s, got)
			}
			if want {
				found++
			}
			if s.ISN.OK {
				all = append(all, s)
			}
		}
	}
	if found < 100 {
		t.Errorf("%d copies", found)
	}
}
