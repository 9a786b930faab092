package simnet

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
)

func addr(s string) netip.Addr         { return netip.MustParseAddr(s) }
func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// tsval is what l puts into a timestamp option that long after a bubble began.
func tsval(l *Listener, after time.Duration) string {
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // testing/synctest
	in := craft.Segment{Src: addrPort("192.0.2.1:32768"), Dst: addrPort(scriptHost + ":80")}
	return fmt.Sprint(uint32(began.Add(after).UnixMilli()) + l.stampOffset(&in))
}

const handshake = `
	0.000000 > [S], seq 100, win 1024, length 0
	0.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0
	0.020000 > [.], seq 101, ack 1001, win 1024, length 0`

func TestConnections(t *testing.T) {
	tests := []struct {
		name  string
		host  Listener
		rest  string
		until time.Duration
		left  int
	}{
		{"close in three steps", Listener{}, `
			0.100000 > [F.], seq 101, ack 1001, win 1024, length 0
			0.120000 < [F.], seq 1001, ack 102, win 64240, length 0
			0.200000 > [.], seq 102, ack 1002, win 1024, length 0`, 5 * time.Second, 0},
		{"close in four steps", Listener{App: App{Linger: time.Second}}, `
			0.100000 > [F.], seq 101, ack 1001, win 1024, length 0
			0.120000 < [.], seq 1001, ack 102, win 64240, length 0
			1.120000 < [F.], seq 1001, ack 102, win 64240, length 0
			1.200000 > [.], seq 102, ack 1002, win 1024, length 0`, 5 * time.Second, 0},
		{"echo, half closed", Listener{App: App{Echo: true, OnFIN: HalfClosed}}, `
			0.100000 > [P.], seq 101:106, ack 1001, win 1024, length 5
			0.120000 < [P.], seq 1001:1006, ack 106, win 64240, length 5
			0.200000 > [.], seq 106, ack 1006, win 1024, length 0
			0.300000 > [F.], seq 106, ack 1006, win 1024, length 0
			0.320000 < [.], seq 1006, ack 107, win 64240, length 0`, 5 * time.Second, 1},
		{"reset on FIN", Listener{App: App{OnFIN: ResetOnFIN}}, `
			0.100000 > [F.], seq 101, ack 1001, win 1024, length 0
			0.120000 < [R.], seq 1001, ack 102, win 64240, length 0`, time.Second, 0},
		{"FIN retransmitted until given up", Listener{App: App{Retries: 2}}, `
			0.100000 > [F.], seq 101, ack 1001, win 1024, length 0
			0.120000 < [F.], seq 1001, ack 102, win 64240, length 0
			1.120000 < [F.], seq 1001, ack 102, win 64240, length 0
			3.120000 < [F.], seq 1001, ack 102, win 64240, length 0`, 20 * time.Second, 0},
		{"banner retransmitted", Listener{App: App{Banner: []byte("hello")}}, `
			0.040000 < [P.], seq 1001:1006, ack 101, win 64240, length 5
			1.040000 < [P.], seq 1001:1006, ack 101, win 64240, length 5
			1.100000 > [.], seq 101, ack 1006, win 1024, length 0`, 20 * time.Second, 1},
		{"server closes, TIME-WAIT answers a repeated FIN", Listener{App: App{Hangup: true}}, `
			0.040000 < [F.], seq 1001, ack 101, win 64240, length 0
			0.100000 > [.], seq 101, ack 1002, win 1024, length 0
			0.200000 > [F.], seq 101, ack 1002, win 1024, length 0
			0.220000 < [.], seq 1002, ack 102, win 64240, length 0
			59.000000 > [F.], seq 101, ack 1002, win 1024, length 0
			59.020000 < [.], seq 1002, ack 102, win 64240, length 0
			110.000000 > [F.], seq 101, ack 1002, win 1024, length 0
			110.020000 < [.], seq 1002, ack 102, win 64240, length 0
			180.000000 > [F.], seq 101, ack 1002, win 1024, length 0
			180.020000 < [R], seq 1002, win 0, length 0`, 200 * time.Second, 0},
		{"simultaneous close", Listener{App: App{Hangup: true}}, `
			0.035000 > [F.], seq 101, ack 1001, win 1024, length 0
			0.040000 < [F.], seq 1001, ack 101, win 64240, length 0
			0.055000 < [.], seq 1002, ack 102, win 64240, length 0
			0.100000 > [.], seq 102, ack 1002, win 1024, length 0`, 5 * time.Second, 1},
		{"tarpit", Listener{Shut: ShutAccepted}, `
			0.100000 > [P.], seq 101:106, ack 1001, win 1024, length 5
			0.120000 < [.], seq 1001, ack 101, win 0, length 0`, 5 * time.Second, 1},
		{"accept queue full", Listener{Backlog: BacklogFull}, `
			0.100000 > [P.], seq 101:106, ack 1001, win 1024, length 5
			1.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0
			3.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0`, 5 * time.Second, 1},
		{"accept queue resets", Listener{Backlog: BacklogReset}, `
			0.040000 < [R], seq 1001, win 0, length 0`, 5 * time.Second, 0},
		{"SYN on an established connection", Listener{}, `
			0.100000 > [S], seq 9000, win 1024, length 0
			0.120000 < [.], seq 1001, ack 101, win 64240, length 0`, 5 * time.Second, 1},
		{"the first SYN again on an established connection", Listener{}, `
			0.100000 > [S], seq 100, win 1024, length 0
			0.120000 < [.], seq 1001, ack 101, win 64240, length 0`, 5 * time.Second, 1},
		{"reset while the program lingers", Listener{App: App{Linger: time.Second}}, `
			0.100000 > [F.], seq 101, ack 1001, win 1024, length 0
			0.120000 < [.], seq 1001, ack 102, win 64240, length 0
			0.200000 > [R], seq 102, win 0, length 0`, 5 * time.Second, 0},
		{"no TIME-WAIT", Listener{App: App{Hangup: true, NoTimeWait: true}}, `
			0.040000 < [F.], seq 1001, ack 101, win 64240, length 0
			0.100000 > [F.], seq 101, ack 1002, win 1024, length 0
			0.120000 < [.], seq 1002, ack 102, win 64240, length 0
			0.200000 > [F.], seq 101, ack 1002, win 1024, length 0
			0.220000 < [R], seq 1002, win 0, length 0`, 5 * time.Second, 0},
		{"a new SYN ends TIME-WAIT, an old one does not", Listener{App: App{Hangup: true}}, `
			0.040000 < [F.], seq 1001, ack 101, win 64240, length 0
			0.100000 > [F.], seq 101, ack 1002, win 1024, length 0
			0.120000 < [.], seq 1002, ack 102, win 64240, length 0
			0.200000 > [S], seq 50, win 1024, length 0
			0.220000 < [.], seq 1002, ack 102, win 64240, length 0
			0.300000 > [S], seq 500, win 1024, length 0
			0.320000 < [S.], seq 1000, ack 501, win 64240, options [mss 1460], length 0`, 1 * time.Second, 1},
		{"data beyond a gap", Listener{}, `
			0.100000 > [P.], seq 111:116, ack 1001, win 1024, length 5
			0.120000 < [.], seq 1001, ack 101, win 64240, length 0`, 5 * time.Second, 1},
		{"data twice, the second time longer", Listener{}, `
			0.100000 > [P.], seq 101:106, ack 1001, win 1024, length 5
			0.120000 < [.], seq 1001, ack 106, win 64240, length 0
			0.200000 > [P.], seq 101:109, ack 1001, win 1024, length 8
			0.220000 < [.], seq 1001, ack 109, win 64240, length 0`, 5 * time.Second, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := tt.host
			l.ISN = isn1000
			play(t, &l, tt.until, handshake+tt.rest)
			if l.Conns() != tt.left {
				t.Errorf("%d connections held at the end, want %d", l.Conns(), tt.left)
			}
		})
	}
}

