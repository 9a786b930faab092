package simnet

import (
	"testing"
	"time"

	"synscope/craft"
)

var isn1000 = ConstantISN(1000)

// What each kind of port says to each kind of probe (SEMANTICS' table).
func TestProbes(t *testing.T) {
	open := func(stray Stray) Host { return &Listener{ISN: isn1000, Stray: stray, SYNACKs: []time.Duration{}} }
	const (
		synProbe = "[S], seq 100, win 1024, length 0"
		ack      = "[.], seq 100, ack 7, win 1024, length 0"
		fin      = "[F], seq 100, win 1024, length 0"
		null     = "[none], seq 100, win 1024, length 0"
		xmas     = "[FPU], seq 100, win 1024, urg 0, length 0"
		maimon   = "[F.], seq 100, ack 7, win 1024, length 0"
		rst      = "[R], seq 100, win 0, length 0"

		synack  = "[S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0"
		bareRST = "[R], seq 7, win 0, length 0"
		rstACK  = "[R.], seq 0, ack 101, win 0, length 0"
		rstNULL = "[R.], seq 0, ack 100, win 0, length 0"
		silence = ""
	)
	tests := []struct {
		name        string
		host        Host
		probe, want string
	}{
		{"open syn", open(StrayRFC), synProbe, synack},
		{"open ack", open(StrayRFC), ack, bareRST},
		{"open fin", open(StrayRFC), fin, silence},
		{"open null", open(StrayRFC), null, silence},
		{"open xmas", open(StrayRFC), xmas, silence},
		{"open maimon", open(StrayRFC), maimon, bareRST},
		{"open rst", open(StrayRFC), rst, silence},
		{"bsd maimon", open(StrayBSD), maimon, silence},
		{"bsd ack", open(StrayBSD), ack, bareRST},
		{"windows fin", open(StrayWindows), fin, rstACK},
		{"windows null", open(StrayWindows), null, rstNULL},
		{"windows xmas", open(StrayWindows), xmas, rstACK},
		{"window scan", &Listener{ResetWindow: 4096}, ack, "[R], seq 7, win 4096, length 0"},
		{"closed syn", Closed{}, synProbe, rstACK},
		{"closed ack", Closed{}, ack, bareRST},
		{"closed fin", Closed{}, fin, rstACK},
		{"closed null", Closed{}, null, rstNULL},
		{"closed maimon", Closed{}, maimon, bareRST},
		{"closed rst", Closed{}, rst, silence},
		{"dropped syn", Dropped{}, synProbe, silence},
		{"mux default", Mux{}, synProbe, rstACK},
		{"mux port", Mux{Ports: map[uint16]Host{80: open(StrayRFC)}, Default: Dropped{}}, synProbe, synack},
		{"split", Split{ISN: isn1000}, synProbe, "[S], seq 1000, win 65535, length 0"},
		{"all open", AllOpen{ISN: isn1000}, synProbe, "[S.], seq 1000, ack 101, win 0, length 0"},
		{"all open, wrong ack", AllOpen{ISN: isn1000}, ack, bareRST},
		{"tarpit", TarPit(), rst, silence},
		{"ack of x", Mangle(open(StrayRFC), AckOff(^uint32(0))), synProbe, "[S.], seq 1000, ack 100, win 64240, options [mss 1460], length 0"},
		{"ack of x+2", Mangle(open(StrayRFC), AckOff(1)), synProbe, "[S.], seq 1000, ack 102, win 64240, options [mss 1460], length 0"},
		{"reset of x", Mangle(Closed{}, AckOff(^uint32(0))), synProbe, rstNULL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			script := "0.000000 > " + tt.probe
			if tt.want != silence {
				script += "\n0.020000 < " + tt.want
			}
			play(t, tt.host, 500*time.Millisecond, script)
		})
	}
}

// A half-open connection sends its SYN-ACK after 1, 3, 7, 15 and 31 s again,
// and is forgotten at 63 s: a stray ACK then meets LISTEN.
func TestSYNACKSchedule(t *testing.T) {
	l := &Listener{ISN: isn1000}
	play(t, l, 70*time.Second, `
		0.000000 > [S], seq 100, win 1024, options [mss 1460,sackOK,TS val 5 ecr 0,nop,wscale 7], length 0
		0.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460,sackOK,TS val `+tsval(l, 10*time.Millisecond)+` ecr 5,nop,wscale 7], length 0
		1.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460,sackOK,TS val `+tsval(l, 1010*time.Millisecond)+` ecr 5,nop,wscale 7], length 0
		3.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460,sackOK,TS val `+tsval(l, 3010*time.Millisecond)+` ecr 5,nop,wscale 7], length 0
		7.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460,sackOK,TS val `+tsval(l, 7010*time.Millisecond)+` ecr 5,nop,wscale 7], length 0
		15.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460,sackOK,TS val `+tsval(l, 15010*time.Millisecond)+` ecr 5,nop,wscale 7], length 0
		31.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460,sackOK,TS val `+tsval(l, 31010*time.Millisecond)+` ecr 5,nop,wscale 7], length 0
		64.000000 > [.], seq 101, ack 1001, win 1024, length 0
		64.020000 < [R], seq 1001, win 0, length 0`)
	if l.Conns() != 0 {
		t.Errorf("%d connections left, want none", l.Conns())
	}
}

