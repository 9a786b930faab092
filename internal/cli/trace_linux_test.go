package cli

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"synscope/internal/lab"
)

// pathLabs counts the labs of pathLab, each with a name of its own.
var pathLabs atomic.Uint32

// pathLab is a host behind five routers and a link of 20 ms. The third router
// remarks what it forwards; behind it nothing may reach port 8000.
func pathLab(t *testing.T) (*lab.Lab, *lab.Host) {
	t.Helper()
	lab.Require(t)
	name := fmt.Sprintf("path%d", pathLabs.Add(1))
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{{
		Name: name, Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.Echo}},
		Routers: []lab.RouterSpec{{}, {}, {}, {Rules: []lab.Rule{
			{Ports: lab.Port(8000), Do: lab.Drop},
			{Ports: lab.Port(8013), Family: lab.IPv4, Do: lab.Reject, Code: 13},
		}}, {}},
		Link: &lab.Link{Out: lab.Path{Delay: 10 * time.Millisecond}, Back: lab.Path{Delay: 10 * time.Millisecond}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h := l.Host(name)
	if err := h.DoRouter(2, remark); err != nil {
		t.Fatal(err)
	}
	return l, h
}

// remark sets the TOS of forwarded IPv4 packets to 0x20, as nft(8) does for
// "ip dscp set cs1".
func remark() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "remark"})
	chain := c.AddChain(&nftables.Chain{
		Name: "forward", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityMangle,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Immediate{Register: 1, Data: []byte{0x45, 0x20}}, // a whole word of the checksum
		&expr.Payload{
			OperationType: expr.PayloadWrite, SourceRegister: 1,
			Base: expr.PayloadBaseNetworkHeader, Offset: 0, Len: 2,
			CsumType: expr.CsumTypeInet, CsumOffset: 10,
		},
	}})
	return c.Flush()
}

// Every router is found, by both IP versions and either flow; the hop behind the
// remarking router shows the mark first.
func TestTraceFindsTheWholePath(t *testing.T) {
	t.Parallel()
	l, h := pathLab(t)
	for _, addr := range []netip.Addr{h.Addr4(), h.Addr6()} {
		for _, flow := range []string{"fixed", "vary"} {
			for port, kind := range map[uint16]string{80: "syn-ack", 81: "rst"} {
				t.Run(fmt.Sprintf("%v %s %d", addr, flow, port), func(t *testing.T) {
					t.Parallel()
					wholePath(t, l, h, netip.AddrPortFrom(addr, port), flow, kind)
				})
			}
		}
	}
}

// wholePath holds a trace to a port that answers in a way against the path of pathLab.
func wholePath(t *testing.T, l *lab.Lab, h *lab.Host, target netip.AddrPort, flow, kind string) {
	began := time.Now()
	got := command(t.Context(), l, "trace", "-n", "--timeout", "20s", "--flow", flow, "-o", "json", target.String())
	took := time.Since(began)
	if want := map[uint16]int{80: exitYes, 81: exitNo}[target.Port()]; got.code != want {
		t.Errorf("exit %d, want %d: %s", got.code, want, got.err)
	}
	n, largest := 0, 0.0
	for _, r := range records(t, got.out) {
		if r.str("type") != "hop" {
			continue
		}
		n++
		rtt, _ := r["rtt_ns"].(float64)
		largest = math.Max(largest, rtt)
		ttl := int(r["ttl"].(float64))
		want, wantKind := target.Addr(), kind
		if ttl <= 5 {
			want, wantKind = h.Router4(ttl-1), "time-exceeded"
			if target.Addr().Is6() {
				want = h.Router6(ttl - 1)
			}
		}
		if r.str("addr") != want.String() || r.str("kind") != wantKind || rtt < 20e6 {
			t.Errorf("%v, want %v", r, want)
		}
		changes := fmt.Sprint(r["quote_changes"])
		if marked := strings.Contains(changes, "tos 0x00>0x20"); target.Addr().Is4() && marked != (ttl == 4 || ttl == 5) {
			t.Errorf("hop %d shows %s", ttl, changes)
		}
	}
	if n != 18 {
		t.Errorf("%d answers of 6 hops", n)
	}
	t.Logf("%v, largest RTT %v", took, time.Duration(largest))
}

// lastHop is the highest TTL that a trace told of, and what its queries came to, each once: a router
// limits its errors (icmp_ratelimit), so that one of several may be missing.
func lastHop(list []jsonRecord) (ttl int, kinds []string) {
	for _, r := range list {
		if r.str("type") != "hop" {
			continue
		}
		if at := int(r["ttl"].(float64)); at > ttl {
			ttl, kinds = at, nil
		}
		if kind := r.str("kind"); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return ttl, kinds
}

// A firewall that swallows the probes ends the trace after one timeout; one
// that says so ends it at once, with its word.
func TestTraceMeetsAFirewall(t *testing.T) {
	t.Parallel()
	l, h := pathLab(t)
	if got := command(t.Context(), l, "trace", "-n", h.Addr4().String()); !strings.Contains(got.out, "from here on: tos 0x00 became 0x20") {
		t.Errorf("%s", got.out)
	}
	for port, last := range map[uint16]struct {
		ttl        int
		kind, text string
		code       int
	}{
		8000: {5, "none", "silence from hop 5 on", exitNo},
		8013: {5, "unreachable", "admin-prohibited", exitNo},
	} {
		target := netip.AddrPortFrom(h.Addr4(), port).String()
		got := command(t.Context(), l, "trace", "-n", "--timeout", "500ms", "-o", "json", target)
		ttl, kinds := lastHop(records(t, got.out))
		verdict := find(records(t, got.out), "port")
		if !slices.Contains(kinds, last.kind) || last.kind == "none" && len(kinds) > 1 || ttl > last.ttl || got.code != last.code || verdict.str("state") != "filtered" {
			t.Errorf("port %d: exit %d, ends with %v, verdict %v", port, got.code, kinds, verdict)
		}
		if text := command(t.Context(), l, "trace", "-n", "--timeout", "500ms", target).out; !strings.Contains(text, last.text) {
			t.Errorf("port %d: no %q in\n%s", port, last.text, text)
		}
	}
}
