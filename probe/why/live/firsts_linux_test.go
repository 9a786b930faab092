package live_test

import (
	"sync"
	"testing"
)

// Chance has its part in what a network loses and in what a busy machine delays: a
// scene may be diagnosed anew, but few scenes may need it.
const (
	mostRuns  = 3
	mostWrong = 0.2 // of the scenes, the first time; a run of all on two loaded cores has about 0.03
)

// firsts counts how scenes were diagnosed the first time.
type firsts struct {
	mu                 sync.Mutex
	all, wrong, surely int
}

func (f *firsts) add(right bool, p float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all++
	if !right {
		f.wrong++
		if p >= 0.9 {
			f.surely++
		}
	}
}

func (f *firsts) judge(t *testing.T) {
	t.Helper()
	t.Logf("%d scenes, %d of them wrong the first time, %d of those at 0.9 or more", f.all, f.wrong, f.surely)
	if float64(f.wrong) > max(2, mostWrong*float64(f.all)) {
		t.Errorf("%d of %d scenes were wrong the first time", f.wrong, f.all)
	}
}

// judgeAll tests every scene of a list.
func judgeAll(t *testing.T, list []scene) {
	t.Helper()
	var f firsts
	t.Run("all", func(t *testing.T) {
		for _, s := range list {
			t.Run(s.name, func(t *testing.T) { test(t, &f, s) })
		}
	})
	f.judge(t)
}
