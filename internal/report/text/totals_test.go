package text

import (
	"strings"
	"testing"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
)

// Whatever the command, connections that stay half open are told of, once, unless
// results alone are wanted.
func TestHalfOpenConnectionsAreToldOfOnce(t *testing.T) {
	for _, command := range []string{"scan", "scan -sn", "ping", "handshake", "send", "isn", "trace", "why", "check"} {
		for _, quiet := range []bool{false, true} {
			var out strings.Builder
			s := New(sink.NewLineWriter(&out, "out"), sink.Options{Quiet: quiet, HostList: command == "scan -sn"})
			for _, r := range []record.Record{
				&record.Run{Command: strings.Fields(command)[0]},
				&record.Summary{Probes: 1, ResetsLost: record.Some(uint64(2)), Complete: true},
			} {
				if err := s.Record(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			want := map[bool]int{false: 1}[quiet]
			if got := strings.Count(out.String(), "warning: 2 connections stayed half open"); got != want {
				t.Errorf("%s: told %d times, want %d:\n%s", command, got, want, out.String())
			}
		}
	}
}
