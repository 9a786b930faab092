package flow_test

import (
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// asks sends the SYN of a talk, and again after each pause.
func (k *talk) asks(pauses ...time.Duration) *talk {
	k.say(0, 0, fS, 0)
	for _, pause := range pauses {
		k.again(pause, 0, fS, prev(k, 0, 1), 0)
	}
	return k
}

// TestWatched: of three SYNs the last may yet be answered, unless the capture goes
// on until the client would have asked once more. What is no time of its own makes
// no capture longer: packets that come again, a stamp that is wrong, a clock that
// was set.
func TestWatched(t *testing.T) {
	other := data(newTalk(t, 2, 0).open(), 0, 10).packets // the capture has answers
	heard := func(at time.Duration) []stamped { return []stamped{{epoch.Add(at), other[3].data}} }
	for _, c := range []struct {
		name  string
		more  []stamped
		state probe.State
	}{
		{"it ends soon", heard(4 * sec), probe.StateUnknown},
		{"it goes on", heard(8 * sec), probe.StateFiltered},
		{"a stamp is wrong", append(heard(100_000*sec), heard(4*sec)...), probe.StateUnknown},
		{"the last stamp is wrong", append(heard(4*sec), heard(100_000*sec)...), probe.StateUnknown},
		{"the clock was set", append(heard(3600*sec), heard(3601*sec)...), probe.StateUnknown},
	} {
		k := newTalk(t, 1, 0).asks(sec, 2*sec)
		g, _ := through(t, flow.Config{}, plain(append(merged(k, &talk{packets: other}), c.more...))...)
		if a := attemptOf(g, k); a == nil || a.State != c.state {
			t.Errorf("%s: %+v, want %v", c.name, a, c.state)
		}
		twice := append(merged(k, &talk{packets: other}), c.more...)
		g, _ = through(t, flow.Config{}, plain(append(twice, twice...))...)
		if a := attemptOf(g, k); c.name != "the clock was set" && (a == nil || a.State != c.state && c.state == probe.StateUnknown) {
			t.Errorf("%s, joined with itself: %+v, want %v", c.name, a, c.state)
		}
	}
}

// TestUnansweredUntilThen: a FIN that was sent three times within two seconds may
// be acknowledged after the end.
func TestUnansweredUntilThen(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fF, 0)
	for _, pause := range []time.Duration{400 * ms, 800 * ms} {
		k.again(pause, 1, fF, prev(k, 1, 1), 0)
	}
	for _, c := range []struct {
		on    time.Duration
		close handshake.Close
	}{{sec, handshake.CloseUnknown}, {2 * sec, handshake.CloseTimeout}} {
		late := newTalk(t, 2, k.now.Sub(epoch)+c.on).say(0, 0, fS, 0)
		g, _ := through(t, flow.Config{}, plain(merged(k, late))...)
		a := attemptOf(g, k)
		if got := strings.Join(codesOf(a), " "); a.Close != c.close || strings.Contains(got, "unanswered") != (c.close == handshake.CloseTimeout) {
			t.Errorf("%v later: closed %q, %s", c.on, a.Close, got)
		}
	}
}

// TestListenerGone: a server took the SYN, the SYN-ACK was lost behind the tap, and
// the SYN that came again was refused. Without the SYN-ACK a capture that misses
// segments says nothing; one that misses none says what the client was told.
func TestListenerGone(t *testing.T) {
	play := func() *talk {
		k := newTalk(t, 1, 0).say(0, 0, fS, 0).say(20*us, 1, fSA, 0)
		k.again(sec, 0, fS, prev(k, 0, 1), 0)
		return k.raw(20*us, 1, fRA, 0, seq(0))
	}
	holed := newTalk(t, 2, 0).open()
	for range 10 {
		data(holed, 0, 100)
	}
	gap := &talk{packets: holed.without(5)}
	for _, c := range []struct {
		name    string
		packets []stamped
		state   probe.State
		close   handshake.Close
	}{
		{"whole", play().packets, probe.StateOpen, handshake.CloseByReset},
		{"without the RST", play().without(3), probe.StateOpen, handshake.CloseNever},
		{"without the SYN-ACK", play().without(1), probe.StateRefused, ""},
		{"without the SYN-ACK, and other segments", merged(&talk{packets: play().without(1)}, gap), probe.StateUnknown, ""},
		{"without the SYN-ACK, the RST before the SYN", merged(&talk{packets: swapped(play().without(1), 1)}, gap), probe.StateUnknown, ""},
	} {
		g, _ := through(t, flow.Config{}, plain(c.packets)...)
		if a := attemptOf(g, newTalk(t, 1, 0)); a == nil || a.State != c.state || a.Close != c.close {
			t.Errorf("%s: %+v, want %v, %q", c.name, a, c.state, c.close)
		}
	}
}

// swapped has two neighbours in the other order.
func swapped(packets []stamped, n int) []stamped {
	packets[n], packets[n+1] = packets[n+1], packets[n]
	return packets
}

