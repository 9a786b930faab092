package why_test

import (
	"slices"
	"testing"

	"synscope/probe/why"
	"synscope/probe/why/internal/world"
)

// TestCausesAreWhole: every cause says what to do about it, and has scenes to be found in.
func TestCausesAreWhole(t *testing.T) {
	seen := map[why.Code]bool{}
	for _, c := range why.Causes() {
		if seen[c.Code] {
			t.Errorf("%s is there twice", c.Code)
		}
		seen[c.Code] = true
		if c.Title == "" || c.Advice == "" || c.Prior <= 0 || c.Variants == nil || c.Commands == nil {
			t.Errorf("%s says too little: %+v", c.Code, c)
		}
		if c.Code != why.Unknown && !slices.Contains(world.Codes(), c.Code) {
			t.Errorf("%s has no fault in internal/world", c.Code)
		}
	}
	for _, code := range world.Codes() {
		if !seen[code] {
			t.Errorf("no cause is %s", code)
		}
	}
}
