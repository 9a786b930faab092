package text

import (
	"testing"

	"synscope/probe/handshake"
)

// What nobody has seen whole is unknown, and not nothing.
func TestNegotiatedWords(t *testing.T) {
	for want, n := range map[string]handshake.Negotiated{
		"nothing":                    {},
		"unknown":                    {Partial: true},
		"mss 1460":                   {MSS: 1460, Partial: true},
		"mss 1460, SACK, timestamps": {MSS: 1460, SACK: true, Stamps: true},
	} {
		if got := negotiatedWords(&n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
