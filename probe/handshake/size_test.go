package handshake

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// What leaves fits the interface, and what the peer asks for with its MSS, options counted in
// (RFC 9293 §3.7.1): also data on the SYN, which has more options than other segments.
func TestSegmentsFit(t *testing.T) {
	for name, tt := range map[string]struct {
		peer uint16 // its MSS
		cfg  Config
	}{
		"timestamps":       {1460, Config{}},
		"smaller peer":     {560, Config{}},
		"without stamps":   {1360, Config{Profile: minimal()}},
		"data on the SYN":  {1460, Config{DataOn: OnSYN}},
		"with a cookie":    {1460, Config{DataOn: OnSYN, FastOpen: true, Cookie: []byte("cookie12cookie12")}},
		"with multipath":   {1460, Config{DataOn: OnSYN, Multipath: true}},
		"no options":       {1460, Config{DataOn: OnSYN, Profile: minimal()}},
		"MSS below option": {8, Config{}},
	} {
		t.Run(name, func(t *testing.T) {
			inner, largest, most := &simnet.Listener{MSS: tt.peer, App: simnet.App{Echo: true}}, 0, int(tt.peer)
			host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				n := len(in.Payload) + len(in.Options)
				if in.Flags.Has(craft.SYN) && n > 1460 {
					t.Errorf("a SYN of %d bytes", n+40)
				} else if len(in.Payload) > 1 && !in.Flags.Has(craft.SYN) {
					largest = max(largest, n)
				}
				inner.Respond(now, in, out)
			})
			tt.cfg.Data = filler(4000)
			got := scene{host: host, cfg: tt.cfg}.play(t)
			if got.err != nil || largest > most || most > 100 && largest < most-12 || string(got.result.Data) != string(tt.cfg.Data) {
				t.Errorf("%v, segments of up to %d bytes and options, the peer takes %d; %d of %d bytes came back", got.err, largest, most, len(got.result.Data), len(tt.cfg.Data))
			}
		})
	}
}
