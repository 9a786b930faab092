package netraw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// counter is a rule of this namespace that counts the TCP segments that pass the kernel's
// output, installed after a Conn was opened: frames pass it by. Multicast reports of the
// kernel's own, which leave at moments of their own, are not counted.
func counter(t *testing.T) (count func() uint64) {
	rules := ruleset{nftables.TableFamilyINet, nftables.ChainHookOutput, "", nftables.ChainPolicyAccept,
		[][]expr.Any{{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
			&expr.Counter{},
		}}, nil, ""}
	rules.install(t)
	conn, err := nftables.New()
	must(err)
	return func() uint64 {
		table := &nftables.Table{Family: nftables.TableFamilyINet, Name: "t"}
		got, err := conn.GetRules(table, &nftables.Chain{Name: "out", Table: table})
		must(err)
		return got[0].Exprs[2].(*expr.Counter).Packets
	}
}

// What is sent as a frame is what the kernel would have sent, and its answers come;
// what nobody was asked about, and all after a change of routes, takes the kernel's
// way.
func TestSendFrames(t *testing.T) {
	p := newPeer(t)
	c := open(t, &Config{SendFrames: true, WatchOutgoing: true})
	c.routes.obeyed.next.Store(math.MaxInt64) // no trials, which pass the kernel's output
	passed := counter(t)
	for _, end := range []struct{ src, dst netip.Addr }{{our4, peer4}, {our6, peer6}} {
		syn := segment(netip.AddrPortFrom(end.src, c.Ports()[0]), netip.AddrPortFrom(end.dst, 9), flagSYN, 7, 0)
		answered := func() (own []byte, yes bool) {
			_, err := c.Send([][]byte{syn})
			must(err)
			await(t, c, func(pkt Packet) bool {
				if pkt.Outgoing {
					own = pkt.Data
				}
				yes = !pkt.Outgoing && tcpHeader(pkt.Data)[13] == 0x14 // RST, ACK
				return yes
			})
			return own, yes
		}
		for _, step := range []struct {
			what      string
			do        func()
			asAFrame  bool
			changesIP bool
		}{
			{what: "not asked about", do: func() {}},
			{what: "asked about", do: func() { _, err := c.Route(end.dst); must(err) }, asAFrame: true},
			{what: "asked about and a route added", do: func() { addRoute(t, p, c.out.frames) }},
		} {
			step.do()
			before := passed()
			own, ok := answered()
			if !ok || (passed() == before) != step.asAFrame {
				t.Errorf("%v, %s: answered %v, %d passed the kernel's output", end.dst, step.what, ok, passed()-before)
			}
			if end.src.Is6() && !bytes.Equal(own, syn) || !bytes.Equal(own[20:], syn[20:]) {
				t.Errorf("%v, %s: % x\nwant % x", end.dst, step.what, own, syn)
			}
		}
	}
}

// addRoute changes the routes, and waits until that was heard.
func addRoute(t *testing.T, p *peer, f *frameSender) {
	link, err := netlink.LinkByName(p.here)
	must(err)
	dst, err := netlink.ParseIPNet("198.51.100.0/24")
	must(err)
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: dst}
	must(netlink.RouteAdd(route))
	must(netlink.RouteDel(route))
	eventually(t, "the change to be heard of", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.paths) == 0
	})
}

// A neighbour that moved is reached at its new address.
func TestFramesFollowTheNeighbour(t *testing.T) {
	p := newPeer(t)
	c := open(t, &Config{SendFrames: true})
	_, err := c.Route(peer4)
	must(err)
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	moved := [6]byte{2, 0, 0, 0, 0, 77}
	must(p.thereHandler.LinkSetHardwareAddr(far, moved[:]))
	near, err := netlink.LinkByName(p.here)
	must(err)
	entry := permanent(near, peer4, far)
	entry.HardwareAddr = moved[:]
	must(netlink.NeighSet(entry))
	eventually(t, "the new address to be heard of", func() bool {
		f := c.out.frames
		f.mu.Lock()
		defer f.mu.Unlock()
		return [6]byte(f.hops.table[0].header[:6]) == moved
	})
	sendSYN(t, c, peer4, 9)
	if got := await(t, c, anyPacket); len(got) != 1 {
		t.Error("no answer from the new address")
	}
}

// Any rule for output is an obstacle, one that translates addresses too.
func TestSendFramesAndTheFirewall(t *testing.T) {
	needNamespace(t)
	for name, r := range map[string]ruleset{
		"nat":   {nftables.TableFamilyIPv4, nftables.ChainHookPostrouting, nftables.ChainTypeNAT, nftables.ChainPolicyAccept, [][]expr.Any{{&expr.Masq{}}}, nil, ""},
		"count": {nftables.TableFamilyIPv4, nftables.ChainHookOutput, "", nftables.ChainPolicyAccept, [][]expr.Any{{&expr.Counter{}}}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r.install(t)
			if c, err := Open(&Config{SendFrames: true}); !errors.Is(err, ErrOutputFirewall) {
				t.Errorf("%v, %v", c, err)
			}
		})
	}
	c := open(t, &Config{SendFrames: true})
	c.Close()
}

// What is sent over both sets of sockets at once leaves, and is counted.
func TestSendBeside(t *testing.T) {
	newPeer(t)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	c := open(t, &Config{SendFrames: true, SharedFrames: true})
	_, err := c.Route(peer4)
	must(err)
	beside, ok := c.SendBeside()
	if !ok {
		t.Fatal("nothing to send by")
	}
	const batches, size = 50, 64
	var both sync.WaitGroup
	for lane, send := range []func([][]byte) (int, error){c.Send, beside} {
		both.Go(func() {
			for b := range batches {
				var pkts [][]byte
				for i := range size {
					port := uint16(10000 + lane*batches*size + b*size + i)
					pkts = append(pkts, segment(netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, port), flagSYN, 7, 0))
				}
				if n, err := send(pkts); n != len(pkts) || err != nil {
					t.Errorf("lane %d: %d of %d left: %v", lane, n, len(pkts), err)
				}
			}
		})
	}
	both.Wait()
	answered := map[uint16]bool{}
	await(t, c, func(p Packet) bool {
		if tcp := p.Data[20:]; tcp[13]&flagRST != 0 {
			answered[binary.BigEndian.Uint16(tcp)] = true
		}
		return len(answered) == 2*batches*size
	})
	if len(answered) != 2*batches*size || c.Stats().Sent != 2*batches*size {
		t.Errorf("%d ports answered, %d packets counted, want %d", len(answered), c.Stats().Sent, 2*batches*size)
	}
}
