package why

import (
	"strings"
	"testing"
	"time"
)

// Who keeps packets from leaving is told by how the kernel refuses them, and whether it refuses all.
func TestWhoRefusesToSend(t *testing.T) {
	for _, tc := range []struct {
		name    string
		refused Outcome
		each    int // how many SYNs there are for one that is refused
		code    Code
		says    string
	}{
		{"a full queue", NoRoom, 1, LocalInterface, "no room"},
		{"a queue that is full now and then", NoRoom, 3, LocalInterface, "no room"},
		{"a rule", SendRefused, 1, LocalFirewall, "a firewall on this machine is in the way"},
		{"a limit", SendRefused, 2, LocalFirewall, "or a limit in it, refuses some of what leaves (8 of 16 usual SYNs)"},
	} {
		k := newKnowledge(&Config{Addrs: []Address{{}}})
		var list []Trial
		for f := range facts {
			list = append(list, Trial{Kind: Local, Fact: f, Outcome: No})
		}
		for i := range 16 {
			s := Trial{Kind: SYN, Flow: i + 1, At: time.Duration(i) * 300 * time.Millisecond, Outcome: tc.refused}
			if i%tc.each > 0 {
				s.Outcome, s.Reply = SYNACK, Reply{RTT: time.Millisecond, TTL: 62, Window: -1}
			}
			list = append(list, s)
		}
		k.add(list)
		p := newPosterior(&Config{Addrs: k.Addrs})
		p.take("flows", k.Log)
		best, all := 0, p.probabilities()
		for i, q := range all {
			if q > all[best] {
				best = i
			}
		}
		c := p.causes[best]
		title, advice := c.words(k)
		if c.Code != tc.code || all[best] < 0.9 || !strings.Contains(title, tc.says) || advice == "" {
			t.Errorf("%s: %s at %.3f: %s", tc.name, c.Code, all[best], title)
		}
	}
}
