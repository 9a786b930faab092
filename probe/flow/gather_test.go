package flow_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"synscope/internal/capture"
	"synscope/probe/flow"
)

// gathered is a sink that keeps everything.
type gathered struct {
	attempts []flow.Attempt
	segments []flow.Segment
}

func (g *gathered) Attempt(a *flow.Attempt) error {
	g.attempts = append(g.attempts, *a)
	return nil
}

func (g *gathered) Segment(s *flow.Segment) error {
	kept := *s
	if s.Segment != nil {
		seg := *s.Segment
		seg.Options, seg.Payload = bytes.Clone(seg.Options), bytes.Clone(seg.Payload)
		kept.Line.Segment = &seg
	}
	g.segments = append(g.segments, kept)
	return nil
}

// follow puts a capture through a table.
func follow(t testing.TB, file io.Reader, cfg flow.Config, sink flow.Sink) flow.Counts {
	t.Helper()
	r, err := capture.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	table := flow.NewTable(sink, cfg)
	var p capture.Packet
	for err = r.Next(&p); err == nil; err = r.Next(&p) {
		ip, err := p.Strip()
		if err != nil {
			continue
		}
		in := flow.Packet{Number: p.Number, Time: p.Time, Data: ip, Interface: p.Interface, Direction: flow.Direction(p.Direction)}
		if err := table.Add(&in); err != nil {
			t.Fatal(err)
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	return table.Counts()
}

// followPackets is follow for a made-up capture, with every segment.
func followPackets(t testing.TB, packets []stamped) (*gathered, flow.Counts) {
	t.Helper()
	g := &gathered{}
	counts := follow(t, bytes.NewReader(pcapFile(packets)), flow.Config{Segments: true}, g)
	return g, counts
}

func followFile(t testing.TB, path string) (*gathered, flow.Counts) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	g := &gathered{}
	return g, follow(t, file, flow.Config{Segments: true}, g)
}
