package why

import (
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
