package sample

import (
	"math/rand/v2"
	"testing"

	"synscope/craft"
	"synscope/probe/isn"
)

// Numbers of which a NAT of this machine chose the tuples look random: a claim about tuples is
// withdrawn, one about all of them is not.
func TestPortsTranslated(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	for _, tt := range []struct {
		name       string
		isn        func(i int) craft.Seq
		relabelled bool
		want       isn.Class
	}{
		{"as they were sent", func(int) craft.Seq { return craft.Seq(chance.Uint32()) }, false, isn.ClassRandom},
		{"by ports of the NAT", func(int) craft.Seq { return craft.Seq(chance.Uint32()) }, true, isn.ClassUnknown},
		{"one number, by ports of the NAT", func(int) craft.Seq { return 7 }, true, isn.ClassConstant},
	} {
		r := Result{finished: true, relabelled: tt.relabelled, Planned: 24}
		for i := range r.Planned {
			r.Samples = append(r.Samples, isn.Sample{
				SrcPort: isn.Some(uint16(40000 + max(0, i-11))), ClientISN: isn.Some(craft.Seq(chance.Uint32())),
				Sent: isn.Some(int64(i) * 2e8), Received: isn.Some(int64(i)*2e8 + 5e4), ISN: isn.Some(tt.isn(i)),
			})
		}
		r.judge(false)
		told := false
		for _, f := range r.Report.Findings {
			told = told || f.Code == "ports-translated"
		}
		if r.Report.Class != tt.want || told != (tt.want == isn.ClassUnknown) {
			t.Errorf("%s: %v, findings %+v", tt.name, r.Report.Class, r.Report.Findings)
		}
	}
}
