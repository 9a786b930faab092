package handshake

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// healthy is a host that gives no finding beyond "info".
func healthy() *simnet.Listener { return &simnet.Listener{App: simnet.App{Echo: true}} }

// edited is a healthy host whose segments somebody changes.
func edited(edit func(s *craft.Segment)) simnet.Host { return simnet.Mangle(healthy(), edit) }

// onSYNACK is an edit of SYN-ACKs alone.
func onSYNACK(edit func(s *craft.Segment)) func(s *craft.Segment) {
	return func(s *craft.Segment) {
		if s.Flags.Has(craft.SYN | craft.ACK) {
			edit(s)
		}
	}
}

// without removes options of a kind, as a middlebox does: by NOPs.
func without(kind craft.OptionKind) func(s *craft.Segment) {
	return onSYNACK(func(s *craft.Segment) {
		var list []craft.Option
		for o := range s.Options.All() {
			if o.Kind == kind {
				for range len(o.Data) + 2 {
					list = append(list, craft.NOP())
				}
				continue
			}
			list = append(list, o)
		}
		s.Options, _ = craft.NewOptions(list...)
	})
}

// lacking is a stack that does not know an option.
func lacking(kind craft.OptionKind) func(s *craft.Segment) {
	return onSYNACK(func(s *craft.Segment) {
		var list []craft.Option
		for o := range s.Options.All() {
			if o.Kind != kind {
				list = append(list, o)
			}
		}
		s.Options, _ = craft.NewOptions(list...)
	})
}

func with(option craft.Option) func(s *craft.Segment) {
	return onSYNACK(func(s *craft.Segment) {
		list := slices.Collect(s.Options.All())
		s.Options, _ = craft.NewOptions(append(list, option)...)
	})
}

// proxied is a SYN proxy: a shut window until the third segment.
func proxied() simnet.Host { return edited(onSYNACK(func(s *craft.Segment) { s.Window = 0 })) }

// refusedBehind is a proxy that answers with such a window, before a host that refuses.
func refusedBehind(window uint16) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		s := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Seq: 1000, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: window, Options: in.Options}
		if in.Flags == craft.ACK {
			s.Seq, s.Ack, s.Flags, s.TTL, s.Options = 1001, in.Seq, craft.RST|craft.ACK, 63, nil
		}
		if in.Flags == craft.ACK || in.Flags == craft.SYN {
			out.Segment(0, &s)
		}
	})
}

// ignoringMarks is a host that negotiates ECN and echoes no congestion mark.
func ignoringMarks() simnet.Host {
	return &simnet.Listener{ECN: true, App: simnet.App{Echo: true}}
}

// echoing is a host that echoes congestion marks.
func echoing() simnet.Host {
	seen := false
	inner := simnet.Mangle(&simnet.Listener{ECN: true, App: simnet.App{Echo: true}}, func(s *craft.Segment) {
		if seen {
			s.Flags |= craft.ECE
		}
	})
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		seen = seen || in.TOS&tosECN == tosCE
		inner.Respond(now, in, out)
	})
}

// earlyTalker sends data right behind its SYN-ACK.
var earlyTalker = simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags != craft.SYN {
		return
	}
	s := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Seq: 1000, Ack: in.Seq.Add(1), Flags: craft.SYN | craft.ACK, Window: 1000, Options: in.Options}
	out.Segment(0, &s)
	s.Seq, s.Flags, s.Payload = 1001, craft.ACK|craft.PSH, []byte("early")
	out.Segment(0, &s)
})

// elsewhere is a host whose SYN-ACKs come from another address.
func elsewhere(off uint32) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN {
			from := netip.AddrPortFrom(netip.MustParseAddr("198.51.100.99"), in.Dst.Port())
			out.Segment(0, &craft.Segment{Src: from, Dst: in.Src, TTL: 64, Seq: 1, Ack: in.Seq.Add(off), Flags: craft.SYN | craft.ACK})
		}
	})
}

// narrow answers what is larger than mtu with ICMP "fragmentation needed".
func narrow(h simnet.Host, mtu int, router string) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if len(in.Payload)+52 <= mtu {
			h.Respond(now, in, out)
			return
		}
		m := simnet.ICMP{From: netip.MustParseAddr(router), Type: 3, Code: 4, MTU: uint32(mtu), QuoteTCP: 8, Quote: *in}
		out.ICMP(0, &m)
	})
}

