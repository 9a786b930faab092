package simnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
)

const (
	target4 = "198.51.100.1:80"
	target6 = "[2001:db8:1::1]:80"
)

// recv reads until the deadline and returns what came.
func recv(t testing.TB, c *Conn, wait time.Duration) (all []netraw.Packet) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		t.Fatal(err)
	}
	pkts := make([]netraw.Packet, 8)
	for {
		n, err := c.Recv(pkts)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pkts[:n] {
			p.Data = append([]byte(nil), p.Data...)
			all = append(all, p)
		}
	}
}

func TestExactTimes(t *testing.T) {
	for _, target := range []string{target4, target6} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := New(Config{Out: Path{Delay: 7 * time.Millisecond}, Back: Path{Delay: 11 * time.Millisecond}})
				n.HandleAddr(addrPort(target).Addr().String(), Linux(80))
				c := n.Conn(1, WatchOutgoing())
				start := time.Now()
				send(t, c, syn(c, target, 100))
				got := recv(t, c, 500*time.Millisecond)
				if len(got) != 2 || !got[0].Outgoing || got[1].Outgoing {
					t.Fatalf("got %d packets, want our own and the answer", len(got))
				}
				if d := got[0].Time.Sub(start); d != 0 {
					t.Errorf("own packet stamped after %v, want 0", d)
				}
				if d := got[1].Time.Sub(start); d != 18*time.Millisecond {
					t.Errorf("answer stamped after %v, want 18ms", d)
				}
				if d := time.Since(start); d != 500*time.Millisecond {
					t.Errorf("deadline after %v, want 500ms", d)
				}
				var p craft.Packet
				if err := p.Decode(got[1].Data, craft.VerifyChecksums); err != nil {
					t.Fatal(err)
				}
				if s := p.Segment; s.Flags != craft.SYN|craft.ACK || s.Ack != 101 || s.Src != addrPort(target) {
					t.Errorf("answer is %v", &s)
				}
			})
		})
	}
}

// Recv returns at the very instant of the stamp.
func TestRecvReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{Out: Path{Delay: 7 * time.Millisecond}, Back: Path{Delay: 11 * time.Millisecond}})
		n.HandleAddr("198.51.100.1", Slow(Closed{}, time.Millisecond))
		c := n.Conn(1)
		start := time.Now()
		send(t, c, syn(c, target4, 100))
		pkts := make([]netraw.Packet, 1)
		if _, err := c.Recv(pkts); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 19*time.Millisecond || !pkts[0].Time.Equal(time.Now()) {
			t.Errorf("returned after %v, stamped %v, want 19ms and the same", d, pkts[0].Time.Sub(start))
		}
	})
}

// Nothing runs once the last Conn is closed; what is in flight to it is lost.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := Path{Delay: time.Millisecond}
		n := New(Config{Out: way, Back: way})
		l := &Listener{}
		n.HandleAddr("198.51.100.1", l)
		c := n.Conn(1)
		send(t, c, syn(c, target4, 100))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if n.armed != never {
			t.Error("the timer is set for nobody")
		}
		time.Sleep(time.Second)
		if got := recv(t, n.Conn(1), 100*time.Second); len(got) != 0 || l.Conns() != 0 {
			t.Errorf("%d packets for a closed Conn, %d connections held", len(got), l.Conns())
		}
	})
}

// The same in real time: a bubble is not needed.
func TestRealTime(t *testing.T) {
	n := New(Config{Back: Path{Delay: 2 * time.Millisecond}})
	n.HandleAddr("198.51.100.1", Closed{})
	c := n.Conn(1)
	defer c.Close()
	start := time.Now()
	send(t, c, syn(c, target4, 100))
	pkts := make([]netraw.Packet, 1)
	if err := c.SetReadDeadline(start.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Recv(pkts); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d < 2*time.Millisecond || d > time.Minute {
		t.Errorf("answered after %v, want 2ms and a little", d)
	}
}

func TestRecvUnblocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Config{}).Conn(1)
		result := make(chan error)
		recvOnce := func() {
			_, err := c.Recv(make([]netraw.Packet, 1))
			result <- err
		}
		go recvOnce()
		synctest.Wait()
		if err := c.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := <-result; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline in the past: %v", err)
		}
		if err := c.SetReadDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go recvOnce()
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-result; !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
		if _, err := c.Send([][]byte{make([]byte, 20)}); err == nil {
			t.Error("a closed Conn sends")
		}
	})
}

func TestReceiveQueueOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(Config{})
		n.HandleAddr("198.51.100.1", Closed{})
		c := n.Conn(1, ReceiveQueue(3))
		for i := range 10 {
			send(t, c, syn(c, target4, craft.Seq(i)))
		}
		got := recv(t, c, time.Millisecond)
		want := netraw.Stats{Sent: 10, Received: 3, KernelDrops: 7}
		if s := c.Stats(); len(got) != 3 || s != want {
			t.Errorf("%d received, %+v, want %+v", len(got), s, want)
		}
	})
}

func TestSendErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := make([]byte, 101)
		long[0] = 0x45
		refused := append([]byte(nil), long[:40]...)
		n := New(Config{MTU: 100, SendError: func(b []byte) error {
			if b[19] == 9 {
				return syscall.EPERM
			}
			return nil
		}})
		refused[19] = 9
		c := n.Conn(1)
		for _, tt := range []struct {
			pkt  []byte
			want error
		}{{long, syscall.EMSGSIZE}, {refused, syscall.EPERM}, {[]byte("junk"), netraw.ErrPacket}} {
			sent, err := c.Send([][]byte{long[:40], tt.pkt, long[:40]})
			if sent != 1 || !errors.Is(err, tt.want) {
				t.Errorf("sent %d, %v, want 1, %v", sent, err, tt.want)
			}
		}
		if s := c.Stats(); s.Sent != 3 || s.SendErrors != 3 {
			t.Errorf("%+v, want 3 sent and 3 errors", s)
		}
	})
}

func TestRouteAndPorts(t *testing.T) {
	n := New(Config{Sources: []netip.Addr{addr("192.0.2.7")}})
	a, b := n.Conn(2), n.Conn(2)
	if r, err := a.Route(addr("198.51.100.1")); err != nil || r.Source != addr("192.0.2.7") || r.MTU != 1500 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := a.Route(addr("2001:db8::2")); !errors.Is(err, netraw.ErrNoRoute) {
		t.Errorf("no IPv6 source: %v", err)
	}
	held := map[uint16]bool{}
	for _, port := range append(a.Ports(), b.Ports()...) {
		held[port] = true
	}
	if len(held) != 4 {
		t.Errorf("%d distinct ports, want 4", len(held))
	}
}

// A host discards what does not verify, and says nothing.
func TestHostsVerifyChecksums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log Transcript
		n := New(Config{Observe: log.Observe})
		n.HandleAddr("198.51.100.1", Closed{})
		c := n.Conn(1)
		s := syn(c, target4, 1)
		b, err := s.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Send([][]byte{FlipLast(b)}); err != nil {
			t.Fatal(err)
		}
		if got := recv(t, c, time.Second); len(got) != 0 {
			t.Errorf("%d answers to a broken packet", len(got))
		}
		if lines := log.Lines(); len(lines) != 2 || lines[1][len(lines[1])-len("[discarded]"):] != "[discarded]" {
			t.Errorf("transcript: %q", lines)
		}
	})
}
