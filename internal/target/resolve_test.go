package target

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowResolver takes a second for each lookup and counts them.
type slowResolver struct{ asked, live, peak atomic.Int64 }

func (r *slowResolver) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	r.asked.Add(1)
	if live := r.live.Add(1); live > r.peak.Load() {
		r.peak.Store(live)
	}
	defer r.live.Add(-1)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Second):
		return []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, host[1]})}, nil
	}
}

// TestLookups asks for 100 names typed twice: each once, 16 at a time, and gives
// up at once when cancelled.
func TestLookups(t *testing.T) {
	var words []string
	for i := range 200 {
		words = append(words, fmt.Sprintf("h%d.example:%d", i%100, 1+i/100))
	}
	synctest.Test(t, func(t *testing.T) {
		r := &slowResolver{}
		start := time.Now()
		s, err := Parse(t.Context(), words, Options{Resolver: r})
		if err != nil || s.Addresses() != 10 || s.Count() != 20 {
			t.Fatal(s, err)
		}
		if took := time.Since(start); r.asked.Load() != 100 || r.peak.Load() != lookups || took != 7*time.Second {
			t.Errorf("%d lookups, %d at a time, in %v", r.asked.Load(), r.peak.Load(), took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := Parse(ctx, words, Options{Resolver: &slowResolver{}}); err == nil || time.Since(start) != 1500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