// resetAfter is a host in whose name somebody resets the open connection.
func resetAfter(h simnet.Host, ttl uint8, off uint32) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if len(in.Payload) > 0 {
			rst := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: ttl, Seq: in.Ack.Add(off), Flags: craft.RST}
			out.Segment(0, &rst)
		}
		h.Respond(now, in, out)
	})
}

func planted() *simnet.Listener {
	l := healthy()
	l.Plant(simTarget, netip.MustParseAddrPort("192.0.2.1:32768"), 5_000_000, 9_000_000)
	return l
}

// shutting100 takes a hundred bytes or more and then shuts its window.
func shutting100() simnet.Host {
	var first craft.Seq
	return edited(func(s *craft.Segment) {
		if s.Flags.Has(craft.SYN) {
			first = s.Ack
		} else if s.Ack.Sub(first) > 100 {
			s.Window = 0
		}
	})
}

// unreachableData is a host of whose data segments a router says that they
// cannot be delivered, quoting them with a sequence number that is off.
func unreachableData(off uint32) simnet.Host {
	h := healthy()
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if len(in.Payload) > 0 {
			m := simnet.ICMP{From: netip.MustParseAddr("203.0.113.9"), Type: 3, Code: 1, QuoteTCP: 8, Quote: *in}
			m.Quote.Seq = m.Quote.Seq.Add(off)
			out.ICMP(0, &m)
		}
		h.Respond(now, in, out)
	})
}

// overtaken is a host whose ACK of our FIN was overtaken by its own FIN, and which
// knows nothing of the connection any more when that ACK is answered.
func overtaken() simnet.Host {
	h, shut := healthy(), false
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		late := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Seq: in.Ack.Add(^uint32(0)), Ack: in.Seq, Flags: craft.ACK, Window: 64}
		switch {
		case in.Flags.Has(craft.FIN):
			h.Respond(now, in, out)
			shut = true
		case shut && in.Flags == craft.ACK:
			out.Segment(time.Millisecond, &late)
			late.Seq, late.Flags = in.Ack, craft.RST
			out.Segment(2*time.Millisecond, &late)
			shut = false
		default:
			h.Respond(now, in, out)
		}
	})
}

func deafToFIN(h simnet.Host) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if !in.Flags.Has(craft.FIN) {
			h.Respond(now, in, out)
		}
	})
}

