package wire

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
)

func closingOf(port uint16, peer craft.Seq, addr string) Response {
	return Response{
		Src: netip.MustParseAddrPort("192.0.2.1:40000"), Dst: netip.AddrPortFrom(netip.MustParseAddr(addr), port),
		Flags: craft.RST, Seq: 7, Peer: peer,
	}
}

// A connection gets an RST for each retransmitted SYN-ACK, as many as stacks send, and
// for a few numbers of the peer's; a peer that goes on choosing others is told of once,
// and gets none for them, however long it goes on. Another connection is none of it.
func TestConnectionsAreClosedAFewTimes(t *testing.T) {
	var r Responder
	var told []netip.AddrPort
	r.Storms = func(peer netip.AddrPort, _ int) { told = append(told, peer) }
	drain := func() { r.Take(mostResponses, 0, nil) }
	same, other := 0, 0
	for i := range 200 {
		now := time.Duration(i) * time.Second
		if r.Add(closingOf(80, 9, "192.0.2.2"), now) {
			same++
		}
		if r.Add(closingOf(81, craft.Seq(i), "192.0.2.2"), now) {
			other++
		}
		drain()
	}
	if same != mostClosings || other != mostNumbers {
		t.Errorf("%d RSTs for one number, %d for many", same, other)
	}
	if got := fmt.Sprint(told); got != "[192.0.2.2:81]" {
		t.Errorf("told of %v", got)
	}
	if !r.Add(closingOf(82, 9, "192.0.2.2"), 200*time.Second) {
		t.Error("a new connection was not closed")
	}
}

// Addresses take turns, whoever calls for more, and one leaves room for others.
func TestResponsesTakeTurns(t *testing.T) {
	var r Responder
	for i := range uint16(3 * mostResponses) {
		r.Add(closingOf(i, 9, "192.0.2.66"), 0)
	}
	for i := range uint16(10) {
		if !r.Add(closingOf(i, 9, fmt.Sprintf("2001:db8::%d", i+1)), 0) {
			t.Fatalf("no room for host %d", i)
		}
	}
	hostile := 0
	list := r.Take(20, 0, nil)
	for _, x := range list {
		if x.Dst.Addr().Is4() {
			hostile++
		}
	}
	if len(list) != 20 || hostile != 10 || list[0].Dst.Port() != 0 {
		t.Errorf("%d of %d to the one that calls for most", hostile, len(list))
	}
	var p turns
	for i := range uint16(6) {
		p.add(closingOf(i%3, craft.Seq(i), "192.0.2.66"))
	}
	p.take(1, nil)
	flow := p.takeFlow(closingOf(1, 0, "192.0.2.66").Src, netip.MustParseAddrPort("192.0.2.66:1"), nil)
	rest := p.take(10, nil)
	if fmt.Sprint(len(flow), len(rest), p.count, len(p.lanes), len(p.of)) != "2 3 0 0 0" || flow[0].Peer != 1 || flow[1].Peer != 4 || rest[0].Peer != 2 {
		t.Errorf("%v and %v, %d left", flow, rest, p.count)
	}
}

// Half of a budget is for responses while probes wait, of one packet every other one.
func TestResponsesHaveHalf(t *testing.T) {
	var r Responder
	if r.Half(10) != 0 {
		t.Error("a share for nothing")
	}
	for i := range uint16(100) {
		r.Add(closingOf(i, 9, "192.0.2.2"), 0)
	}
	one, ten := 0, 0
	for range 10 {
		one += r.Half(1)
	}
	for range 10 {
		ten += r.Half(10)
	}
	if one != 5 || ten != 50 {
		t.Errorf("%d of 10 and %d of 100", one, ten)
	}
}

// An address whose responses never run out takes no more memory for that.
func TestTurnsStayShort(t *testing.T) {
	var all turns
	closing := closingOf(1, 9, "192.0.2.66")
	for range 10 {
		all.add(closing)
	}
	var list []Response
	for range 100_000 {
		if list = all.take(1, list[:0]); len(list) != 1 || !all.add(closing) {
			t.Fatal("a response is missing")
		}
	}
	if l := all.of[closing.Dst.Addr()]; cap(l.list) > 64 || all.count != 10 {
		t.Errorf("room for %d, %d wait", cap(l.list), all.count)
	}
}
