package handshake

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// opened is how every ladder to an open port begins.
const opened = `
	0.000 > [S] 0:0 len 0 SYN_SENT|
	0.020 < [S.] 0:1 len 0 ESTABLISHED|SYN_RECEIVED
	0.020 > [.] 1:1 len 0 ESTABLISHED|ESTABLISHED`

// TestLadders plays whole connections and compares every rung: time, direction,
// flags, relative numbers, and the states of both ends.
func TestLadders(t *testing.T) {
	tests := []struct {
		name   string
		scene  scene
		ladder string
		close  Close
		took   time.Duration
	}{
		{"three steps", scene{host: &simnet.Listener{}}, opened + `
			0.270 > [F.] 1:1 len 0 FIN_WAIT_1|CLOSE_WAIT
			0.290 < [F.] 1:2 len 0 TIME_WAIT|LAST_ACK
			0.290 > [.] 2:2 len 0 TIME_WAIT|CLOSED`, CloseThreeWay, 490 * time.Millisecond},
		{"four steps", scene{host: &simnet.Listener{App: simnet.App{Linger: 100 * time.Millisecond}}}, opened + `
			0.270 > [F.] 1:1 len 0 FIN_WAIT_1|CLOSE_WAIT
			0.290 < [.] 1:2 len 0 FIN_WAIT_2|CLOSE_WAIT
			0.390 < [F.] 1:2 len 0 TIME_WAIT|LAST_ACK
			0.390 > [.] 2:2 len 0 TIME_WAIT|CLOSED`, CloseFourWay, 590 * time.Millisecond},
		{"half closed", scene{host: &simnet.Listener{App: simnet.App{OnFIN: simnet.HalfClosed}}}, opened + `
			0.270 > [F.] 1:1 len 0 FIN_WAIT_1|CLOSE_WAIT
			0.290 < [.] 1:2 len 0 FIN_WAIT_2|CLOSE_WAIT
			1.290 > [R] 2:0 len 0 CLOSED|CLOSED`, CloseHalfClosed, 1290 * time.Millisecond},
		{"the peer closes first", scene{host: &simnet.Listener{App: simnet.App{Hangup: true}}}, opened + `
			0.040 < [F.] 1:1 len 0 CLOSE_WAIT|FIN_WAIT_1
			0.040 > [.] 1:2 len 0 CLOSE_WAIT|FIN_WAIT_2
			0.040 > [F.] 1:2 len 0 LAST_ACK|TIME_WAIT
			0.060 < [.] 2:2 len 0 CLOSED|TIME_WAIT`, CloseFourWay, 60 * time.Millisecond},
		{"both close at once", scene{host: &simnet.Listener{App: simnet.App{Hangup: true}}, cfg: Config{Quiet: 15 * time.Millisecond}}, opened + `
			0.035 > [F.] 1:1 len 0 FIN_WAIT_1|CLOSE_WAIT
			0.040 < [F.] 1:1 len 0 CLOSING|CLOSING
			0.040 > [.] 2:2 len 0 CLOSING|TIME_WAIT
			0.055 < [.] 2:2 len 0 TIME_WAIT|TIME_WAIT`, CloseFourWay, 255 * time.Millisecond},
		{"data and echo", scene{host: &simnet.Listener{App: simnet.App{Echo: true}}, cfg: Config{Data: []byte("hello"), DataOn: OnACK}}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [S.] 0:1 len 0 ESTABLISHED|SYN_RECEIVED
			0.020 > [P.] 1:1 len 5 ESTABLISHED|ESTABLISHED
			0.040 < [P.] 1:6 len 5 ESTABLISHED|ESTABLISHED
			0.040 > [.] 6:6 len 0 ESTABLISHED|ESTABLISHED
			0.290 > [F.] 6:6 len 0 FIN_WAIT_1|CLOSE_WAIT
			0.310 < [F.] 6:7 len 0 TIME_WAIT|LAST_ACK
			0.310 > [.] 7:7 len 0 TIME_WAIT|CLOSED`, CloseThreeWay, 510 * time.Millisecond},
		{"data on SYN, passed over", scene{host: &simnet.Listener{App: simnet.App{Echo: true}}, cfg: Config{Data: []byte("hello"), DataOn: OnSYN, Close: EndRST}}, `
			0.000 > [S] 0:0 len 5 SYN_SENT|
			0.020 < [S.] 0:1 len 0 ESTABLISHED|SYN_RECEIVED
			0.020 > [.] 1:1 len 0 ESTABLISHED|ESTABLISHED
			0.020 > [P.] 1:1 len 5 ESTABLISHED|ESTABLISHED (retransmission)
			0.040 < [P.] 1:6 len 5 ESTABLISHED|ESTABLISHED
			0.040 > [.] 6:6 len 0 ESTABLISHED|ESTABLISHED
			0.290 > [R] 6:0 len 0 CLOSED|CLOSED`, CloseByReset, 290 * time.Millisecond},
		{"refused", scene{host: simnet.Closed{}}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [R.] 0:1 len 0 CLOSED|CLOSED`, "", 220 * time.Millisecond},
		{"silence", scene{host: simnet.Dropped{}, cfg: Config{Retries: 2}}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			1.000 > [S] 0:0 len 0 SYN_SENT| (retransmission)
			3.000 > [S] 0:0 len 0 SYN_SENT| (retransmission)`, "", 7 * time.Second},
		{"half-open", scene{host: &simnet.Listener{}, cfg: Config{Withhold: WithholdSYNACKAck}}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [S.] 0:1 len 0 SYN_SENT|SYN_RECEIVED
			1.020 < [S.] 0:1 len 0 SYN_SENT|SYN_RECEIVED (retransmission)
			3.020 < [S.] 0:1 len 0 SYN_SENT|SYN_RECEIVED (retransmission)
			7.020 < [S.] 0:1 len 0 SYN_SENT|SYN_RECEIVED (retransmission)
			15.020 < [S.] 0:1 len 0 SYN_SENT|SYN_RECEIVED (retransmission)
			31.020 < [S.] 0:1 len 0 SYN_SENT|SYN_RECEIVED (retransmission)
			70.020 > [R] 1:0 len 0 CLOSED|CLOSED`, CloseNever, 70020 * time.Millisecond},
		{"a SYN that nobody stands by", scene{host: refusingSYN()}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [S] 500:0 len 0 SYN_SENT| (unverified)
			0.020 > [S.] 0:501 len 0 SYN_SENT| (unverified)
			0.040 < [R] 501:0 len 0 SYN_SENT| (RST that proves nothing)
			0.040 > [.] 1:4294967295 len 0 SYN_SENT| (unverified)
			0.060 < [R] 4294967295:0 len 0 SYN_SENT| (unverified)
			1.000 > [S] 0:0 len 0 SYN_SENT| (retransmission)
			1.020 < [S] 500:0 len 0 SYN_SENT| (unverified)
			3.000 > [S] 0:0 len 0 SYN_SENT| (retransmission)
			3.020 < [S] 500:0 len 0 SYN_SENT| (unverified)`, "", 7 * time.Second},
		{"a SYN, acknowledged, and a reset", scene{host: simnet.Split{}}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [S] 1471690476:0 len 0 SYN_SENT| (unverified)
			0.020 > [S.] 0:1471690477 len 0 SYN_SENT| (unverified)
			0.040 < [.] 1:1 len 0 ESTABLISHED|ESTABLISHED
			0.040 > [.] 1:1 len 0 ESTABLISHED|ESTABLISHED
			0.060 < [R] 1:0 len 0 CLOSED|CLOSED`, CloseByReset, 260 * time.Millisecond},
		{"simultaneous open", scene{host: simultaneous()}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [S] 500:0 len 0 SYN_SENT| (unverified)
			0.020 > [S.] 0:501 len 0 SYN_SENT| (unverified)
			0.040 < [.] 1:1 len 0 ESTABLISHED|ESTABLISHED
			0.040 > [.] 1:1 len 0 ESTABLISHED|ESTABLISHED
			0.290 > [F.] 1:1 len 0 FIN_WAIT_1|CLOSE_WAIT
			0.310 < [F.] 1:2 len 0 TIME_WAIT|LAST_ACK
			0.310 > [.] 2:2 len 0 TIME_WAIT|CLOSED`, CloseThreeWay, 510 * time.Millisecond},
		{"a SYN-ACK that closes", scene{host: closing()}, `
			0.000 > [S] 0:0 len 0 SYN_SENT|
			0.020 < [FS.] 0:1 len 0 CLOSE_WAIT|SYN_RECEIVED
			0.020 > [.] 1:2 len 0 CLOSE_WAIT|FIN_WAIT_2
			0.020 > [F.] 1:2 len 0 LAST_ACK|TIME_WAIT
			0.040 < [.] 2:2 len 0 CLOSED|TIME_WAIT`, CloseFourWay, 40 * time.Millisecond},
		{"a window that never opens", scene{host: simnet.TarPit(), cfg: Config{Data: []byte("hi"), Retries: 1}}, opened + `
			0.020 > [P.] 1:1 len 2 ESTABLISHED|ESTABLISHED
			0.040 < [.] 1:1 len 0 ESTABLISHED|ESTABLISHED (zero window)
			0.220 > [P.] 1:1 len 2 ESTABLISHED|ESTABLISHED (retransmission)
			0.240 < [.] 1:1 len 0 ESTABLISHED|ESTABLISHED (zero window, duplicate ACK)
			0.620 > [R] 1:0 len 0 CLOSED|CLOSED
			0.620 > [R] 3:0 len 0 CLOSED|CLOSED`, CloseNever, 620 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.scene.play(t)
			if got.err != nil {
				t.Fatal(got.err)
			}
			if diff := cmp.Diff(script(tt.ladder), got.lines); diff != "" {
				t.Errorf("ladder (-want +got):\n%s", diff)
			}
			if got.result.Close != tt.close || got.took != tt.took {
				t.Errorf("close %q in %v, want %q in %v", got.result.Close, got.took, tt.close, tt.took)
			}
		})
	}
}

// refusingSYN answers a SYN with a SYN, and resets whatever is said to it.
func refusingSYN() simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		answer := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Flags: craft.RST, Seq: in.Ack}
		switch {
		case in.Flags == craft.SYN:
			answer.Flags, answer.Seq = craft.SYN, 500
		case in.Flags.Has(craft.RST):
			return
		}
		out.Segment(0, &answer)
	})
}

// closing ends the connection with the segment that opens it.
func closing() simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		answer := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Window: 1000, Seq: in.Ack, Ack: in.Seq.Add(in.Len()), Flags: craft.ACK}
		switch {
		case in.Flags == craft.SYN:
			answer.Flags, answer.Seq = craft.SYN|craft.ACK|craft.FIN, 500
		case !in.Flags.Has(craft.FIN):
			return
		}
		out.Segment(0, &answer)
	})
}

// simultaneous opens from its side too (RFC 9293 §3.5, figure 7).
func simultaneous() simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		answer := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Window: 1000, Seq: 501, Ack: in.Seq.Add(in.Len())}
		switch {
		case in.Flags == craft.SYN:
			answer.Flags, answer.Seq, answer.Ack = craft.SYN, 500, 0
		case in.Flags == craft.SYN|craft.ACK && in.Ack == 501:
			answer.Flags = craft.ACK
		case in.Flags.Has(craft.FIN):
			answer.Flags = craft.FIN | craft.ACK
		default:
			return
		}
		out.Segment(0, &answer)
	})
}

// TestWithoutDepartures: a network that does not show what leaves gives the
// same ladder by the program's clock, and says so.
func TestWithoutDepartures(t *testing.T) {
	host := func() simnet.Host { return &simnet.Listener{App: simnet.App{Echo: true}} }
	cfg := Config{Data: []byte("hello")}
	watched := scene{host: host(), cfg: cfg}.play(t)
	blind := scene{host: host(), cfg: cfg, blind: true}.play(t)
	if diff := cmp.Diff(watched.lines, blind.lines); diff != "" {
		t.Errorf("(-watched +blind):\n%s", diff)
	}
	if w, b := watched.result.Clock.String(), blind.result.Clock.String(); w != "kernel" || b != "kernel-rx" {
		t.Errorf("clocks %s and %s", w, b)
	}
}

// TestCancel: a cancelled run ends at once, by an RST with the exact number.
func TestCancel(t *testing.T) {
	for name, cfg := range map[string]Config{
		"half-open": {Withhold: WithholdSYNACKAck},
		"open":      {Close: EndNone, Watch: time.Hour},
		"last ACK":  {Withhold: WithholdLastAck, Watch: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			listener := &simnet.Listener{}
			got := scene{host: listener, cfg: cfg, after: func(cancel context.CancelFunc) {
				time.Sleep(500 * time.Millisecond)
				cancel()
			}}.play(t)
			if !errors.Is(got.err, probe.ErrInterrupted) || got.took > 510*time.Millisecond {
				t.Errorf("%v after %v", got.err, got.took)
			}
			if n := listener.Conns(); n != 0 {
				t.Errorf("the host still holds %d connections", n)
			}
			if got.result.State != probe.StateOpen {
				t.Errorf("state %s", got.result.State)
			}
		})
	}
}

// TestSendError: what the kernel refuses is an error, and no verdict.
func TestSendError(t *testing.T) {
	got := scene{host: simnet.Dropped{}, cfg: Config{Data: filler(4000), DataOn: OnSYN}, sendError: errors.New("firewall")}.play(t)
	if got.err == nil || got.result.State != probe.StateUnknown || got.result.Reason != probe.ReasonSendFailed {
		t.Errorf("%v, %s, %s", got.err, got.result.State, got.result.Reason)
	}
}
