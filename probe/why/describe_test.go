package why

import "testing"

// A fact and what was found about it are one sentence.
func TestFactsAreSentences(t *testing.T) {
	for want, tc := range map[string]struct {
		fact Fact
		text string
	}{
		"source address cannot be used: no source address":                     {BadSource, "no source address"},
		"source address cannot be used":                                        {BadSource, ""},
		"interface down: eth0":                                                 {InterfaceDown, "eth0"},
		"gateway does not resolve on eth0":                                     {GatewayUnresolved, "on eth0"},
		"a router reported the host unreachable some seconds later: 192.0.2.1": {LateUnreachable, "192.0.2.1"},
	} {
		if got := describe([]Trial{{Kind: Local, Fact: tc.fact, Outcome: Yes, Reply: Reply{Text: tc.text}}}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
