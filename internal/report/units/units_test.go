package units

import (
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestDuration(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0 ns"},
		{640, "640 ns"},
		{999, "999 ns"},
		{1000, "1.0 µs"},
		{6800, "6.8 µs"},
		{99_949, "99.9 µs"},
		{99_950, "100 µs"},
		{999_499, "999 µs"},
		{999_500, "1.0 ms"},
		{20_100 * time.Microsecond, "20.1 ms"},
		{250 * time.Millisecond, "250 ms"},
		{999_499_999, "999 ms"},
		{999_500_000, "1.0 s"},
		{12_400 * time.Millisecond, "12.4 s"},
		{59_949 * time.Millisecond, "59.9 s"},
		{59_950 * time.Millisecond, "1 m 00 s"},
		{125 * time.Second, "2 m 05 s"},
		{time.Hour - time.Millisecond, "1 h 00 m"},
		{62 * time.Minute, "1 h 02 m"},
		{24*time.Hour - time.Second, "1 d 00 h"},
		{76 * time.Hour, "3 d 04 h"},
		{-6800, "-6.8 µs"},
		{math.MinInt64, "-106751 d 23 h"},
		{math.MaxInt64, "106751 d 23 h"},
	}
	for _, test := range tests {
		if got := Duration(test.d); got != test.want {
			t.Errorf("Duration(%d) = %q, want %q", test.d, got, test.want)
		}
	}
}

// No rounding makes a duration wider than the column it was given, or "60 s".
func TestDurationKeepsToItsUnit(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 100_000 {
		d := time.Duration(math.Exp(r.Float64() * math.Log(float64(100*24*time.Hour))))
		got := Duration(d)
		if utf8.RuneCountInString(got) > 9 || strings.Contains(got, "60") && d > 59*time.Second && !strings.Contains(got, "d") {
			t.Fatalf("Duration(%d) = %q", d, got)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 999: "999", 1000: "1,000", 65530: "65,530", 1234567: "1,234,567", math.MaxUint64: "18,446,744,073,709,551,615",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for range 1000 {
		n := rand.Uint64() >> rand.IntN(64)
		if got := strings.ReplaceAll(Count(n), ",", ""); got != strconv.FormatUint(n, 10) {
			t.Fatalf("Count(%d) = %q", n, Count(n))
		}
	}
}

func TestRate(t *testing.T) {
	tests := []struct {
		pps  float64
		want string
	}{
		{0, "0 pps"}, {0.5, "0.5 pps"}, {9.96, "10 pps"}, {850, "850 pps"}, {999.4, "999 pps"}, {999.6, "1k pps"},
		{1500, "1.5k pps"}, {5290, "5.29k pps"}, {10_000, "10k pps"}, {50_000, "50k pps"}, {200_000, "200k pps"},
		{999_499, "999k pps"}, {999_500, "1M pps"}, {2e6, "2M pps"}, {1.25e6, "1.25M pps"}, {18e6, "18M pps"},
		{math.Inf(1), "max"}, {math.NaN(), "? pps"}, {-1, "? pps"},
	}
	for _, test := range tests {
		if got := Rate(test.pps); got != test.want {
			t.Errorf("Rate(%v) = %q, want %q", test.pps, got, test.want)
		}
	}
}

func TestFiner(t *testing.T) {
	for _, tc := range []struct {
		d, step time.Duration
		want    string
	}{
		{2_034_567, 10 * time.Microsecond, "2.03 ms"}, {2_034_567, time.Microsecond, "2.035 ms"},
		{2_034_567, time.Millisecond, "2.0 ms"}, {5_300, 100, "5.3 µs"}, {850, 10, "850 ns"},
		{1_500_000_000, 5_000_000, "1.500 s"}, {2 * time.Minute, time.Second, "2 m 00 s"}, {3_000_000, 0, "3.0 ms"},
	} {
		if got := Finer(tc.d, tc.step); got != tc.want {
			t.Errorf("Finer(%d, %d) = %q, want %q", tc.d, tc.step, got, tc.want)
		}
	}
}

// What is neither nothing nor all is not said to be.
func TestPercent(t *testing.T) {
	for share, want := range map[float64]string{0: "0 %", 1: "100 %", 0.0005: "0.05 %", 1e-9: "under 0.01 %", 0.99999: "over 99.99 %", 0.5: "50 %"} {
		if got := Percent(share); got != want {
			t.Errorf("%v: %q, want %q", share, got, want)
		}
	}
}
