package spelling

import "testing"

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
