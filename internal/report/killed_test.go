package report

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
)

// Wherever the output breaks off, what precedes is whole lines, unchanged, and
// no write but the last can have been torn.
func TestKilledAtAnyByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 11))
		w := &writes{}
		lines := rows.NewJSON(sink.NewLineWriter(w, "test"), sink.Options{})
		var want []string
		for range 25 {
			p := randomPort(r)
			want = append(want, string(rows.AppendJSON(nil, p)))
			if err := lines.Record(p); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(r.IntN(60)) * time.Millisecond)
		}
		lines.Close()
		for _, one := range w.all() {
			if !strings.HasSuffix(one, "\n") {
				t.Fatalf("a write ends within a line: %q", one)
			}
		}
		whole := strings.Join(w.all(), "")
		for end := range len(whole) + 1 {
			torn := strings.SplitAfter(whole[:end], "\n")
			for i, line := range torn[:len(torn)-1] {
				if strings.TrimSuffix(line, "\n") != want[i] || !json.Valid([]byte(line)) {
					t.Fatalf("killed at byte %d, line %d is %q", end, i, line)
				}
			}
		}
	})
}

// writes keeps each write apart.
type writes struct{ each []string }

func (w *writes) Write(b []byte) (int, error) {
	w.each = append(w.each, string(b))
	return len(b), nil
}

func (w *writes) all() []string { return slices.Clone(w.each) }
