package nmap

import "testing"

// The words are nmap 7.93's.
func TestNmapDifficulty(t *testing.T) {
	for index, want := range map[int]string{
		0: "Trivial joke", 2: "Trivial joke", 3: "Easy", 5: "Easy", 6: "Medium", 10: "Medium",
		11: "Formidable", 12: "Worthy challenge", 15: "Worthy challenge", 16: "Good luck!", 262: "Good luck!",
	} {
		if got := nmapDifficulty(index); got != want {
			t.Errorf("%d: %s, want %s", index, got, want)
		}
	}
}
