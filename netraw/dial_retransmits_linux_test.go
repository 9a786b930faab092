package netraw

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// dropSYNs has the peer count the SYNs to a port and drop them, until it is told to stop.
func (p *peer) dropSYNs(port uint16) (counted func() int, stop func()) {
	conn, err := nftables.New(nftables.WithNetNSFd(int(p.ns)))
	must(err)
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "drop"})
	chain := conn.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	rule := append(flagsAre(craft.SYN, port), &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
	must(conn.Flush())
	counted = func() int {
		rules, err := conn.GetRules(table, chain)
		must(err)
		for _, e := range rules[0].Exprs {
			if c, ok := e.(*expr.Counter); ok {
				return int(c.Packets)
			}
		}
		panic("no counter")
	}
	return counted, func() { conn.DelTable(table); must(conn.Flush()) }
}

// A connect that nobody answers tells how often its SYN was sent: what the peer's
// firewall counts.
func TestDialCountsSYNsOfSilence(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	for _, addr := range []netip.Addr{peer4, peer6} {
		const port = 81
		counted, stop := p.dropSYNs(port)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for counted() < 2 {
				time.Sleep(5 * time.Millisecond)
			}
			cancel()
		}()
		h, err := Dialer{}.Dial(ctx, netip.AddrPortFrom(addr, port))
		cancel()
		syns := counted() // one more, where this process was not let run for so long
		stop()
		if !errors.Is(err, context.Canceled) || h.Retransmits < 1 || h.Retransmits >= syns || h.RTT != 0 {
			t.Errorf("%v: %+v, %v; the peer had %d SYNs", addr, h, err, syns)
		}
	}
}

// One that is refused at a later SYN tells that too, and no time.
func TestDialCountsSYNsOfARefusal(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	p := newPeer(t)
	const port = 81
	counted, stop := p.dropSYNs(port)
	go func() {
		for counted() == 0 {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
	}()
	h, err := Dialer{}.Dial(t.Context(), netip.AddrPortFrom(peer4, port))
	if !errors.Is(err, unix.ECONNREFUSED) || h.Retransmits < 1 || h.RTT != 0 || h.Clock != ClockNone {
		t.Errorf("%+v, %v", h, err)
	}
}
