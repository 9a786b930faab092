package spelling

import (
	"slices"
	"testing"
)

func TestHint(t *testing.T) {
	known := []string{"port", "state", "reason", "rtt_ns", "at", "tuple-random-increment"}
	for word, want := range map[string]string{
		"stat": `did you mean "state"?`, "Port": `did you mean "port"?`, "prot": `did you mean "port"?`, "tuple-random-incrment": `did you mean "tuple-random-increment"?`,
		"rtt": "there are at, port, reason, rtt_ns, state, tuple-random-increment",
		"xy":  "there are at, port, reason, rtt_ns, state, tuple-random-increment",
	} {
		if got := Hint(word, known); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	if got := Nearest("htps", []string{"ftps", "https", "http", "hpts"}); got != "https" {
		t.Errorf("htps: %s", got)
	}
	if got := Nearest("", known); got != "" {
		t.Errorf("nothing is like %q", got)
	}
}

func TestAlike(t *testing.T) {
	known := []string{"reset", "unverified-reset", "refused", "syn-ack", "synack-retransmissions", "reset"}
	for word, want := range map[string][]string{
		"rest": {"reset"}, "reset": {"reset", "unverified-reset"}, "nothing": {}, "syn-akc": {"syn-ack"},
	} {
		if got := Alike(word, known, 2); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", word, got, want)
		}
	}
	if got := Question("a", "b"); got != `did you mean "a" or "b"?` {
		t.Error(got)
	}
}
