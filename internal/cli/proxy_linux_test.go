package cli

import (
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// A transparent proxy on this machine answers for everybody: that the port is open says
// so, in every command that shows findings.
func TestProxyOnThisMachine(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{
		{Name: "proxied", Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	proxy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	go func() {
		for c, err := proxy.Accept(); err == nil; c, err = proxy.Accept() {
			c.Close()
		}
	}()
	const taken = 4443
	undo := redirect(t, taken, uint16(proxy.Addr().(*net.TCPAddr).Port))
	defer undo()
	a := l.Hosts()[0].Addr4().String() // which refuses the port
	const told, itself = `"code":"translated-here"`, `"severity":"warning","text":"this machine answered itself`
	for _, args := range []string{
		"scan -Pn -p 4443 " + a, "scan -Pn --stateless --engine raw -p 4443 " + a, "handshake " + a + ":4443", "ping -c 1 " + a + ":4443",
	} {
		got := command(t.Context(), l, strings.Fields(args+" -o json")...)
		if !strings.Contains(got.out, `"state":"open"`) || !strings.Contains(got.out, told) || !strings.Contains(got.out, itself) {
			t.Errorf("%s: exit %d\n%s%s", args, got.code, got.out, got.err)
		}
	}
	if got := command(t.Context(), l, strings.Fields("scan -Pn -p 80 -o json "+a)...); !strings.Contains(got.out, `"state":"open"`) || strings.Contains(got.out, "translated-here") {
		t.Errorf("what the host itself accepts: %s", got.out)
	}
}

// redirect leads what this namespace sends to a port to another of its own:
// nft add rule … tcp dport FROM redirect to :TO.
func redirect(t *testing.T, from, to uint16) (undo func()) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "proxy" + strconv.Itoa(int(from))})
	chain := c.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, from)},
		&expr.Immediate{Register: 1, Data: binary.BigEndian.AppendUint16(nil, to)},
		&expr.Redir{RegisterProtoMin: 1},
	}})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	return func() {
		c.DelTable(table)
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	}
}
