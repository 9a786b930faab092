package flow_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/handshake"
)

const sec = time.Second

const (
	fS  = craft.SYN
	fSA = craft.SYN | craft.ACK
	fA  = craft.ACK
	fP  = craft.ACK | craft.PSH
	fF  = craft.FIN | craft.ACK
	fR  = craft.RST
	fRA = craft.RST | craft.ACK
)

// raw adds a segment that an edit has changed.
func (k *talk) raw(pause time.Duration, from int, flags craft.Flags, payload int, edit func(*craft.Segment)) *talk {
	k.say(pause, from, flags, payload)
	last := &k.packets[len(k.packets)-1]
	var p craft.Packet
	if err := p.Decode(last.data, craft.TrustChecksums); err != nil {
		k.t.Fatal(err)
	}
	edit(&p.Segment)
	b, err := p.Segment.AppendTo(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	last.data = b
	return k
}

func win(n uint16) func(*craft.Segment)          { return func(s *craft.Segment) { s.Window = n } }
func seq(n craft.Seq) func(*craft.Segment)       { return func(s *craft.Segment) { s.Seq = n } }
func data(k *talk, from, n int) *talk            { return k.say(ms, from, fP, n).say(20*ms, 1-from, fA, 0) }
func prev(k *talk, from int, n uint32) craft.Seq { return k.seq[from].Add(-n) }

// icmp adds an error of a router about the client's first packet.
func (k *talk) icmp(pause time.Duration, typ, code uint8) *talk {
	k.now = k.now.Add(pause)
	router := netip.MustParseAddr("203.0.113.9")
	if k.client.Addr().Is6() {
		router, typ, code = netip.MustParseAddr("2001:db8:9::9"), 1, 1
	}
	k.packets = append(k.packets, stamped{k.now, icmpPacket(k.t, router, k.client.Addr(), typ, code, k.packets[0].data)})
	return k
}

// scene is a kind of connection, and what an undamaged capture of it says.
type scene struct {
	name     string
	play     func(k *talk)
	state    probe.State
	close    handshake.Close
	findings string // codes, parted by blanks
}

// scenes are the kinds of connections that captures hold.
var scenes = slices.Concat(commonScenes, oldScenes, resetScenes, livingScenes, lossyScenes)

var commonScenes = []scene{
	{"three-way", func(k *talk) { data(data(k.open(), 0, 300), 1, 900).close() }, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"four-way", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fF, 0).say(20*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseFourWay, ""},
	{"half closed for a while", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0)
		data(k, 1, 500)
		data(k, 1, 700).say(ms, 1, fF, 0).say(20*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseFourWay, "half-close-held"},
	{"answered after the FIN", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fP, 500).say(10*us, 1, fP, 700).say(10*us, 1, fF, 10).say(20*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseFourWay, ""},
	{"the last data acknowledge the FIN", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fP, 500).say(10*us, 1, fF, 0).say(20*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseFourWay, ""},
	{"half closed at the end", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0)
	}, probe.StateOpen, handshake.CloseUnknown, ""}, // an RST may be missing
	{"half closed and in use at the end", func(k *talk) {
		data(data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0), 1, 500)
		data(k, 1, 700)
	}, probe.StateOpen, handshake.CloseHalfClosed, "half-close-held"},
	{"half closed by the server, and in use at the end", func(k *talk) {
		data(data(k.open(), 0, 100).say(ms, 1, fF, 0).say(20*us, 0, fA, 0), 0, 500)
	}, probe.StateOpen, handshake.CloseHalfClosed, ""},
	{"simultaneous close", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0)
		k.raw(us, 1, fF, 0, func(s *craft.Segment) { s.Ack-- }).say(20*ms, 0, fA, 0).say(20*ms, 1, fA, 0)
	}, probe.StateOpen, handshake.CloseFourWay, "simultaneous-close"},
	{"still open", func(k *talk) { data(data(k.open(), 0, 300), 1, 900) }, probe.StateOpen, handshake.CloseNever, ""},
	{"refused", func(k *talk) { k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(0)) }, probe.StateRefused, "", ""},
	{"refused three times", func(k *talk) {
		for i := range 3 {
			if i > 0 {
				k.again(500*ms, 0, fS, prev(k, 0, 1), 0)
			} else {
				k.say(0, 0, fS, 0)
			}
			k.raw(20*ms, 1, fRA, 0, seq(0))
		}
	}, probe.StateRefused, "", ""},
	{"silent", func(k *talk) {
		k.say(0, 0, fS, 0)
		for _, pause := range []time.Duration{sec, 2 * sec, 4 * sec} {
			k.again(pause, 0, fS, prev(k, 0, 1), 0)
		}
	}, probe.StateFiltered, "", ""},
	{"one SYN", func(k *talk) { k.say(0, 0, fS, 0) }, probe.StateUnknown, "", ""},
	{"half-open scan", func(k *talk) { k.say(0, 0, fS, 0).say(20*ms, 1, fSA, 0).say(20*us, 0, fR, 0) }, probe.StateOpen, handshake.CloseByReset, ""},
	{"reset by the server", func(k *talk) { data(data(k.open(), 0, 300), 1, 90).say(ms, 1, fRA, 0) }, probe.StateOpen, handshake.CloseByReset, "close-by-reset"},
	{"reset by the client", func(k *talk) { data(data(k.open(), 0, 300), 1, 90).say(ms, 0, fR, 0) }, probe.StateOpen, handshake.CloseByReset, ""},
	{"client resets after its FIN", func(k *talk) {
		data(k.open(), 0, 10).say(10*ms, 0, fF, 0).raw(ms, 1, fP, 50, func(s *craft.Segment) { s.Ack-- }).say(100*us, 0, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"client resets in the place of the last ACK", func(k *talk) {
		data(k.open(), 0, 10).say(ms, 0, fF, 0).say(20*ms, 1, fF, 0).say(20*us, 0, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"accept queue full", func(k *talk) {
		k.open()
		isn := prev(k, 1, 1)
		k.say(ms, 0, fP, 100)
		for _, pause := range []time.Duration{200 * ms, 400 * ms} {
			k.again(pause, 0, fP, prev(k, 0, 100), 100)
		}
		for range 3 {
			k.again(sec, 1, fSA, isn, 0)
			k.say(30*us, 0, fA, 0).again(300*ms, 0, fP, prev(k, 0, 100), 100)
		}
	}, probe.StateOpen, handshake.CloseNever, "accept-queue-full synack-repeated"},
	{"accept queue resets", func(k *talk) { k.open().say(20*ms, 1, fR, 0) }, probe.StateOpen, handshake.CloseByReset, "accept-queue-reset"},
	{"accept queue resets, with data on the way", func(k *talk) {
		k.open().say(10*us, 0, fP, 200).say(20*ms, 1, fR, 0).again(us, 1, fR, k.seq[1], 0)
	}, probe.StateOpen, handshake.CloseByReset, "accept-queue-reset"},
	{"reset by something before the server", func(k *talk) {
		k.open().raw(5*ms, 1, fR, 0, func(s *craft.Segment) { s.TTL = 60 })
	}, probe.StateOpen, handshake.CloseByReset, "refused-by-middlebox"},
	{"reset with unread data", func(k *talk) {
		k.open().say(10*us, 0, fP, 200).say(20*ms, 1, fRA, 0)
	}, probe.StateOpen, handshake.CloseByReset, "close-by-reset"},
	{"forgotten by the server", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).say(sec, 0, fP, 30).raw(20*ms, 1, fR, 0, func(s *craft.Segment) {})
	}, probe.StateOpen, handshake.CloseByReset, "close-by-reset"},
	{"deferred accept, idle", func(k *talk) {
		k.open().again(sec, 1, fSA, prev(k, 1, 1), 0).say(30*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseNever, "synack-repeated"},
	{"tarpit", func(k *talk) {
		k.open().say(ms, 0, fP, 5).raw(20*ms, 1, fA, 0, win(0))
		for range 6 {
			k.again(2*sec, 0, fA, prev(k, 0, 1), 0).raw(20*ms, 1, fA, 0, win(0))
		}
	}, probe.StateOpen, handshake.CloseNever, "zero-window tarpit"},
	{"window shut for a while", func(k *talk) {
		data(k.open(), 0, 1000).say(ms, 0, fP, 1000).raw(20*ms, 1, fA, 0, win(0)).raw(sec, 1, fA, 0, win(0)).raw(sec, 1, fA, 0, win(5000))
		data(data(k, 0, 800), 1, 20).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "zero-window close-three-way"},
	{"window 0 after the FIN", func(k *talk) {
		data(k.open(), 0, 10).close().again(300*ms, 0, fF, prev(k, 0, 1), 0).raw(20*ms, 1, fA, 0, win(0))
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"RST forged before the SYN-ACK", func(k *talk) {
		k.say(0, 0, fS, 0).raw(5*ms, 1, fRA, 0, func(s *craft.Segment) { s.Seq, s.TTL = 0, 50 })
		k.say(15*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way refused-by-middlebox"},
	{"RST forged before the SYN-ACK, with its TTL", func(k *talk) {
		k.say(0, 0, fS, 0).raw(5*ms, 1, fRA, 0, seq(777_777)).say(15*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RST without ACK forged before the SYN-ACK", func(k *talk) {
		k.say(0, 0, fS, 0).raw(5*ms, 1, fR, 0, seq(0)).say(15*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RST forged just after the SYN-ACK", func(k *talk) {
		k.say(0, 0, fS, 0).say(20*ms, 1, fSA, 0).raw(ms, 1, fRA, 0, seq(0)).say(30*us, 0, fA, 0)
		data(data(k, 0, 100), 1, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RST forged to the second SYN", func(k *talk) {
		k.say(0, 0, fS, 0).again(sec, 0, fS, prev(k, 0, 1), 0).raw(5*ms, 1, fRA, 0, seq(0)).say(15*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RST forged within", func(k *talk) {
		data(k.open(), 0, 100).raw(ms, 1, fR, 0, func(s *craft.Segment) { s.TTL = 44 }).say(30*ms, 1, fP, 200).say(us, 0, fA, 0)
		data(k, 1, 200)
	}, probe.StateOpen, handshake.CloseNever, "forged-reset refused-by-middlebox"},
	{"RST forged in the client's name", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).say(ms, 0, fR, 0)
		data(data(data(k, 1, 400), 0, 200), 0, 10)
	}, probe.StateOpen, handshake.CloseNever, "forged-reset"},
	{"RST forged in the client's name, and believed", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).say(ms, 0, fR, 0).say(50*ms, 0, fP, 100).say(20*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, "forged-reset"},
	{"RST forged just before data", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).say(ms, 1, fRA, 0).say(2*ms, 1, fP, 200).say(us, 0, fA, 0)
		data(data(k, 0, 10), 1, 10).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RST forged inside the window", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).raw(ms, 1, fR, 0, func(s *craft.Segment) { s.Seq += 5000 })
		data(data(data(k, 0, 10), 1, 3000), 0, 20).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RSTs forged both ways", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).say(ms, 1, fR, 0).say(50*us, 0, fR, 0)
		data(data(data(data(k, 0, 10), 1, 3000), 0, 20), 1, 40).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "forged-reset close-three-way"},
	{"RST forged, and a true one at the end", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 90).say(ms, 1, fR, 0)
		data(data(data(k, 1, 3000), 0, 10), 1, 10).say(ms, 1, fRA, 0)
	}, probe.StateOpen, handshake.CloseByReset, "forged-reset close-by-reset"},
	{"challenge ACK just behind", func(k *talk) {
		k.say(0, 0, fS, 0).raw(20*ms, 1, fA, 0, func(s *craft.Segment) { s.Seq, s.Ack = s.Seq-5_000_000, s.Ack-900_000 })
		k.raw(20*us, 0, fR, 0, func(s *craft.Segment) { s.Seq -= 900_000 }).again(sec, 0, fS, prev(k, 0, 1), 0)
		k.say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100)
	}, probe.StateOpen, handshake.CloseNever, "challenge-ack"},
	{"RST of another SYN", func(k *talk) {
		k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, func(s *craft.Segment) { s.Seq, s.Ack = 0, s.Ack+1_000_000 })
	}, probe.StateUnknown, "", ""},
	{"challenge ACK", func(k *talk) {
		k.say(0, 0, fS, 0).raw(20*ms, 1, fA, 0, func(s *craft.Segment) { s.Seq, s.Ack = s.Seq-5_000_000, s.Ack-900_000_000 })
		k.raw(20*us, 0, fR, 0, func(s *craft.Segment) { s.Seq -= 900_000_000 }).again(sec, 0, fS, prev(k, 0, 1), 0)
		k.say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "challenge-ack close-three-way"},
	{"banner", func(k *talk) { data(data(data(k.open(), 1, 30), 0, 40), 1, 50).close() }, probe.StateOpen, handshake.CloseThreeWay, "banner close-three-way"},
	{"client's FIN unanswered", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0)
		for _, pause := range []time.Duration{sec, 2 * sec, 4 * sec} {
			k.again(pause, 0, fF, prev(k, 0, 1), 0)
		}
	}, probe.StateOpen, handshake.CloseTimeout, "fin-unanswered"},
	{"server's FIN unanswered", func(k *talk) {
		data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fF, 0)
		for _, pause := range []time.Duration{sec, 2 * sec, 4 * sec} {
			k.again(pause, 1, fF, prev(k, 1, 1), 0)
		}
	}, probe.StateOpen, handshake.CloseTimeout, "fin-retransmissions fin-unanswered"},
	{"FIN repeated, then acknowledged", func(k *talk) {
		data(k.open(), 0, 10).say(ms, 0, fF, 0).say(20*ms, 1, fF, 0).again(200*ms, 1, fF, prev(k, 1, 1), 0).say(20*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way fin-retransmissions"},
	{"data on the SYN, ignored", func(k *talk) {
		k.say(0, 0, fS, 50)
		k.seq[0] = prev(k, 0, 50)
		k.say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0).say(us, 0, fP, 50).say(20*ms, 1, fA, 0).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "data-on-syn-ignored close-three-way"},
	{"data on the SYN, taken", func(k *talk) {
		k.say(0, 0, fS, 50).say(20*ms, 1, fSA, 0).say(us, 1, fP, 300).say(30*us, 0, fA, 0).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "data-on-syn-acked close-three-way"},
	{"rejected by a router", func(k *talk) { k.say(0, 0, fS, 0).icmp(10*ms, 3, 13) }, probe.StateFiltered, "", "icmp-rejected"},
	{"SYN lost once", func(k *talk) {
		data(k.say(0, 0, fS, 0).again(sec, 0, fS, prev(k, 0, 1), 0).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0), 0, 10).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"a way of more than a second", func(k *talk) {
		data(k.say(0, 0, fS, 0).say(1200*ms, 1, fSA, 0).say(30*us, 0, fA, 0).again(sec, 1, fSA, prev(k, 1, 1), 0).say(30*us, 0, fA, 0), 0, 10).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"ACK lost once", func(k *talk) {
		data(k.open().again(sec, 1, fSA, prev(k, 1, 1), 0).say(30*us, 0, fA, 0), 0, 10).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "synack-repeated close-three-way"},
	{"client resets, late data is reset", func(k *talk) {
		k.open().say(100*us, 0, fR, 0).say(16*sec, 0, fP, 100).say(20*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"probed after the reset", func(k *talk) {
		k.say(0, 0, fS, 0).say(20*ms, 1, fSA, 0).say(20*us, 0, fR, 0)
		k.raw(150*ms, 0, fA, 0, func(s *craft.Segment) { s.Seq, s.Ack = s.Seq-1, s.Ack+300_000_000 })
		k.raw(20*ms, 1, fR, 0, func(s *craft.Segment) { s.Seq += 300_000_000 })
	}, probe.StateOpen, handshake.CloseByReset, ""},
	{"SYN proxy", func(k *talk) {
		k.say(0, 0, fS, 0).raw(20*ms, 1, fSA, 0, win(0)).say(30*us, 0, fA, 0).raw(20*ms, 1, fA, 0, win(9000))
		data(data(k, 0, 100), 1, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "syn-proxy close-three-way"},
	{"data before the ACK", func(k *talk) {
		k.say(0, 0, fS, 0).say(20*ms, 1, fSA, 0)
		isn := prev(k, 1, 1)
		k.say(ms, 1, fP, 20).again(sec, 1, fSA, isn, 0).again(2*sec, 1, fSA, isn, 0)
	}, probe.StateOpen, handshake.CloseNever, "banner data-before-handshake"},
	{"loss and holes", func(k *talk) {
		data(k.open(), 0, 200)
		k.again(ms, 1, fP, k.seq[1].Add(700), 500).again(30*ms, 1, fP, prev(k, 1, 1200), 700).say(20*us, 0, fA, 0)
		k.say(ms, 0, fP, 300).again(300*ms, 0, fP, prev(k, 0, 300), 300).say(20*ms, 1, fA, 0).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"connected to itself", func(k *talk) {
		k.server, k.seq[1] = k.client, k.seq[0]
		k.say(0, 0, fS, 0).say(20*us, 1, fSA, 0).say(20*us, 0, fA, 0)
		for _, n := range []int{100, 50} {
			k.say(ms, 0, fP, n)
			k.seq[1] = k.seq[0]
			k.say(10*us, 0, fA, 0)
		}
		k.say(ms, 0, fF, 0)
		k.seq[1] = k.seq[0]
		k.say(10*us, 0, fA, 0)
	}, probe.StateOpen, handshake.CloseFourWay, "simultaneous-open"},
	{"ports used again", func(k *talk) {
		data(k.open(), 0, 100).close()
		k.seq[0], k.seq[1] = k.seq[0].Add(1_000_000_000), k.seq[1].Add(900_000_000)
		k.now = k.now.Add(5 * sec)
		data(k.open(), 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
}

// played is a capture of each scene several times, all at once.
func played(t testing.TB, times int) (packets []stamped, which map[netip.AddrPort]*scene) {
	which = map[netip.AddrPort]*scene{}
	var talks []*talk
	for i := range scenes {
		for j := range times {
			n := 7*(i*times+j) + 1
			k := newTalk(t, n, time.Duration(n)*13*ms)
			scenes[i].play(k)
			which[k.client] = &scenes[i]
			talks = append(talks, k)
		}
	}
	return merged(talks...), which
}
