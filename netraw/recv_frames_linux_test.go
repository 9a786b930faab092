package netraw

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"synscope/internal/lab"
)

// longSegment has a payload that no frame takes.
func longSegment(src, dst netip.AddrPort, seq uint32, payload []byte) []byte {
	tcp := &layers.TCP{SrcPort: layers.TCPPort(src.Port()), DstPort: layers.TCPPort(dst.Port()), Seq: seq, RST: true}
	ip := header(src.Addr(), dst.Addr(), layers.IPProtocolTCP, 64)
	must(tcp.SetNetworkLayerForChecksum(ip.(gopacket.NetworkLayer)))
	return serialize(ip, tcp, gopacket.Payload(payload))
}

// Packets longer than a frame come whole, in their order, among short ones.
func TestLongPackets(t *testing.T) { intakes(t, longPackets) }

func longPackets(t *testing.T, cfg Config) {
	cfg.WatchOutgoing = true
	c := open(t, &cfg)
	src, dst := netip.AddrPortFrom(lo4, c.Ports()[0]), netip.AddrPortFrom(lo4, 9)
	var sent [][]byte
	for i := range 40 {
		sent = append(sent, longSegment(src, dst, uint32(i), bytes.Repeat([]byte{byte(i)}, i*37)))
	}
	for at := 0; at < len(sent); at += 8 {
		_, err := c.Send(sent[at : at+8])
		must(err)
	}
	var got [][]byte
	for _, p := range gatherAll(t, c, 100*time.Millisecond, nth(len(sent), isOutgoing)) {
		if p.Outgoing {
			got = append(got, p.Data)
		}
	}
	if len(got) != len(sent) {
		t.Fatalf("%d of %d packets came", len(got), len(sent))
	}
	for i := range sent {
		if !bytes.Equal(got[i][20:], sent[i][20:]) { // the kernel fills in the IP header's checksum
			t.Errorf("packet %d: % x\nwant % x", i, got[i], sent[i])
		}
	}
}

// Poll returns what is there, Await ends by a packet, by Wake and by time, and what
// was polled goes round the ring many times.
func TestPoll(t *testing.T) { intakes(t, poll) }

func poll(t *testing.T, cfg Config) {
	cfg.WatchOutgoing, cfg.ReceiveBuffer = true, 1<<16
	c := open(t, &cfg)
	pkts := make([]Packet, 8)
	if n, err := c.Poll(pkts); n != 0 || err != nil {
		t.Fatalf("Poll of nothing: %d, %v", n, err)
	}
	for round := range 300 {
		sendSYN(t, c, lo4, 9) // seen leaving and arriving, and its RST twice, on lo
		seen := 0
		for until := time.Now().Add(time.Minute); seen < 2 && time.Now().Before(until); {
			c.Await(time.Second, 0)
			n, err := c.Poll(pkts)
			must(err)
			seen += n
		}
		if seen < 2 {
			t.Fatalf("round %d: %d packets", round, seen)
		}
	}
	if s := c.Stats(); s.KernelDrops != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAwait(t *testing.T) {
	if lab.Apart(t) {
		intakes(t, testAwait)
	}
}

func testAwait(t *testing.T, cfg Config) {
	c := open(t, &cfg)
	start := time.Now()
	if c.Await(20*time.Millisecond, 0); time.Since(start) < 20*time.Millisecond {
		t.Error("Await ended by itself before its time")
	}
	c.Wake() // before
	waited := make(chan struct{})
	go func() {
		c.Await(time.Hour, 0)
		c.Await(time.Hour, time.Minute)
		c.Await(time.Hour, time.Hour)
		close(waited)
	}()
	time.Sleep(10 * time.Millisecond)
	c.Wake() // meanwhile
	time.Sleep(10 * time.Millisecond)
	c.Wake()
	<-waited
	for i := range 400 { // at any moment of a wait
		go func() {
			time.Sleep(time.Duration(i) * time.Microsecond / 2)
			c.Wake()
		}()
		c.Await(time.Hour, time.Duration(i%2)*time.Hour)
	}
	sendSYN(t, c, lo4, 9) // what comes does not end a wait that gathers as long
	for _, d := range []time.Duration{5 * time.Millisecond, 2 * parkFrom} {
		start := time.Now()
		if c.Await(d, d); time.Since(start) < d {
			t.Errorf("Await of %v that gathers so long ended by itself after %v", d, time.Since(start))
		}
	}
	sent := make(chan struct{})
	time.AfterFunc(5*time.Millisecond, func() {
		defer close(sent)
		sendSYN(t, c, lo4, 9)
	})
	if n, err := c.Recv(make([]Packet, 1)); n != 1 || err != nil {
		t.Errorf("Recv after waits that were ended: %d, %v", n, err)
	}
	<-sent // the answer to the one before may have come first
	c.Close()
	c.Await(time.Hour, 0)
	if _, err := c.Poll(make([]Packet, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Poll after Close: %v", err)
	}
}

// Own packets are seen until Unwatch.
func TestUnwatch(t *testing.T) { intakes(t, testUnwatch) }

func testUnwatch(t *testing.T, cfg Config) {
	cfg.WatchOutgoing = true
	c := open(t, &cfg)
	for _, on := range []bool{true, false} {
		sendSYN(t, c, lo4, 9)
		own := 0
		for _, p := range gatherAll(t, c, 50*time.Millisecond, isRefusal) {
			if p.Outgoing {
				own++
			}
		}
		if (own > 0) != on {
			t.Errorf("watched %v: %d own packets", on, own)
		}
		must(c.Unwatch())
	}
}