// TestFindings has for each finding a scene that gives it and one, as near to
// it as can be, that does not.
func TestFindings(t *testing.T) {
	hello := []byte("hello")
	info, notice, warning := probe.SeverityInfo, probe.SeverityNotice, probe.SeverityWarning
	tests := []struct {
		code     string
		severity probe.Severity
		yes, no  scene
	}{
		{"accept-queue-full", warning,
			scene{host: &simnet.Listener{Backlog: simnet.BacklogFull}},
			scene{host: healthy(), out: simnet.Path{Loss: 0.4}, seed: 3}},
		{"accept-queue-reset", warning,
			scene{host: &simnet.Listener{Backlog: simnet.BacklogReset}},
			scene{host: &simnet.Listener{App: simnet.App{OnFIN: simnet.ResetOnFIN}}}},
		{"syn-cookies", notice,
			scene{host: &simnet.Listener{ISN: simnet.CookieISN(1), SYNACKs: []time.Duration{}, Forget: time.Millisecond}, cfg: Config{Withhold: WithholdSYNACKAck, Watch: 5 * time.Second}},
			scene{host: &simnet.Listener{SYNACKs: []time.Duration{}}, cfg: Config{Withhold: WithholdSYNACKAck, Watch: 5 * time.Second}}},
		{"syn-proxy", notice,
			scene{host: proxied(), cfg: Config{Data: hello}},
			scene{host: edited(onSYNACK(func(s *craft.Segment) { s.Window = 1 })), cfg: Config{Data: hello}}},
		{"syn-proxy", notice,
			scene{host: refusedBehind(0)},
			scene{host: refusedBehind(1000)}},
		{"synack-retransmissions", info,
			scene{host: healthy(), cfg: Config{Withhold: WithholdSYNACKAck}},
			scene{host: healthy()}},
		{"synack-repeated", notice,
			scene{host: simnet.Repeat(healthy(), 2, 100*time.Millisecond)},
			scene{host: healthy()}},
		{"split-handshake", notice, scene{host: simnet.Split{}}, scene{host: healthy()}},
		{"challenge-ack", notice, scene{host: planted()}, scene{host: healthy()}},
		{"forged-reset", warning,
			scene{host: simnet.ForgedReset(healthy(), 50, 10*time.Millisecond)},
			scene{host: simnet.Closed{}}},
		{"icmp-rejected", info,
			scene{host: simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 13}}},
			scene{host: simnet.ForgedICMP(healthy(), simnet.ICMP{Type: 3, Code: 13, SeqOff: 77})}},
		{"options-altered", notice, scene{host: edited(with(craft.SACKPermitted())), cfg: Config{Profile: minimal()}},
			scene{host: edited(lacking(craft.KindSACKPermitted))}},
		{"options-altered", notice, scene{host: edited(without(craft.KindTimestamps))}, scene{host: edited(lacking(craft.KindTimestamps))}},
		{"options-altered", notice, scene{host: edited(with(craft.WindowScale(3))), cfg: Config{Profile: minimal()}}, scene{host: healthy()}},
		{"mss-clamped", info, scene{host: &simnet.Listener{MSS: 1360}}, scene{host: &simnet.Listener{MSS: 1460}}},
		{"path-mtu", notice,
			scene{host: narrow(healthy(), 1400, "203.0.113.9"), cfg: Config{Data: filler(4000)}},
			scene{host: narrow(healthy(), 1500, "203.0.113.9"), cfg: Config{Data: filler(4000)}}},
		{"path-mtu", notice, // the MSS counts the options in (RFC 6691 §2): a segment of 1,412 bytes would pass what it allows
			scene{host: narrow(&simnet.Listener{MSS: 1360, App: simnet.App{Echo: true}}, 1399, "203.0.113.9"), cfg: Config{Data: filler(4000)}},
			scene{host: narrow(&simnet.Listener{MSS: 1360, App: simnet.App{Echo: true}}, 1400, "203.0.113.9"), cfg: Config{Data: filler(4000)}}},
		{"ecn-negotiated", info, scene{host: echoing(), cfg: Config{ECN: true}}, scene{host: echoing()}},
		{"ecn-refused", info, scene{host: healthy(), cfg: Config{ECN: true}}, scene{host: echoing(), cfg: Config{ECN: true}}},
		{"ecn-bleached", notice,
			scene{host: ignoringMarks(), cfg: Config{ECN: true, Data: hello}},
			scene{host: echoing(), cfg: Config{ECN: true, Data: hello}}},
		{"accecn", info,
			scene{host: edited(onSYNACK(func(s *craft.Segment) { s.Flags |= craft.CWR })), cfg: Config{AccECN: true}},
			scene{host: echoing(), cfg: Config{AccECN: true}}},
		{"tfo-cookie", info,
			scene{host: edited(with(craft.FastOpen([]byte("cookie12")))), cfg: Config{FastOpen: true}},
			scene{host: healthy(), cfg: Config{FastOpen: true}}},
		{"tfo-accepted", info,
			scene{host: &simnet.Listener{FastOpen: true}, cfg: Config{FastOpen: true, Cookie: []byte("cookie12"), Data: hello, DataOn: OnSYN}},
			scene{host: healthy(), cfg: Config{FastOpen: true, Cookie: []byte("cookie12"), Data: hello, DataOn: OnSYN}}},
		{"data-on-syn-acked", info,
			scene{host: &simnet.Listener{FastOpen: true}, cfg: Config{Data: hello, DataOn: OnSYN}},
			scene{host: healthy(), cfg: Config{Data: hello, DataOn: OnSYN}}},
		{"data-on-syn-ignored", info,
			scene{host: healthy(), cfg: Config{Data: hello, DataOn: OnSYN}},
			scene{host: &simnet.Listener{FastOpen: true}, cfg: Config{Data: hello, DataOn: OnSYN}}},
		{"mptcp-capable", info,
			scene{host: edited(with(craft.MPTCP([]byte{0x01, 0x01, 1, 2, 3, 4, 5, 6, 7, 8}))), cfg: Config{Multipath: true}},
			scene{host: healthy(), cfg: Config{Multipath: true}}},
		{"mptcp-fallback", info, scene{host: healthy(), cfg: Config{Multipath: true}}, scene{host: healthy()}},
		{"banner", info,
			scene{host: &simnet.Listener{App: simnet.App{Banner: []byte("220 hello")}}},
			scene{host: healthy(), cfg: Config{Data: hello}}},
		{"other-address", warning, scene{host: elsewhere(1)}, scene{host: elsewhere(2)}},
		{"data-before-handshake", notice, scene{host: earlyTalker, cfg: Config{Withhold: WithholdSYNACKAck, Watch: time.Second}},
			scene{host: &simnet.Listener{App: simnet.App{Banner: []byte("220 hello")}}}},
		{"tarpit", warning, scene{host: simnet.TarPit(), cfg: Config{Data: hello}}, scene{host: healthy(), cfg: Config{Data: hello}}},
		{"close-three-way", info, scene{host: healthy()}, scene{host: &simnet.Listener{App: simnet.App{Linger: time.Millisecond}}}},
		{"half-close-held", info, scene{host: &simnet.Listener{App: simnet.App{OnFIN: simnet.HalfClosed}}}, scene{host: healthy()}},
		{"close-by-reset", notice, scene{host: &simnet.Listener{App: simnet.App{OnFIN: simnet.ResetOnFIN}}}, scene{host: healthy(), cfg: Config{Close: EndRST}}},
		{"close-by-reset", notice, scene{host: &simnet.Listener{App: simnet.App{OnFIN: simnet.ResetOnFIN}}}, scene{host: overtaken(), cfg: Config{Watch: time.Second}}},
		{"simultaneous-close", info,
			scene{host: &simnet.Listener{App: simnet.App{Hangup: true}}, cfg: Config{Quiet: 15 * time.Millisecond}},
			scene{host: &simnet.Listener{App: simnet.App{Hangup: true}}}},
		{"time-wait-skipped", info,
			scene{host: &simnet.Listener{App: simnet.App{Hangup: true, NoTimeWait: true}}, cfg: Config{Watch: time.Second}},
			scene{host: &simnet.Listener{App: simnet.App{Hangup: true}}, cfg: Config{Watch: time.Second}}},
		{"fin-retransmissions", info, scene{host: healthy(), cfg: Config{Withhold: WithholdLastAck, Watch: 5 * time.Second}}, scene{host: healthy()}},
		{"refused-by-middlebox", warning,
			scene{host: simnet.ForgedReset(healthy(), 50, 10*time.Millisecond), cfg: Config{Known: Known{RTT: 50 * time.Millisecond}}},
			scene{host: simnet.Closed{TTL: 63}, cfg: Config{Known: Known{TTL: 64}}}},
		{"refused-by-middlebox", notice,
			scene{host: simnet.Closed{TTL: 50}, cfg: Config{Known: Known{TTL: 64, RTT: 50 * time.Millisecond}}},
			scene{host: simnet.Closed{TTL: 64}, cfg: Config{Known: Known{TTL: 64, RTT: 25 * time.Millisecond}}}},
		{"forged-reset", warning,
			scene{host: resetAfter(healthy(), 50, 1<<20), cfg: Config{Data: hello}},
			scene{host: &simnet.Listener{App: simnet.App{OnFIN: simnet.ResetOnFIN}}, cfg: Config{Data: hello}}},
		{"forged-reset", warning,
			scene{host: resetAfter(healthy(), 50, 0), cfg: Config{Data: hello}},
			scene{host: healthy(), cfg: Config{Data: hello, Close: EndRST}}},
	}
	tests = append(tests, []struct {
		code     string
		severity probe.Severity
		yes, no  scene
	}{
		{"zero-window", notice, scene{host: shutting100(), cfg: Config{Data: filler(4000)}}, scene{host: healthy(), cfg: Config{Data: filler(4000)}}},
		{"icmp-on-connection", notice, scene{host: unreachableData(0), cfg: Config{Data: hello}}, scene{host: unreachableData(1 << 20), cfg: Config{Data: hello}}},
		{"fin-unanswered", notice, scene{host: deafToFIN(healthy())}, scene{host: healthy()}},
	}...)
	tested := map[string]bool{}
	for _, tt := range tests {
		tested[tt.code] = true
		t.Run(tt.code, func(t *testing.T) {
			yes := tt.yes.play(t)
			if f := find(t, &yes.result, tt.code); f.Severity != tt.severity || f.Text == "" || f.Evidence == "" {
				t.Errorf("%+v, want severity %s", f, tt.severity)
			}
			if no := tt.no.play(t); has(&no.result, tt.code) {
				t.Errorf("unjustly: %+v\n%v", find(t, &no.result, tt.code), no.lines)
			}
			if t.Failed() {
				t.Logf("%v", yes.lines)
			}
		})
	}
	for _, p := range patterns {
		if !tested[p.code] {
			t.Errorf("finding %s has no test", p.code)
		}
	}
}