// The peer's window and MSS bound what is sent at once.
func TestFlowControl(t *testing.T) {
	l := &Listener{ISN: isn1000, App: App{Banner: make([]byte, 250), RTO: 10 * time.Second}}
	play(t, l, time.Second, `
		0.000000 > [S], seq 100, win 150, options [mss 100], length 0
		0.020000 < [S.], seq 1000, ack 101, win 64240, options [mss 1460], length 0
		0.020000 > [.], seq 101, ack 1001, win 150, length 0
		0.040000 < [P.], seq 1001:1101, ack 101, win 64240, length 100
		0.040000 < [P.], seq 1101:1151, ack 101, win 64240, length 50
		0.100000 > [.], seq 101, ack 1151, win 150, length 0
		0.120000 < [P.], seq 1151:1251, ack 101, win 64240, length 100
		0.200000 > [.], seq 101, ack 1251, win 150, length 0`)
}

// A segment without the negotiated timestamp is dropped (RFC 7323 §3.2).
func TestTimestampsRequired(t *testing.T) {
	l := &Listener{ISN: isn1000, ECN: true}
	play(t, l, 500*time.Millisecond, `
		0.000000 > [SEW], seq 100, win 1024, options [nop,nop,TS val 5 ecr 0], length 0
		0.020000 < [S.E], seq 1000, ack 101, win 64240, options [mss 1460,nop,nop,TS val `+tsval(l, 10*time.Millisecond)+` ecr 5], length 0
		0.100000 > [.], seq 101, ack 1001, win 1024, length 0
		0.200000 > [.], seq 101, ack 1001, win 1024, options [nop,nop,TS val 7 ecr 5], length 0
		0.300000 > [F.], seq 101, ack 1001, win 1024, options [nop,nop,TS val 8 ecr 5], length 0
		0.320000 < [F.], seq 1001, ack 102, win 64240, options [nop,nop,TS val `+tsval(l, 310*time.Millisecond)+` ecr 8], length 0`)
}

