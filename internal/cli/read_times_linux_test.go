package cli

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/capture"
)

// TestReadTimes: every format that tells of times tells of the capture's, not of
// the time at which it is read.
func TestReadTimes(t *testing.T) {
	for format, want := range map[string]string{
		"masscan": `"timestamp": "1700000000"`,
		"xml":     `<host starttime="1700000000" endtime="1700000000">`,
		"json":    `"start":"2023-11-14T22:13:20`,
		"csv":     "2023-11-14T22:13:20",
	} {
		r := readIt(t, captured(t), "-o", format)
		if !strings.Contains(strings.ReplaceAll(r.out, `"timestamp":"`, `"timestamp": "`), want) {
			t.Errorf("%s: exit %d, %s\n%s", format, r.code, r.err, r.out)
		}
	}
	r := readIt(t, captured(t), "-o", "zmap", "--fields", "saddr,timestamp_ts,timestamp_us")
	if r.code != exitYes || !strings.Contains(r.out, "192.0.2.2,1700000000,20000") {
		t.Errorf("zmap: exit %d, %s\n%s", r.code, r.err, r.out)
	}
}

// between is a capture at a router between the two ends, whose packets have the
// TTLs that they began with: the part to each end is the half of the way. The
// last segment has a stamp before the first.
func between(t *testing.T) []byte {
	t.Helper()
	client, server := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.2:80")
	at := time.Unix(1_700_000_000, 0)
	var packets []capture.Packet
	for _, s := range []struct {
		after time.Duration
		craft.Segment
	}{
		{0, craft.Segment{Src: client, Dst: server, Seq: 100, Flags: craft.SYN}},
		{10 * time.Millisecond, craft.Segment{Src: server, Dst: client, Seq: 900, Ack: 101, Flags: craft.SYN | craft.ACK}},
		{10 * time.Millisecond, craft.Segment{Src: client, Dst: server, Seq: 101, Ack: 901, Flags: craft.ACK}},
		{-time.Hour, craft.Segment{Src: client, Dst: server, Seq: 101, Ack: 901, Flags: craft.ACK | craft.PSH, Payload: []byte("late")}},
	} {
		at = at.Add(s.after)
		s.TTL, s.Window, s.ID = 64, 512, uint16(s.Seq)
		packets = append(packets, packetAt(t, at, s.Segment))
	}
	return pcapngOf(t, 0, packets...)
}

// TestReadBetween: a round trip is known wherever the capture was made.
func TestReadBetween(t *testing.T) {
	for _, by := range []string{"client", "server", "port"} {
		r := readIt(t, between(t), "-o", "json", "--summary-by", by)
		for _, g := range records(t, r.out) {
			if g.str("type") == "group" && g["p50_ns"] != 2e7 {
				t.Errorf("%s: %v", by, g["p50_ns"])
			}
		}
	}
}

// TestReadDamagedStamp: no time is negative.
func TestReadDamagedStamp(t *testing.T) {
	for _, args := range [][]string{{"-v"}, {"-o", "json", "--segments"}} {
		r := readIt(t, between(t), args...)
		if r.code != exitYes || strings.Contains(r.out, " -1h") || strings.Contains(r.out, `_ns":-`) || strings.Contains(r.out, "-59m") {
			t.Errorf("%v: exit %d, %s\n%s", args, r.code, r.err, r.out)
		}
	}
	if r := readIt(t, between(t), "-v"); !strings.Contains(r.out, "earlier") {
		t.Errorf("no word of the stamp:\n%s", r.out)
	}
}

// TestReadInterruptedEarly: an interrupt writes the summary also where nothing
// has come.
func TestReadInterruptedEarly(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	for format, want := range map[string]string{"text": "0 connection attempts in 0 packets", "json": `"fault":"interrupted"`} {
		ctx, cancel := context.WithCancel(t.Context())
		var text bytes.Buffer
		done := make(chan int)
		go func() {
			done <- Main(ctx, []string{"synscope", "read", "-o", format, "-"}, Streams{In: in, Out: &text, Err: io.Discard, Env: bareEnv})
		}()
		cancel()
		if code := <-done; code != exitInterrupted || !strings.Contains(text.String(), want) {
			t.Errorf("%s: exit %d\n%s", format, code, text.String())
		}
	}
}
