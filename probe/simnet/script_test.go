package simnet

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"synscope/craft"
)

// The two ends of every script, 10 ms apart each way.
const (
	scriptHost = "198.51.100.1"
	scriptEnds = "IP 192.0.2.1.32768 > 198.51.100.1.80: Flags "
	scriptBack = "IP 198.51.100.1.80 > 192.0.2.1.32768: Flags "
	scriptWay  = 10 * time.Millisecond
)

// play sends the lines of a transcript marked ">" at their times, waits until
// the given time, and compares all that happened with the whole transcript.
// What every line has in common is left out.
func play(t *testing.T, host Host, until time.Duration, script string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var got Transcript
		way := Path{Delay: scriptWay}
		n := New(Config{Out: way, Back: way, Observe: got.Observe})
		n.HandleAddr(scriptHost, host)
		c := n.Conn(1)
		start := time.Now()
		want := scriptLines(script)
		for _, line := range want {
			sendLine(t, c, start, line)
		}
		time.Sleep(time.Until(start.Add(until)))
		c.Stats() // lets what is due at this very instant happen
		lines := got.Lines()
		for i, line := range lines {
			lines[i] = strings.NewReplacer(scriptEnds, "", scriptBack, "").Replace(line)
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("transcript (-want +got):\n%s", diff)
		}
	})
}

func scriptLines(script string) (lines []string) {
	for line := range strings.Lines(script) {
		line, _, _ = strings.Cut(line, "//")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func sendLine(t *testing.T, c *Conn, start time.Time, line string) {
	t.Helper()
	at, text, ok := strings.Cut(line, " > ")
	if !ok || strings.Contains(at, "<") {
		return
	}
	after, err := time.ParseDuration(at + "s")
	if err != nil {
		t.Fatal(err)
	}
	s, err := craft.ParseSegment(scriptEnds + text)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	time.Sleep(time.Until(start.Add(after)))
	send(t, c, s)
}

func send(t testing.TB, c *Conn, segments ...craft.Segment) {
	t.Helper()
	for i := range segments {
		s := &segments[i]
		if s.TTL == 0 {
			s.TTL = 64
		}
		s.Payload = make([]byte, len(s.Payload)) // ParseSegment knows its length only
		b, err := s.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send([][]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
}

// syn is a SYN from the Conn's first port.
func syn(c *Conn, target string, seq craft.Seq) craft.Segment {
	dst := netip.MustParseAddrPort(target)
	route, err := c.Route(dst.Addr())
	if err != nil {
		panic(fmt.Sprint(err))
	}
	return craft.Segment{
		Src: netip.AddrPortFrom(route.Source, c.Ports()[0]), Dst: dst,
		TTL: 64, Seq: seq, Flags: craft.SYN, Window: 1024,
	}
}
