package why

import (
	"testing"
	"time"
)

// What fails in one burst may be a full queue, and may be something that was away for
// that moment: neither is sure before it was asked at another time.
func TestABurstOfFailuresIsNotSure(t *testing.T) {
	k := newKnowledge(&Config{Addrs: []Address{{}}})
	var list []Trial
	for i := range 14 {
		list = append(list, Trial{Kind: SYN, Flow: i + 1, At: time.Duration(i) * 60 * time.Millisecond, Outcome: SYNACK, Reply: Reply{RTT: time.Millisecond, TTL: 62, Window: -1}})
	}
	for i := range 6 {
		c := Trial{Kind: Connect, Flow: 20 + i, At: 2*time.Second + time.Duration(i)*20*time.Millisecond, Outcome: Acked, Reply: Reply{RTT: time.Millisecond, TTL: 62, Window: -1}}
		if i > 1 {
			c.Outcome, c.Pause = Ignored, withheld
		}
		list = append(list, c)
	}
	k.add(list)
	p := newPosterior(&Config{Addrs: k.Addrs})
	p.take("flows", k.Log)
	for i, q := range p.probabilities() {
		if q > 0.02 {
			t.Logf("%s %.3f", p.causes[i].Code, q)
		}
		if q > 0.95 {
			t.Errorf("%s is sure at %.4f", p.causes[i].Code, q)
		}
	}
}

// A limiter may answer what exceeds it. Refusals that come in one row, from nearer than
// the host, after as many passed in one row, are its work rather than a backend's.
func TestALimiterMayAnswerWhatExceedsIt(t *testing.T) {
	for _, refusal := range []Outcome{ResetNear, Reset, Prohibited} {
		k := newKnowledge(&Config{Addrs: []Address{{}}})
		var list []Trial
		for i := range 14 { // 8 at once, and 4 a second
			s := Trial{Kind: SYN, Flow: i + 1, At: time.Duration(i) * 60 * time.Millisecond, Outcome: SYNACK, Reply: Reply{RTT: time.Millisecond, TTL: 62, Window: -1}}
			if i >= 8 && i%4 > 0 {
				s.Outcome = refusal
			}
			list = append(list, s)
		}
		for i := range 12 {
			s := Trial{Kind: SYN, Flow: 20 + i, At: 5*time.Second + time.Duration(i)*5*time.Millisecond, Outcome: SYNACK, Reply: Reply{RTT: time.Millisecond, TTL: 62, Window: -1}}
			if i >= 6 {
				s.Outcome = refusal
			}
			list = append(list, s)
		}
		k.add(list)
		p := newPosterior(&Config{Addrs: k.Addrs})
		p.take("pace", k.Log)
		best := 0
		ps := p.probabilities()
		for i, q := range ps {
			if q > ps[best] {
				best = i
			}
		}
		if p.causes[best].Code != PathSYNRateLimit {
			t.Errorf("%v: %s at %.3f", refusal, p.causes[best].Code, ps[best])
		}
	}
}
