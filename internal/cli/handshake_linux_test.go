package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

func ofType(list []jsonRecord, kind string) []jsonRecord {
	return slices.DeleteFunc(slices.Clone(list), func(r jsonRecord) bool { return r["type"] != kind })
}

// TestHandshakeExitCodes: what scripts rely on.
func TestHandshakeExitCodes(t *testing.T) {
	l := standardLab(t)
	for line, want := range map[string]int{
		"hs web:80":                                     exitYes,
		"handshake web:81":                              exitNo,
		"hs web:80 web:81":                              exitYes,
		"hs web:81 --expect refused":                    exitYes,
		"hs web:80 --expect refused":                    exitNo,
		"hs fortress:80 --timeout 50ms --max-retries 0": exitNo,
		"hs fortress:80 --timeout 50ms --max-retries 0 --expect filtered": exitYes,
		"hs web":                                                            exitUsage,
		"hs web:80 --close softly":                                          exitUsage,
		"hs web:80 --withhold tea":                                          exitUsage,
		"hs web:80 --data-on lunch":                                         exitUsage,
		"hs web:80 --data-on syn":                                           exitUsage,
		"hs web:80 --data @/does/not/exist":                                 exitUsage,
		"hs web:80 --repeat 0":                                              exitUsage,
		"hs web:80 --engine connect":                                        exitUsage,
		"send web:80 --flags S":                                             exitYes,
		"send web:80 --flags S --expect S. --timeout 200ms":                 exitYes,
		"send web:80 --flags S --expect R. --timeout 200ms":                 exitNo,
		"send web:81 --flags S --expect R. --timeout 200ms":                 exitYes,
		"send web:80 --flags A --seq 5 --ack 77 --expect R --timeout 200ms": exitYes,
		"send web:80 --flags none --expect silence --timeout 100ms":         exitYes,
		"send reject:80 --flags S --expect icmp --timeout 100ms":            exitNo,
		"send far:8013 --flags S --opt mss=1460,sack,ts,wscale=7 --expect icmp --timeout 200ms": exitYes,
		"send web:80 --flags QX":          exitUsage,
		"send web:80 --opt mss=seventeen": exitUsage,
		"send web:80 --seq 4294967296":    exitUsage,
		"send web:80 --win 70000":         exitUsage,
		"send web:80 --expect maybe":      exitUsage,
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := command(t.Context(), l, strings.Fields(line)...)
			if got.code != want {
				t.Errorf("exit %d, want %d\n%s%s", got.code, want, got.out, got.err)
			}
			if want == exitUsage && (got.err == "" || got.out != "") {
				t.Errorf("said %q and %q", got.out, got.err)
			}
		})
	}
}

// TestOneTargetOfMany: what keeps this machine from one target ends no run, and
// is said once; what was expected and what was found is said in one line.
func TestOneTargetOfMany(t *testing.T) {
	l := standardLab(t)
	for line, want := range map[string]struct {
		code int
		says []string // on standard error, one line each
	}{
		"hs 203.0.113.9:80 web:80":                                 {exitYes, []string{"203.0.113.9"}},
		"hs 203.0.113.9:80 203.0.113.8:80":                         {exitUnable, []string{"203.0.113.9", "203.0.113.8"}},
		"hs web:80 web:81 --expect refused":                        {exitNo, []string{":80: expected refused, found open (syn-ack)"}},
		"send 203.0.113.9:80 web:80 --timeout 200ms":               {exitYes, []string{"203.0.113.9"}},
		"send 203.0.113.9:80":                                      {exitUnable, []string{"203.0.113.9"}},
		"send web:80 web:81 --flags S --expect S. --timeout 200ms": {exitNo, []string{":81: expected S., found R."}},
		"send web:80 --flags S --expect silence --timeout 200ms":   {exitNo, []string{":80: expected silence, found S."}},
		"send web:80 --flags none --expect S. --timeout 100ms":     {exitNo, []string{":80: expected S., found silence"}},
		"hs web:80 --max-bytes -1":                                 {exitUsage, []string{"--max-bytes"}},
		"hs web:80 --max-time never":                               {exitUsage, []string{"--max-time"}},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got := command(t.Context(), l, strings.Fields(line)...)
			lines := strings.Split(strings.TrimSpace(got.err), "\n")
			if got.code != want.code || len(lines) != len(want.says) {
				t.Fatalf("exit %d, want %d: %q", got.code, want.code, lines)
			}
			for i, word := range want.says {
				if !strings.Contains(lines[i], word) {
					t.Errorf("line %d is %q, want %q", i, lines[i], word)
				}
			}
		})
	}
}

