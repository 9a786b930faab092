package why

import (
	"net/netip"
	"strings"
	"testing"
)

// None of a few that is slow says little of how many are: only from a handful on a share is
// told, and it shrinks.
func TestSlowBound(t *testing.T) {
	for n, want := range map[int]string{0: "", 1: "", 4: "", 5: "fewer than 45 %", 20: "fewer than 14 %", 300: "fewer than 1 %"} {
		k := newKnowledge(&Config{Addrs: []Address{{}}})
		list := make([]Trial, n)
		for i := range list {
			list[i] = Trial{Kind: Connect, Flow: i + 1, Outcome: Acked, Reply: Reply{Window: -1, Answer: 1}}
		}
		k.add(list)
		if got := k.slowBound(); !strings.Contains(got, want) || (got == "") != (want == "") {
			t.Errorf("%d connections: %q, want %q", n, got, want)
		}
	}
}

// Of a program that says nothing it is not known how long it takes.
func TestSlowBoundOfASilentProgram(t *testing.T) {
	k := newKnowledge(&Config{Addrs: []Address{{}}})
	list := make([]Trial, 20)
	for i := range list {
		list[i] = Trial{Kind: Connect, Flow: i + 1, Outcome: Acked, Reply: Reply{Window: -1, RTT: 1}}
	}
	k.add(list)
	if got := k.slowBound(); !strings.Contains(got, "no handshake was slow") || !strings.Contains(got, "was not measured") {
		t.Errorf("%q", got)
	}
}

// That the host ends connections without a word is told where it ended each of several that were left alone.
func TestHungUp(t *testing.T) {
	ended := Trial{Kind: Hold, Outcome: Acked, Reply: Reply{Window: -1, HungUp: true}}
	kept, busy := ended, ended
	kept.Reply.HungUp, busy.Kind = false, Connect
	for _, tt := range []struct {
		list []Trial
		want int
	}{
		{nil, 0}, {[]Trial{ended, ended}, 0}, {[]Trial{ended, ended, ended}, 3},
		{[]Trial{ended, ended, ended, kept}, 0}, {[]Trial{busy, busy, busy, busy}, 0},
	} {
		k := newKnowledge(&Config{Addrs: []Address{{}}})
		k.add(tt.list)
		if got := k.hungUp(); got != tt.want {
			t.Errorf("%d of %v, want %d", got, tt.list, tt.want)
		}
		if title, _ := healthyWords(k); strings.Contains(title, "without a word") != (tt.want > 0) {
			t.Errorf("%d: %q", tt.want, title)
		}
	}
}

// That connections are sent to another host is told where that one was seen; where the NAT of this
// machine changed ports, it was not.
func TestTranslated(t *testing.T) {
	for by, want := range map[string]string{"": "", "192.0.2.9:8080": "sends them to 192.0.2.9:8080", "0.0.0.0:0": "changes the ports"} {
		k := newKnowledge(&Config{Addrs: []Address{{}}})
		answered := Trial{Kind: SYN, Outcome: SYNACK}
		if by != "" {
			answered.Reply.Translator = netip.MustParseAddrPort(by)
		}
		k.add([]Trial{answered})
		title, _ := healthyWords(k)
		if !strings.Contains(title, want) || (title == "") != (want == "") {
			t.Errorf("%q: %q", by, title)
		}
		if to := k.translated(); to.IsValid() != strings.Contains(want, "to ") {
			t.Errorf("%q: %v", by, to)
		}
	}
}

// What there is one of is not several.
func TestCountOf(t *testing.T) {
	for n, want := range map[int]string{0: "0 SYNs", 1: "1 SYN", 2: "2 SYNs"} {
		if got := countOf(n, "SYN"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	d := Discarded{ACKs: 1, RSTs: 2}
	d.Add(Discarded{Errors: 1})
	if got, want := d.String(), "1 ACK without a number of ours, 2 RSTs without a number of ours, 1 ICMP error beside the answer ignored"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
