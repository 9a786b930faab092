package netraw

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"synscope/craft"
)

// flagsAre matches segments by their SYN, ACK and RST flags, to a port.
func flagsAre(flags craft.Flags, port uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{byte(craft.SYN | craft.ACK | craft.RST)}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{byte(flags)}},
	}
}

// filter gives the peer one rule for what comes in.
func (p *peer) filter(t *testing.T, rule ...expr.Any) {
	t.Helper()
	conn, err := nftables.New(nftables.WithNetNSFd(int(p.ns)))
	must(err)
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "in"})
	chain := conn.AddChain(&nftables.Chain{Name: "in", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
	must(conn.Flush())
}

// A connection whose SYN was acknowledged was open, however soon the RST came: here
// it comes before connect(2) has returned, since the peer's firewall answers our ACK.
func TestDialResetAfterTheSYNACK(t *testing.T) {
	p := newPeer(t)
	port := p.listen(t)
	p.filter(t, append(flagsAre(craft.ACK, port), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})...)
	for _, addr := range []netip.Addr{peer4, peer6} {
		h, err := Dialer{}.Dial(t.Context(), netip.AddrPortFrom(addr, port))
		if err != nil || !h.Reset || h.RTT <= 0 || h.Clock != ClockTCPInfo {
			t.Errorf("%v: %+v, %v", addr, h, err)
		}
	}
}

// A SYN and an RST that know nothing of our number give the same ECONNRESET, and
// do not make a silent port open.
func TestDialResetByAStranger(t *testing.T) {
	p := newPeer(t)
	p.known(peer4)
	us, silent := netip.AddrPortFrom(our4, 40077), netip.AddrPortFrom(peer4, 80)
	p.filter(t, append(flagsAre(craft.SYN, silent.Port()), &expr.Verdict{Kind: expr.VerdictDrop})...)
	done := make(chan error, 1)
	go func() {
		h, err := Dialer{Port: us.Port()}.Dial(t.Context(), silent)
		if h.Reset {
			t.Errorf("open: %+v", h)
		}
		done <- err
	}()
	for {
		p.throw(segment(silent, us, flagSYN, 7000, 0), true)
		p.throw(segment(silent, us, flagRST, 7001, 0), true)
		select {
		case err := <-done:
			if !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("%v", err)
			}
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}