// TestHandshakeRecords: a segment record for each rung, a handshake record for
// each connection, fields by the names and types of the contract.
func TestHandshakeRecords(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	got := command(t.Context(), l, "hs", "web:80", "web:81", "--repeat", "2", "-o", "json")
	list := records(t, got.out)
	if first, last := list[0]["type"], list[len(list)-1]["type"]; first != "run" || last != "summary" {
		t.Errorf("from %v to %v", first, last)
	}
	segments, connections := ofType(list, "segment"), ofType(list, "handshake")
	if len(connections) != 4 || len(segments) < 2*6+2*2 {
		t.Fatalf("%d connections, %d segments\n%s", len(connections), len(segments), got.out)
	}
	syn, open := segments[0], connections[0]
	if syn["dir"] != "out" || syn["flags"] != "S" || syn["local_state"] != "SYN_SENT" || syn["peer_state"] != nil {
		t.Errorf("first segment %v", syn)
	}
	if open["state"] != "open" || open["reason"] != "syn-ack" || open["target"] != "web:80" || open["rtt_clock"] != "kernel" {
		t.Errorf("connection %v", open)
	}
	if agreed := open["negotiated"].(map[string]any); agreed["mss"] != 1460.0 || agreed["sack"] != true || agreed["ts"] != true {
		t.Errorf("negotiated %v", agreed)
	}
	if refused := connections[2]; refused["state"] != "refused" || refused["negotiated"] != nil || refused["close"] != nil {
		t.Errorf("refused connection %v", refused)
	}
	if s := list[len(list)-1]; s["probes"] != 4.0 || s["complete"] != true || fmt.Sprint(s["states"]) != "map[open:2 refused:2]" {
		t.Errorf("summary %v", s)
	}
}

// TestHandshakeFastOpen: with --tfo and data on the SYN the cookie is fetched
// by a connection of its own.
func TestHandshakeFastOpen(t *testing.T) {
	l := standardLab(t)
	got := command(t.Context(), l, "hs", "web:80", "--tfo", "--data", "x", "--data-on", "syn", "-o", "json")
	if n := len(ofType(records(t, got.out), "handshake")); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// TestHandshakeInterrupted: what was seen is written, and the code says that it
// was cut short.
func TestHandshakeInterrupted(t *testing.T) {
	l := standardLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &countdown{left: 3, done: cancel} // the run, its SYN and the SYN-ACK
	s := Streams{In: strings.NewReader(""), Out: out, Err: io.Discard, Env: bareEnv, Resolver: labNames{l}}
	code := Main(ctx, []string{"synscope", "hs", "web:80", "--withhold", "synack-ack", "-o", "json"}, s)
	list := records(t, out.String())
	if code != exitInterrupted || len(ofType(list, "handshake")) != 1 || list[len(list)-1]["complete"] != false {
		t.Errorf("exit %d\n%s", code, out)
	}
	last := ofType(list, "segment")
	if s := last[len(last)-1]; s["flags"] != "R" || s["dir"] != "out" {
		t.Errorf("last segment %v", s)
	}
}

// TestDryRunOfSegments needs no lab: nothing is opened.
func TestDryRunOfSegments(t *testing.T) {
	for line, want := range map[string]string{
		"send 192.0.2.7:80 --dry-run --flags SA --seq 1000 --ack 2000 --win 512 --opt mss=1460 -g 4000": "IP 0.0.0.0.4000 > 192.0.2.7.80: Flags [S.], seq 1000, ack 2000, win 512, options [mss 1460], length 0\n",
		"send [2001:db8::1]:80 --dry-run --flags F --seq 0xff --data hello\\r\\n":                       "IP6 ::.0 > 2001:db8::1.80: Flags [F], seq 255:262, win 65535, length 7\n",
	} {
		if got := command(t.Context(), nil, strings.Fields(line)...); got.out != want || got.code != exitYes {
			t.Errorf("%s: exit %d, %q, want %q\n%s", line, got.code, got.out, want, got.err)
		}
	}
	if got := command(t.Context(), nil, "hs", "192.0.2.7:80", "--dry-run", "--ecn"); !strings.Contains(got.out, "Flags [SEW]") {
		t.Errorf("%q %s", got.out, got.err)
	}
}

// A watch that ends before the first repetition says nothing of the peer, and that
// is said.
func TestWatchTooShort(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	r := command(t.Context(), l, "hs", "-4", "web:80", "--withhold", "synack-ack", "--watch", "300ms")
	if r.code != exitYes || !strings.Contains(r.err, "watched for 300ms, too short to tell") {
		t.Errorf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
	r = command(t.Context(), l, "hs", "-4", "-q", "web:80", "--withhold", "synack-ack", "--watch", "300ms")
	if r.err != "" {
		t.Errorf("-q: %s", r.err)
	}
}