// The same SYN draws the same SYN-ACK from a half-open connection, whatever
// the generator would say now; an inexact RST is challenged, an exact one
// closes, and then the next SYN has another ISN (DESIGN fact 6).
func TestHalfOpen(t *testing.T) {
	play(t, &Listener{ISN: StepISN(1000)}, 900*time.Millisecond, `
		0.000000 > [S], seq 100, win 1024, length 0
		0.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0
		0.100000 > [S], seq 100, win 1024, length 0
		0.120000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0
		0.200000 > [S], seq 5000, win 1024, length 0                  // another SYN: challenge ACK
		0.220000 < [.], seq 1001, ack 101, win 64240, length 0
		0.300000 > [R], seq 102, win 0, length 0                      // in the window, not exact
		0.320000 < [.], seq 1001, ack 101, win 64240, length 0
		0.400000 > [R], seq 100, win 0, length 0                      // outside the window
		0.500000 > [.], seq 101, ack 1000, win 1024, length 0         // acknowledges too little
		0.520000 < [R], seq 1000, win 0, length 0
		0.600000 > [R], seq 101, win 0, length 0                      // exact
		0.700000 > [S], seq 100, win 1024, length 0
		0.720000 < [S.], seq 2000, ack 101, win 64240, options [mss 1460], length 0`)
}

// A SYN for a connection that the far end still holds draws a challenge ACK;
// an RST with its acknowledgement number clears the way (RFC 5961 §4).
func TestStaleConnection(t *testing.T) {
	l := &Listener{ISN: isn1000}
	l.Plant(addrPort(scriptHost+":80"), addrPort("192.0.2.1:32768"), 777, 555)
	play(t, l, 500*time.Millisecond, `
		0.000000 > [S], seq 100, win 1024, length 0
		0.020000 < [.], seq 777, ack 555, win 64240, length 0
		0.100000 > [R], seq 555, win 0, length 0
		0.200000 > [S], seq 100, win 1024, length 0
		0.220000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0`)
}

func TestMiddleboxes(t *testing.T) {
	quiet := func() Host { return &Listener{ISN: isn1000, SYNACKs: []time.Duration{}} }
	t.Run("forged reset", func(t *testing.T) {
		play(t, ForgedReset(quiet(), 250, 5*time.Millisecond), 500*time.Millisecond, `
			0.000000 > [S], seq 100, win 1024, length 0
			0.020000 < [R.], seq 0, ack 101, win 0, length 0
			0.025000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0`)
	})
	t.Run("forged icmp", func(t *testing.T) {
		play(t, ForgedICMP(quiet(), ICMP{Type: 3, Code: 13, QuoteTCP: 8}), 500*time.Millisecond, `
			0.000000 > [S], seq 100, win 1024, length 0
			0.020000 < IP 198.51.100.1 > 192.0.2.1: ICMP type 3 code 13, quoting 192.0.2.1:32768 > 198.51.100.1:80 seq 101, 8 bytes of TCP
			0.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0`)
	})
	t.Run("router", func(t *testing.T) {
		reject := Rejected{ICMP{From: addr("203.0.113.9"), Type: 3, Code: 1}}
		play(t, reject, 500*time.Millisecond, `
			0.000000 > [S], seq 100, win 1024, length 0
			0.020000 < IP 203.0.113.9 > 192.0.2.1: ICMP type 3 code 1, quoting 192.0.2.1:32768 > 198.51.100.1:80 seq 100, 20 bytes of TCP`)
	})
	t.Run("twice", func(t *testing.T) {
		play(t, Repeat(quiet(), 2, time.Millisecond), 500*time.Millisecond, `
			0.000000 > [S], seq 100, win 1024, length 0
			0.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0
			0.021000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0`)
	})
	t.Run("cut short", func(t *testing.T) {
		play(t, Garble(quiet(), Cut(30)), 500*time.Millisecond, `
			0.000000 > [S], seq 100, win 1024, length 0
			0.020000 < 30 bytes: packet truncated`)
	})
}

// A SYN proxy knows its own cookies, and resets what acknowledges no other.
func TestAllOpenKnowsItsCookies(t *testing.T) {
	play(t, AllOpen{ISN: func(_ time.Time, syn *craft.Segment) craft.Seq { return syn.Seq + 900 }}, time.Second, `
		0.000000 > [S], seq 100, win 1024, length 0
		0.020000 < [S.], seq 1000, ack 101, win 0, length 0
		0.100000 > [.], seq 101, ack 1001, win 1024, length 0
		0.200000 > [.], seq 101, ack 1002, win 1024, length 0
		0.220000 < [R], seq 1002, win 0, length 0`)
}

// A wrapper keeps its hold on what a host sends later.
func TestWrappedRetransmission(t *testing.T) {
	l := &Listener{ISN: isn1000, SYNACKs: []time.Duration{time.Second}}
	play(t, Slow(Mangle(l, SeqOff(1)), time.Second), 10*time.Second, `
		0.000000 > [S], seq 100, win 1024, length 0
		1.020000 < [S.], seq 1001, ack 101, win 64240, options [mss 1460], length 0
		2.020000 < [S.], seq 1001, ack 101, win 64240, options [mss 1460], length 0`)
}
