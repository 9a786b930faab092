package isn_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/internal/evaluate"
)

func TestCover(t *testing.T) {
	for _, j := range []time.Duration{300 * time.Microsecond, 5 * time.Millisecond, 30 * time.Millisecond} {
		type key struct {
			c    isn.Class
			slow int
		}
		n, held := map[key]int{}, map[key]int{}
		zs := map[key][]float64{}
		for i := range 12000 {
			o, _ := evaluate.Host(uint64(2*i), evaluate.Config{Jitter: j})
			c, ok := o.Report.Clock.Get()
			if !ok || !o.Right() || o.Truth.Class == isn.ClassMixed {
				continue
			}
			k := key{o.Truth.Class, 0}
			if o.Truth.Hz*j.Seconds() < 1 {
				k.slow = 1
			}
			if o.Report.GCD.OK {
				k.slow = 2
			}
			n[k]++
			half := (c.High - c.Low) / 2
			zs[k] = append(zs[k], math.Abs(c.Hz-o.Truth.Hz)/half)
			if c.Low <= o.Truth.Hz && o.Truth.Hz <= c.High {
				held[k]++
			}
		}
		for k := range n {
			fmt.Println(j, k.c, k.slow, n[k], 100*held[k]/n[k])
		}
	}
}
