package flow_test

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// stamps gives a segment the timestamp option (RFC 7323 §3); a SYN keeps its
// maximum segment size.
func stamps(val, ecr uint32) func(*craft.Segment) {
	return func(s *craft.Segment) {
		options := []craft.Option{craft.NOP(), craft.NOP(), craft.Timestamps(val, ecr)}
		if s.Flags.Has(craft.SYN) {
			options = []craft.Option{mss, sack, craft.Timestamps(val, ecr)}
		}
		s.Options, _ = craft.NewOptions(options...)
	}
}

// crowded is a client that speaks to a server which sends its SYN-ACK again and
// again, and echoes by it what the client sent last, or its SYN.
func crowded(k *talk, echoes bool) {
	clock, echo := uint32(1000), uint32(1000)
	say := func(pause time.Duration) {
		clock += uint32(pause / ms)
		if echoes {
			echo = clock
		}
		k.raw(pause, 0, fP, 100, stamps(clock, 77))
		k.seq[0] = k.seq[0].Add(^uint32(99)) // it is sent once more
	}
	k.raw(0, 0, fS, 0, stamps(clock, 0)).raw(20*ms, 1, fSA, 0, stamps(77, echo))
	isn := prev(k, 1, 1)
	clock += 20
	k.raw(30*us, 0, fA, 0, stamps(clock, 77))
	say(10 * ms)
	say(200 * ms)
	say(500 * ms)
	for range 3 {
		k.seq[1] = isn
		k.raw(sec, 1, fSA, 0, stamps(900, echo))
		clock += 1000
		k.raw(30*us, 0, fA, 0, stamps(clock, 900))
		say(400 * ms)
	}
}

// resetScenes are connections that somebody resets, and full queues.
var resetScenes = []scene{
	{"accept queue full, by timestamps", func(k *talk) { crowded(k, true) },
		probe.StateOpen, handshake.CloseNever, "accept-queue-full synack-repeated"},
	{"accept queue full, by timestamps, and then accepted", func(k *talk) {
		crowded(k, true)
		k.say(sec, 0, fP, 100).say(20*ms, 1, fA, 0).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "accept-queue-full synack-repeated close-three-way"},
	{"the way to the server lost", func(k *talk) { crowded(k, false) },
		probe.StateOpen, handshake.CloseNever, "synack-repeated"},
	{"data to a socket that is gone", func(k *talk) {
		k.open().say(10*ms, 0, fP, 100).say(20*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"late data to a socket that is gone", func(k *talk) {
		k.open().say(sec, 0, fP, 100).say(20*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"late RST", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fF, 0).say(20*us, 0, fA, 0).say(80*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseFourWay, ""},
	{"late RST of the client", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).say(ms, 1, fF, 0).say(20*us, 0, fA, 0).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 0, fR, 0)
	}, probe.StateOpen, handshake.CloseFourWay, ""},
	{"RST forged, and believed before the SYN-ACK", func(k *talk) {
		k.say(0, 0, fS, 0).raw(5*ms, 1, fRA, 0, func(s *craft.Segment) { s.Seq, s.TTL = 0, 50 }).say(15*ms, 1, fSA, 0).say(20*us, 0, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, "forged-reset refused-by-middlebox"},
	{"ports used again after an RST, near by", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).say(ms, 1, fRA, 0)
		data(data(k.renumbered(2*sec, 5000, 3000).open(), 0, 100), 1, 500).say(ms, 1, fRA, 0)
	}, probe.StateOpen, handshake.CloseByReset, "close-by-reset"},
	{"ports used again after an RST, farther", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).say(ms, 0, fRA, 0)
		data(data(k.renumbered(2*sec, 70_000, 90_000).open(), 0, 100), 1, 500).say(ms, 0, fRA, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"RSTs forged, ahead", func(k *talk) {
		k.open().say(ms, 0, fP, 100)
		for _, ahead := range []int32{0, 1460, 4380} {
			k.at(5*ms, 1, fRA, 0, ahead, 0)
		}
		k.say(15*ms, 1, fA, 0)
		data(k, 1, 500).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"refused twice, then open", func(k *talk) {
		k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(0))
		k.again(500*ms, 0, fS, prev(k, 0, 1), 0).raw(20*ms, 1, fRA, 0, seq(0))
		k.seq[1] = k.seq[1].Add(777)
		k.again(500*ms, 0, fS, prev(k, 0, 1), 0).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
}

// TestPortsUsedAgainAfterRST: where the handshake of the second connection was not
// captured, the RST of the first is neither forged nor certain.
func TestPortsUsedAgainAfterRST(t *testing.T) {
	for _, from := range []int{0, 1} {
		for _, on := range []uint32{100, 5000, 70_000, 1 << 20, 1 << 30} {
			k := newTalk(t, 1, 0)
			data(data(k.open(), 0, 300), 1, 900).say(ms, from, fRA, 0)
			first := len(k.packets)
			k.renumbered(2*sec, on, on/2).open()
			second := len(k.packets)
			data(data(k, 0, 100), 1, 500)
			for lost := first; lost <= second; lost++ {
				kept := append(append([]stamped(nil), k.packets[:first]...), k.packets[lost:]...)
				g, _ := through(t, flow.Config{}, plain(kept)...)
				for i := range g.attempts {
					a := &g.attempts[i]
					for _, code := range codesOf(a) {
						if code == "forged-reset" {
							t.Errorf("%d on, by %d, %d packets lost: %+v", on, from, lost-first, a.Findings)
						}
					}
					if a.State != probe.StateOpen || i == 0 && a.Close != handshake.CloseByReset && a.Close != handshake.CloseUnknown {
						t.Errorf("%d on, by %d, %d packets lost, attempt %d: %v, %q", on, from, lost-first, i, a.State, a.Close)
					}
				}
			}
		}
	}
}

// TestRefusedBefore: a SYN-ACK long after an RST answers a SYN that was not
// captured, unless a timestamp tells which.
func TestRefusedBefore(t *testing.T) {
	for _, stamped := range []bool{false, true} {
		edit := func(val, ecr uint32) func(*craft.Segment) {
			if stamped {
				return stamps(val, ecr)
			}
			return func(*craft.Segment) {}
		}
		k := newTalk(t, 1, 0)
		k.raw(0, 0, fS, 0, edit(1000, 0)).raw(20*ms, 1, fRA, 0, seq(0))
		isn := prev(k, 0, 1)
		k.now = k.now.Add(500 * ms) // a SYN that was not captured
		k.seq[0] = isn.Add(1)
		k.raw(20*ms, 1, fSA, 0, edit(5, 1520)).raw(30*us, 0, fA, 0, edit(1540, 5))
		g, _ := through(t, flow.Config{}, plain(data(k, 0, 100).close().packets)...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.State != probe.StateOpen || a.RTT != 0 || len(codesOf(a)) != 1 {
			t.Errorf("stamped %v: %v, RTT %v, %v", stamped, a.State, a.RTT, codesOf(a))
		}
	}
}

// TestRSTMovesNobody: the number of an RST is no number that was used.
func TestRSTMovesNobody(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, fP, 100)
	k.at(5*ms, 1, fRA, 0, 1460, 0).say(15*ms, 1, fA, 0)
	g, _ := through(t, flow.Config{}, plain(data(data(k, 1, 500), 1, 3000).close().packets)...)
	if a := &g.attempts[0]; a.Retransmissions(handshake.Server) > 0 || a.Repeats[handshake.Server][flow.OutOfOrder] > 0 {
		t.Errorf("%v", a.Repeats)
	}
}
