package handshake

import (
	"slices"
	"testing"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// A SYN-ACK in fragments, of which the first has some of its data, has one number: the
// rest of the session goes on behind it. Nothing else of it is evidence.
func TestSYNACKInFragments(t *testing.T) {
	for name, edit := range map[string]func(s *craft.Segment){
		"with data":                    func(s *craft.Segment) {},
		"with a FIN":                   func(s *craft.Segment) { s.Flags |= craft.FIN },
		"without a window":             func(s *craft.Segment) { s.Window = 0 },
		"with a small MSS":             func(s *craft.Segment) { s.Options[2] = 1 },
		"with NOPs for window scaling": func(s *craft.Segment) { s.Options = append(s.Options[:16:16], 1, 1, 1, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			host := simnet.Fragmented(edited(onSYNACK(func(s *craft.Segment) {
				s.Options, s.Payload = slices.Clone(s.Options), make([]byte, 400)
				edit(s)
			})), 48)
			o := scene{host: host, cfg: Config{Multipath: true, Data: []byte("hello")}}.play(t)
			r := &o.result
			if r.State != probe.StateOpen || r.Reason != probe.ReasonSYNACK || r.Reply != nil || !r.Negotiated.Partial {
				t.Errorf("%s (%s), reply %v, partial %v", r.State, r.Reason, r.Reply, r.Negotiated.Partial)
			}
			for _, code := range []string{"syn-proxy", "options-altered", "mptcp-fallback", "mss-clamped", "data-before-handshake"} {
				if has(r, code) {
					t.Errorf("finding %+v", find(t, r, code))
				}
			}
			if string(r.Data) != "hello" || r.Close != CloseThreeWay {
				t.Errorf("%q, close %q: %v", r.Data, r.Close, o.wire)
			}
		})
	}
}
