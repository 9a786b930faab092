package craft_test

import (
	"testing"

	"synscope/craft"
)

func TestSeqOrder(t *testing.T) {
	tests := []struct {
		a, b     craft.Seq
		less     bool
		distance int32
	}{
		{0, 1, true, -1},
		{1, 0, false, 1},
		{5, 5, false, 0},
		{0xffffffff, 0, true, -1},
		{0, 0xffffffff, false, 1},
		{0x7fffffff, 0xfffffffe, true, -0x7fffffff},
		{0xfffffff0, 0x10, true, -0x20},
		{0, 0x80000000, true, -0x80000000},
		{0x80000000, 0, true, -0x80000000},
	}
	for _, tt := range tests {
		if got := tt.a.LessThan(tt.b); got != tt.less {
			t.Errorf("%#x.LessThan(%#x) = %v", uint32(tt.a), uint32(tt.b), got)
		}
		if got := tt.a.LessThanEq(tt.b); got != (tt.less || tt.a == tt.b) {
			t.Errorf("%#x.LessThanEq(%#x) = %v", uint32(tt.a), uint32(tt.b), got)
		}
		if got := tt.a.Sub(tt.b); got != tt.distance {
			t.Errorf("%#x.Sub(%#x) = %d, want %d", uint32(tt.a), uint32(tt.b), got, tt.distance)
		}
	}
}

func TestSeqRange(t *testing.T) {
	tests := []struct {
		s, a, b craft.Seq
		want    bool
	}{
		{5, 5, 6, true},
		{6, 5, 6, false},
		{4, 5, 6, false},
		{5, 5, 5, false},
		{0, 0xfffffff0, 0x10, true},
		{0x10, 0xfffffff0, 0x10, false},
		{0xffffffef, 0xfffffff0, 0x10, false},
		{0xc0000000, 0, 0xf0000000, true},
	}
	for _, tt := range tests {
		if got := tt.s.InRange(tt.a, tt.b); got != tt.want {
			t.Errorf("%#x.InRange(%#x, %#x) = %v", uint32(tt.s), uint32(tt.a), uint32(tt.b), got)
		}
		if got := tt.s.InWindow(tt.a, uint32(tt.b-tt.a)); got != tt.want {
			t.Errorf("%#x.InWindow(%#x, %d) = %v", uint32(tt.s), uint32(tt.a), tt.b-tt.a, got)
		}
	}
}

func TestSeqSubUndoesAdd(t *testing.T) {
	r := newRand(t)
	for range 10000 {
		s, n := craft.Seq(edge32(r)), edge32(r)
		if got := s.Add(n).Sub(s); got != int32(n) {
			t.Fatalf("%d.Add(%d).Sub(%d) = %d", s, n, s, got)
		}
	}
}
