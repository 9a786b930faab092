package evaluate

import (
	"math/rand/v2"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Samples that somebody else took, by other plans, with columns missing, rows
// shuffled, strangers and other people's connections among them, are told as well
// as somebody could who knows what there is to choose from, and hardly ever
// wrongly with confidence.
func TestForeignPlans(t *testing.T) {
	t.Parallel()
	first := FirstSeed()
	t.Logf("first seed %d; with %s set, 20,000 hosts", first, Long)
	var all Tally
	for i := range Many(150, 20_000) {
		f := DrawForeign(first+uint64(2*i), time.Duration(300+i%3*2000)*time.Microsecond)
		all.Add(&f)
		if r := f.Report; !f.Right() && (r.Class != isn.ClassUnknown && r.Confidence >= 0.9 || f.Knowable()) {
			t.Log(&f)
		}
	}
	t.Log(&all)
	if all.Sure > 2+all.Hosts/200 {
		t.Errorf("%d of %d wrong at 0.9 or more", all.Sure, all.Hosts)
	}
	ratio, mean, share := all.Ratio(), all.Mean(), all.Share()
	if ratio < 0.95 {
		t.Errorf("right in %.4f of what an oracle could tell", ratio)
	}
	if d := mean - share; d > 0.05 || d < -0.06 {
		t.Errorf("mean confidence %.3f, right %.3f", mean, share)
	}
}

// More rows never make an answer worse: what is told from half of the samples is
// told from all of them.
func TestMoreRowsAreNoWorse(t *testing.T) {
	t.Parallel()
	first := FirstSeed()
	t.Logf("first seed %d", first)
	worse, hosts := 0, Many(10, 1000)
	for i := range hosts {
		rng := rand.New(rand.NewPCG(first+uint64(2*i), 4))
		host := foreignHost(rng)
		samples := simhost.Sample(isn.Plan{Steps: twice(isn.NewPlan(isn.PlanConfig{Addresses: 2}).Steps), Quick: true}, host,
			simhost.DrawPath(300*time.Microsecond, rng), rng)
		half := isn.Analyze(samples[:len(samples)/2], isn.Options{})
		whole := isn.Analyze(samples, isn.Options{})
		if half.Class == host.Truth.Class && whole.Class != host.Truth.Class {
			worse++
			t.Logf("seed %d: %s %s: %s %.3f of %d rows, %s %.3f of %d", first+uint64(2*i), host.Truth.Class, host.Truth.Kind,
				half.Class, half.Confidence, half.Samples, whole.Class, whole.Confidence, whole.Samples)
		}
	}
	if worse > hosts/200 {
		t.Errorf("%d of %d hosts are told worse from twice the rows", worse, hosts)
	}
}

// twice carries a plan out again, on the same tuples.
func twice(list []isn.Step) []isn.Step { return append(list[:len(list):len(list)], list...) }

// The oracle sees what the layout can show: two rows of a clock show no clock.
func TestOracleNeedsSamples(t *testing.T) {
	f := DrawForeign(5, time.Millisecond)
	f.Truth.Class, f.Truth.Hz, f.Plan = isn.ClassTupleClock, 1e6, "mixed series"
	f.Samples = f.Samples[:2]
	if f.Knowable() {
		t.Error("two samples are enough for the oracle")
	}
	f.Samples = nil
	for i := range 40 {
		at := int64(i*i) * 1e7
		f.Samples = append(f.Samples, isn.Sample{SrcPort: isn.Some(uint16(i % 4)), ClientISN: isn.Some(craft.Seq(i)),
			Sent: isn.Some(at), Received: isn.Some(at + 1e6), ISN: isn.Some(craft.Seq(i))})
	}
	f.Outliers, f.Missing = 0, ""
	if !f.Knowable() {
		t.Error("forty samples on four tuples are not")
	}
}
