package scan_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// after is a host in whose place something else answers after so many SYNs.
func after(syns int, host, then simnet.Host) simnet.Host {
	n := 0
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN {
			n++
		}
		if n <= syns {
			host.Respond(now, in, out)
		} else {
			then.Respond(now, in, out)
		}
	})
}

// Who begins to answer for a host in mid-scan, after whatever number of SYNs, is
// told of; a host that stays as it was is not, and nothing is asked twice of it in vain.
func TestAnswersThatChange(t *testing.T) {
	const ports = 300
	for _, tc := range []struct {
		name string
		then simnet.Host // nil: nothing changes
		want string
	}{
		{"banned by resets", simnet.Closed{}, "answers-changed"},
		{"banned by ICMP errors", probetest.Reject(3, 13), "answers-changed"},
		{"a SYN proxy steps in", probetest.Listener(), "answers-changed"},
		{"banned by silence", simnet.Dropped{}, "went-silent"},
		{"unchanged", nil, ""},
	} {
		for _, syns := range []int{30, 60, 150, 280} {
			synctest.Test(t, func(t *testing.T) {
				host := simnet.Host(everyTenth(ports))
				if tc.then != nil {
					host = after(syns, host, tc.then)
				}
				found, s, _ := world{Host: host, Config: over(0)}.scan(t, t.Context(),
					scan.Config{Targets: slices.Values(ranges(1, ports, target.Addr())), Rate: 1000, Canaries: true})
				codes := map[string]bool{}
				for _, f := range found.hosts[target.Addr()].Findings {
					codes[f.Code] = true
				}
				if tc.want != "" && !codes[tc.want] || tc.want == "" && len(codes) > 0 {
					t.Errorf("%s after %d SYNs: %v, want %q", tc.name, syns, codes, tc.want)
				}
				if tc.then == nil && s.Sent > ports+2 {
					t.Errorf("%s: %d SYNs for %d ports", tc.name, s.Sent, ports)
				}
				if l := found.hosts[target.Addr()].Loss; l.Unanswered > 0 && tc.want != "went-silent" {
					t.Errorf("%s after %d SYNs: %d of %d transmissions are said to be lost", tc.name, syns, l.Unanswered, l.Sent)
				}
				if s.Probes != ports || s.States[probe.StateUnknown] > 0 && tc.want != "went-silent" {
					t.Errorf("%s: %+v", tc.name, s)
				}
			})
		}
	}
}
