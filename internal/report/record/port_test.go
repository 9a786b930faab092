package record

import (
	"errors"
	"testing"

	"synscope/probe"
)

// What this machine did not let out is one finding, whoever says it first.
func TestAFindingStandsOnce(t *testing.T) {
	refused := probe.Verdict{
		State: probe.StateFiltered, Reason: probe.ReasonLocalFirewall, Err: errors.New("operation not permitted"),
		Findings: []probe.Finding{{Code: string(probe.ReasonLocalFirewall), Evidence: "operation not permitted"}},
	}
	noRoute := probe.Verdict{Reason: probe.ReasonNoRoute, Err: errors.New("no way there"), Findings: []probe.Finding{{Code: "path-mtu"}}}
	for want, v := range map[int]probe.Verdict{1: refused, 2: noRoute} {
		if got := NewPort("", &v).Findings; len(got) != want {
			t.Errorf("%v: findings %+v", v.Reason, got)
		}
	}
}
