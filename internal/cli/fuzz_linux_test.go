package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/capture"
)

// seedCapture is a small capture, as seed.
func seedCapture(f *testing.F, lines ...string) []byte {
	var b bytes.Buffer
	w, err := capture.NewWriter(&b, "fuzz", "")
	if err != nil {
		f.Fatal(err)
	}
	at := time.Unix(1700000000, 0)
	for i, line := range lines {
		s, err := craft.ParseSegment(line)
		if err != nil {
			f.Fatal(err)
		}
		s.TTL = 64
		packet, err := s.AppendTo(nil)
		if err != nil {
			f.Fatal(err)
		}
		p := capture.Packet{Time: at.Add(time.Duration(i) * time.Millisecond), Data: packet}
		if err := w.Write(&p); err != nil {
			f.Fatal(err)
		}
	}
	w.Close(at, at, 0)
	return b.Bytes()
}

// seeds are connections in captures.
func seeds(f *testing.F) {
	f.Add(seedCapture(f,
		"IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 100, win 64240, options [mss 1460], length 0",
		"IP 10.0.0.2.80 > 10.0.0.1.40000: Flags [S.], seq 900, ack 101, win 65160, options [mss 1460], length 0",
		"IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [.], seq 101, ack 901, win 502, length 0",
		"IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [F.], seq 101, ack 901, win 502, length 0",
		"IP 10.0.0.2.80 > 10.0.0.1.40000: Flags [R.], seq 901, ack 102, win 0, length 0"))
	f.Add([]byte("isn,sport,sent_ns\n1,2,3\n5,2,9\n7,3,11\n"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
}

// fed runs a command over standard input, and holds it to its contract: an exit
// code, a sentence or a summary, and whole records.
func fed(t *testing.T, input []byte, line string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	s := Streams{In: bytes.NewReader(input), Out: &out, Err: &errs, Env: bareEnv}
	code := Main(ctx, append([]string{"synscope"}, strings.Fields(line)...), s)
	if code < exitYes || code > exitInterrupted || code == exitUnable || ctx.Err() != nil {
		t.Errorf("exit %d: %.300s", code, &errs)
	}
	if code == exitUsage && errs.Len() == 0 {
		t.Error("a wrong file, and no word about it")
	}
	last := ""
	for l := range bytes.Lines(out.Bytes()) {
		var r struct{ Type string }
		if err := json.Unmarshal(l, &r); err != nil {
			t.Fatalf("%v in %.300q", err, l)
		}
		last = r.Type
	}
	if out.Len() > 0 && last != "summary" {
		t.Errorf("the last record is %q", last)
	}
}

// FuzzRead reads whatever is called a capture, from a pipe to the records.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { fed(t, b, "read -o json --segments -") })
}

// FuzzISNFrom analyses whatever is called samples, or a capture.
func FuzzISNFrom(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) { fed(t, b, "isn -o json --from -") })
}
