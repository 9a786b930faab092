package probetest

import (
	"slices"

	"synscope/probe"
)

// Required is the code of what answers nothing but retransmitted SYNs.
const Required = "syn-retransmission-required"

// Codes are those of findings.
func Codes(list []probe.Finding) (codes []string) {
	for _, f := range list {
		codes = append(codes, f.Code)
	}
	return codes
}

// Found tells whether one of the findings has the code.
func Found(list []probe.Finding, code string) bool { return slices.Contains(Codes(list), code) }
