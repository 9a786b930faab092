package report

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/handshake"
)

// ladderRun is a run of one connection, its segments in tcpdump's notation.
func ladderRun(t *testing.T, o sink.Options, command string, lines ...string) string {
	t.Helper()
	var out strings.Builder
	w := sink.NewLineWriter(&out, "test")
	told := text.New(w, o)
	records := []record.Record{&record.Run{Command: command}}
	var f *handshake.Follower
	for i, line := range lines {
		s, err := craft.ParseSegment(line)
		if err != nil {
			t.Fatal(err)
		}
		s.TTL = 64
		if f == nil {
			f = handshake.NewFollower(s.Src, s.Dst, handshake.Context{})
		}
		l := f.Segment(time.Unix(1000, int64(i*i)*17_300_000), &s)
		records = append(records, record.NewSegment(&l))
	}
	r := f.Result()
	r.Clock = netraw.ClockKernel
	r.Data = nil
	if command != "send" {
		records = append(records, record.NewConnection("", &r))
	}
	records = append(records, record.NewSummary(&probe.Summary{
		Probes: 1, Sent: 4, Received: 3, Matched: 3, States: map[probe.State]uint64{r.State: 1}, Complete: true,
	}, time.Unix(1001, 0)))
	for _, one := range records {
		if err := told.Record(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := told.Close(); err != nil {
		t.Fatal(err)
	}
	w.Flush()
	return out.String()
}

var conversation = []string{
	"IP 192.0.2.1.40000 > 198.51.100.1.443: Flags [S], seq 4294967290, win 64240, options [mss 1460,sackOK,TS val 4294967295 ecr 0,nop,wscale 10], length 0",
	"IP 198.51.100.1.443 > 192.0.2.1.40000: Flags [S.], seq 2147483647, ack 4294967291, win 65160, options [mss 1360,sackOK,TS val 4000000000 ecr 4294967295,nop,wscale 7], length 0",
	"IP 192.0.2.1.40000 > 198.51.100.1.443: Flags [.], seq 4294967291, ack 2147483648, win 62, options [nop,nop,TS val 12 ecr 4000000000], length 0",
	"IP 192.0.2.1.40000 > 198.51.100.1.443: Flags [P.], seq 4294967291:1443, ack 2147483648, win 62, options [nop,nop,TS val 12 ecr 4000000000], length 1448",
	"IP 192.0.2.1.40000 > 198.51.100.1.443: Flags [P.], seq 4294967291:1443, ack 2147483648, win 62, options [nop,nop,TS val 12 ecr 4000000000], length 1448",
	"IP 198.51.100.1.443 > 192.0.2.1.40000: Flags [R.], seq 2147483648, ack 1443, win 0, length 0",
}

// TestLadder compares the ladder with the pictures in testdata; with
// UPDATE=1 in the environment it draws them anew.
func TestLadder(t *testing.T) {
	for name, got := range map[string]string{
		"ladder":        ladderRun(t, sink.Options{}, "handshake", conversation...),
		"ladder-colour": ladderRun(t, sink.Options{Colour: sink.Coloured}, "handshake", conversation...),
		"send":          ladderRun(t, sink.Options{}, "send", conversation[:2]...),
	} {
		path := filepath.Join("testdata", name+".golden")
		if os.Getenv("UPDATE") != "" {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
