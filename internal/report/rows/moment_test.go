package rows

import (
	"testing"
	"time"
)

// Moments are written as RFC 3339 has them, the same second or not, whatever zone.
func TestMoments(t *testing.T) {
	var o jsonObject
	for _, ns := range []int64{0, 1, 999_999_999, 1_000_000_000, 1_500_000_000, 1_500_000_100, -1, -1_000_000_001} {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 5400)} {
			at := time.Unix(0, ns).In(zone)
			if got, want := string(o.second.appendTo(nil, at)), at.UTC().Format(time.RFC3339Nano); got != want {
				t.Errorf("%d: %s, want %s", ns, got, want)
			}
		}
	}
}
