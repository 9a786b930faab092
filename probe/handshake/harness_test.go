package handshake

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/simnet"
)

// The peer of every test in memory, 10 ms apart each way.
const simHost = "198.51.100.1"

var simTarget = netip.MustParseAddrPort(simHost + ":80")

// counter is a source of randomness without any: ISNs of 0, 1, 2.
type counter struct{ n byte }

func (c *counter) Read(b []byte) (int, error) {
	clear(b)
	b[3] = c.n
	c.n++
	return len(b), nil
}

// scene is one run in memory.
type scene struct {
	host      simnet.Host
	seed      uint64
	out       simnet.Path
	back      simnet.Path
	cfg       Config
	blind     bool                     // own departures are not shown
	sendError error                    // of every packet
	after     func(context.CancelFunc) // runs beside the session
}

// outcome is what a scene came to.
type outcome struct {
	result Result
	err    error
	lines  []string
	wire   []string // what passed our end, in tcpdump's notation
	took   time.Duration
}

// play runs a scene in virtual time.
func (s scene) play(t *testing.T) (o outcome) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { o = s.run(t) })
	return o
}

func (s scene) run(t *testing.T) (o outcome) {
	var wire simnet.Transcript
	s.out.Delay += 10 * time.Millisecond
	s.back.Delay += 10 * time.Millisecond
	n := simnet.New(simnet.Config{
		Out: s.out, Back: s.back, Observe: wire.Observe, Seed: s.seed,
		SendError: func([]byte) error { return s.sendError },
	})
	n.HandleAddr(simHost, s.host)
	var options []simnet.Option
	if !s.blind {
		options = append(options, simnet.WatchOutgoing())
	}
	conn := n.Conn(1, options...)
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if s.after != nil {
		go s.after(cancel)
	}
	s.cfg.Target = simTarget
	if s.cfg.Random == nil {
		s.cfg.Random = &counter{}
	}
	start := time.Now()
	s.cfg.OnSegment = func(l Line) { o.lines = append(o.lines, lineText(start, l)) }
	o.result, o.err = Run(ctx, conn, s.cfg)
	o.took = time.Since(start)
	time.Sleep(100 * time.Millisecond) // what was sent last arrives
	conn.Stats()
	o.wire = wire.Lines()
	return o
}

// lineText is a rung of the ladder for comparisons.
func lineText(start time.Time, l Line) string {
	if l.ICMP != nil {
		return fmt.Sprintf("%.3f < ICMP %d/%d %s|%s", l.Time.Sub(start).Seconds(), l.ICMP.Type, l.ICMP.Code, l.Client, l.Server)
	}
	arrow := ">"
	if l.From == Server {
		arrow = "<"
	}
	text := fmt.Sprintf("%.3f %s [%s] %d:%d len %d %s|%s", l.Time.Sub(start).Seconds(), arrow, l.Segment.Flags,
		l.Seq, l.Ack, len(l.Segment.Payload), l.Client, l.Server)
	if n := l.Notes.String(); n != "" {
		text += " (" + n + ")"
	}
	return text
}

func script(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func codes(r *Result) (list []string) {
	for _, f := range r.Findings {
		list = append(list, f.Code)
	}
	return list
}

func has(r *Result, code string) bool { return slices.Contains(codes(r), code) }

// find returns a finding of a result.
func find(t *testing.T, r *Result, code string) probe.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Code == code {
			return f
		}
	}
	t.Fatalf("no finding %q among %v", code, codes(r))
	return probe.Finding{}
}

func filler(n int) []byte { return bytes.Repeat([]byte("x"), n) }

func minimal() craft.Profile {
	p, err := craft.ProfileByName("minimal")
	if err != nil {
		panic(err)
	}
	return p
}

func routeOf(source string) netraw.Route {
	return netraw.Route{Source: netip.MustParseAddr(source), MTU: 1500}
}
