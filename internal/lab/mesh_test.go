//go:build linux

package lab

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
)

// Connections through a mesh work over IPv4 and IPv6, and all its paths are used.
func TestMesh(t *testing.T) {
	Require(t)
	m, err := NewMesh(MeshSpec{
		Next:     [][]int{{1}, {2, 3}, {4}, {4}, nil},
		Services: []Service{{Ports: []uint16{80}, Manner: AcceptClose}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, a := range []netip.Addr{m.Addr4(m.Host()), m.Addr6(m.Host())} {
		for range 40 {
			c, err := net.Dial("tcp", netip.AddrPortFrom(a, 80).String())
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		}
	}
	for node := 1; node < m.Host(); node++ {
		err := m.Do(node, func() error {
			forwarded, err := m.packets(node)
			if err == nil && forwarded < 40 {
				err = fmt.Errorf("forwarded %d packets", forwarded)
			}
			return err
		})
		if err != nil {
			t.Errorf("node %d: %v", node, err)
		}
	}
}

// packets is how many packets a node has sent on towards the host.
func (m *Mesh) packets(node int) (n uint64, err error) {
	links, err := m.nodes[node].nl.LinkList()
	for _, l := range links {
		if s := l.Attrs().Statistics; s != nil && l.Attrs().Name[:2] == "to" {
			n += s.TxPackets
		}
	}
	return n, err
}
