package wire

import (
	"testing"

	"synscope/craft"
	"synscope/probe"
)

// Each attempt of a probe may be challenged, and asked for smaller packets; the
// record says each of that once, by the evidence of the first.
func TestFindingsOfSeveralAttempts(t *testing.T) {
	s := &Transmission{}
	for ack := range 3 {
		s.Outcome.noticed, s.Outcome.stale = noticedChallenge|noticedPathMTU, 100+craft.Seq(ack)
		s = s.Retransmission()
	}
	got := s.Outcome.Annotate(probe.Verdict{Findings: s.Noted}).Findings
	if len(got) != 2 || got[0].Code != "challenge-ack" || got[0].Evidence != "ack 100" || got[1].Code != "path-mtu" {
		t.Errorf("%+v", got)
	}
}
