package probe_test

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

	"synscope/probe/internal/probetest"

	"synscope/internal/capture"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/simnet"
)

// TestRecordingsSayTheSame holds what is read from the recording of a run against
// what the run itself said: the same packets cannot mean two things. What an engine
// knows by more than one connection may be unknown in each, and nothing else.
func TestRecordingsSayTheSame(t *testing.T) {
	probetest.Plain(t)
	for _, p := range peers() {
		for _, f := range families {
			if p.only != "" && p.only != f.name {
				continue
			}
			for _, e := range engines {
				if e.name == "stateless" || knowsMore(p, e) {
					continue
				}
				t.Run(p.name+"/"+f.name+"/"+e.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { compareRecording(t, p, f, e) })
				})
			}
		}
	}
}

// knowsMore tells a run that cannot be judged by its recording alone: one without
// state keeps no packets, a trace knows who rewrites what errors quote, and fragments
// of which the first proves nothing are put together by nobody but the reader. An
// answer to the SYN before the last is known by its number to who has sent both, and so is the
// SYN-ACK that a watch and a search for paths answer a bare SYN with, while others are under way; a FIN that acknowledges several SYNs
// of one port, as traces send them, is more than one answer to them alone.
// A peer that says the very same twice within 100 ms, or speaks for another
// connection in the midst of one, looks like something else.
func knowsMore(p peer, e engine) bool {
	switch e.name {
	case "trace", "watch", "paths":
		if rewritten[p.name] || strings.HasPrefix(p.name, "FIN-ACK") || e.name != "trace" && strings.HasPrefix(p.name, "SYN of somebody else, then") || e.name != "trace" && p.name == "simultaneous open" {
			return true
		}
	case "sample":
		if p.name == "RST, but after the timeout" || p.name == "simultaneous open" {
			return true
		}
	case "handshake":
		if p.name == "ACK of nothing, then genuine" {
			return true
		}
	}
	return p.name == "in fragments: SYN-ACK, the first of 8 bytes" || p.name == "in fragments: RST without ACK"
}

func compareRecording(t *testing.T, p peer, f family, e engine) {
	way := simnet.Path{Delay: 5 * time.Millisecond}
	n := simnet.New(simnet.Config{Out: way, Back: way})
	n.HandleAddr(f.target, p.host(f))
	conn := n.Conn(e.ports, simnet.WatchOutgoing())
	defer conn.Close()
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, capture.Application+" test", "")
	if err != nil {
		t.Fatal(err)
	}
	r := capture.NewRecorder(conn, w, time.Now)
	target := netip.AddrPortFrom(f.addr(), 80)
	said, err := e.ask(t.Context(), r, target)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	read := readBack(t, file.Bytes(), target)
	if why := read.contradicts(said); why != "" {
		t.Errorf("%s says %s (%s), and of its recording is read: %s: %s", e.name, said.state, said.reason, read, why)
	}
}

// reading is what was read of the connections to a port.
type reading []flow.Attempt

func (r *reading) Attempt(a *flow.Attempt) error { *r = append(*r, *a); return nil }
func (*reading) Segment(*flow.Segment) error     { return nil }

func readBack(t *testing.T, file []byte, target netip.AddrPort) (r reading) {
	t.Helper()
	c, err := capture.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	table := flow.NewTable(&r, flow.Config{Wanted: func(src, dst netip.AddrPort) bool { return src == target || dst == target }})
	tally, err := capture.FollowAll(context.Background(), []capture.Input{{Open: func() (*capture.Reader, error) { return c, nil }}}, table, nil)
	if err != nil || len(tally.Faults) > 0 {
		t.Fatal(err, tally.Faults)
	}
	return slices.DeleteFunc(r, func(a flow.Attempt) bool { return a.Target != target }) // a SYN of its own is another connection
}

func (r reading) String() string {
	var words []string
	for i := range r {
		a := &r[i]
		words = append(words, fmt.Sprintf("%s (%s) missing %v", a.State, a.Reason, a.Missing))
	}
	return strings.Join(words, ", ")
}

func (r reading) count(s probe.State) (n int) {
	for i := range r {
		if r[i].State == s {
			n++
		}
	}
	return n
}

// contradicts tells what was read that the engine did not say, or the reverse.
func (r reading) contradicts(said answer) string {
	open, refused, silent := r.count(probe.StateOpen), r.count(probe.StateRefused), 0
	for i := range r {
		if r[i].Reason == probe.ReasonNoResponse {
			silent++
		}
		if said.reason != probe.ReasonNoResponse && r[i].Reason == probe.ReasonUnverifiedReset && said.state == probe.StateFiltered {
			refused-- // an error came to another of its SYNs
		}
		if len(r[i].Missing) > 0 {
			return "nothing is missing"
		}
	}
	switch {
	case len(r) == 0:
		return "no connection"
	case said.state == probe.StateOpen && open == 0:
		return "none is open"
	case said.state != probe.StateOpen && open > 0:
		return "one is open"
	case said.state == probe.StateRefused && refused == 0:
		return "none is refused"
	case said.state == probe.StateFiltered && refused > 0:
		return "one is refused"
	case said.state == probe.StateFiltered && said.reason != probe.ReasonNoResponse && silent == len(r):
		return "nothing was heard"
	case said.reason != probe.ReasonNoResponse && !slices.ContainsFunc(r, func(a flow.Attempt) bool { return a.Reason == said.reason }):
		return "none is so for that reason"
	}
	return ""
}