// TestCrossingIsShown: what answers the client's SYN-ACK must be its bare ACK to
// tell by its time; and a client that acknowledges once more has had a SYN-ACK.
func TestCrossingIsShown(t *testing.T) {
	for _, c := range []struct {
		name     string
		pause    time.Duration // from SYN to SYN
		again    bool          // the client acknowledges the server's SYN-ACK, which was not captured
		bare     bool          // the server's ACK was
		findings string
	}{
		{"as soon as a split one", 20 * ms, true, true, "simultaneous-open close-three-way"},
		{"the ACK missing", ms, false, false, "close-three-way"},
		{"neither soon nor late", 60 * ms, false, true, "close-three-way"},
		{"split", 20 * ms, false, true, "split-handshake close-three-way"},
	} {
		k := newTalk(t, 1, 0)
		isn := k.seq
		k.say(0, 0, fS, 0).say(c.pause, 1, fS, 0).again(20*us, 0, fSA, isn[0], 0)
		if c.bare {
			k.say(20*ms, 1, fA, 0)
		}
		if c.again {
			k.say(20*us, 0, fA, 0)
		}
		data(data(k, 0, 100), 1, 100).close()
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		if got := strings.Join(codesOf(&g.attempts[0]), " "); len(g.attempts) != 1 || g.attempts[0].State != probe.StateOpen || got != c.findings {
			t.Errorf("%s: %d attempts, %v, %s", c.name, len(g.attempts), g.attempts[0].State, got)
		}
	}
}

// TestAnswersToResets: libslirp answers a client's bare RST by an RST with the
// number 0, which nobody has forged, whatever its place in the file.
func TestAnswersToResets(t *testing.T) {
	k := data(data(newTalk(t, 1, 0).open(), 0, 100), 1, 300)
	k.say(ms, 0, fP, 1).say(100*us, 0, fRA, 0).say(30*us, 1, fA, 0).raw(10*us, 0, fR, 0, func(s *craft.Segment) { s.Ack = 0 })
	k.raw(30*us, 1, fRA, 0, seq(0))
	last := len(k.packets) - 1
	for from := last - 4; from <= last; from++ {
		for to := last - 4; to <= last; to++ {
			g, _ := through(t, flow.Config{}, plain(k.moved(from, to))...)
			if a := &g.attempts[0]; len(g.attempts) != 1 || strings.Contains(strings.Join(codesOf(a), " "), "forged") {
				t.Errorf("%d at %d: %d attempts, %v", from, to, len(g.attempts), codesOf(a))
			}
		}
	}
}

// TestAcknowledgedBeforeTheSYNACK: what acknowledges a FIN by itself may stand
// before the SYN-ACK in a file.
func TestAcknowledgedBeforeTheSYNACK(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(50*us, 0, fP, 1).say(50*us, 1, fA, 0).say(10*us, 0, fF, 0).say(50*us, 1, fP, 404).say(50*us, 0, fA, 0)
	k.say(sec, 1, fF, 0).say(20*us, 0, fA, 0)
	for _, to := range []int{1, 2, 3, 4, 5, 6} {
		g, _ := through(t, flow.Config{}, plain(k.moved(6, to))...)
		a := &g.attempts[0]
		if n := a.Retransmissions(handshake.Client) + a.Retransmissions(handshake.Server); len(g.attempts) != 1 || a.Close != handshake.CloseFourWay || n > 0 {
			t.Errorf("at %d: %d attempts, closed %q, %v", to, len(g.attempts), a.Close, a.Repeats)
		}
	}
}

// TestFastOpenMetUnderWay: data before the client's ACK are early only where the
// SYN is known to have had none.
func TestFastOpenMetUnderWay(t *testing.T) {
	k := newTalk(t, 1, 0).say(0, 0, fS, 100).say(20*us, 1, fSA, 0).say(30*us, 1, fP, 3)
	k.again(sec, 1, fSA, prev(k, 1, 4), 0)
	g, _ := through(t, flow.Config{}, plain(k.packets[1:])...)
	if got := codesOf(&g.attempts[0]); len(g.attempts) != 1 || strings.Contains(strings.Join(got, " "), "data-before") {
		t.Errorf("%d attempts, %v", len(g.attempts), got)
	}
}

// TestKeepAliveAfterAGap: one byte below what was acknowledged, and nothing of
// what lies before it was captured.
func TestKeepAliveAfterAGap(t *testing.T) {
	k := data(data(newTalk(t, 1, 0).open(), 0, 100), 1, 300)
	data(k, 1, 700)
	k.again(sec, 1, fA, prev(k, 1, 1), 1).say(20*us, 0, fA, 0)
	g, _ := through(t, flow.Config{}, plain(k.without(7))...)
	if a := &g.attempts[0]; len(g.attempts) != 1 || a.Retransmissions(handshake.Server) > 0 || a.Repeats[handshake.Server][flow.KeepAlive] != 1 {
		t.Errorf("%d attempts, %v", len(g.attempts), a.Repeats)
	}
}