// Options come in the order of Linux, and only those that were offered.
func TestSYNACKOptions(t *testing.T) {
	booted := time.Date(1999, 12, 31, 23, 0, 0, 0, time.UTC) // an hour before a bubble begins
	for offered, want := range map[string]string{
		"[mss 1460]":                              "[mss 1460]",
		"[mss 1460,nop,wscale 2]":                 "[mss 1460,nop,wscale 7]",
		"[nop,nop,sackOK]":                        "[mss 1460,nop,nop,sackOK]",
		"[nop,nop,TS val 5 ecr 0]":                "[mss 1460,nop,nop,TS val 3600010 ecr 5]",
		"[nop,nop,sackOK,nop,nop,TS val 5 ecr 0]": "[mss 1460,sackOK,TS val 3600010 ecr 5]",
	} {
		play(t, &Listener{ISN: isn1000, Booted: booted}, 500*time.Millisecond, `
			0.000000 > [S], seq 100, win 1024, options `+offered+`, length 0
			0.020000 < [S.], seq 1000, ack 101, win 64240, options `+want+`, length 0`)
	}
}

// Data on the SYN is taken where that is allowed, and then acknowledged.
func TestDataOnSYN(t *testing.T) {
	for _, tt := range []struct {
		fast bool
		ack  string
	}{{false, "101"}, {true, "105"}} {
		play(t, &Listener{ISN: isn1000, FastOpen: tt.fast}, 500*time.Millisecond, `
			0.000000 > [S], seq 100:104, win 1024, length 4
			0.020000 < [S.], seq 1000, ack `+tt.ack+`, win 64240, options [mss 1460], length 0`)
	}
}
