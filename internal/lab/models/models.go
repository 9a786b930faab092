//go:build linux

// Package models puts the model hosts of package simnet at the far end of a
// tun device, or in a host of a lab, where the real kernel routes real packets to them: what tests
// learn under virtual time can be tried over raw sockets and by other programs.
package models

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"

	"synscope/internal/lab/tun"
	"synscope/netraw"
	"synscope/probe/simnet"
)

// The prefixes of the device; this end has the first address of each.
var (
	Prefix4 = netip.MustParsePrefix("10.201.0.0/16")
	Prefix6 = netip.MustParsePrefix("fd53:796e:7363:c9::/64")
)

// Net is a network of model hosts, which are added with Handle and the like.
type Net struct {
	*simnet.Net
	device io.ReadWriteCloser // IP packets, one a call
	conn   *simnet.Conn
	pumps  sync.WaitGroup
}

// New starts a network. Addresses within Prefix4 and Prefix6 lead to its hosts.
func New(cfg simnet.Config) (*Net, error) {
	near4, near6 := Prefix4.Addr().Next(), Prefix6.Addr().Next()
	device, err := tun.Open(netip.PrefixFrom(near4, Prefix4.Bits()), netip.PrefixFrom(near6, Prefix6.Bits()))
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	cfg.Sources = []netip.Addr{near4, near6}
	return start(device, cfg), nil
}

// start carries packets between a device and a network of models.
func start(device io.ReadWriteCloser, cfg simnet.Config) *Net {
	n := &Net{Net: simnet.New(cfg), device: device}
	n.conn = n.Net.Conn(1)
	n.pumps.Go(n.outward)
	n.pumps.Go(n.inward)
	return n
}

// outward carries packets from the kernel to the models until the device
// closes. Chatter that is no TCP is refused by the network, and is no loss.
func (n *Net) outward() {
	buf := make([]byte, 1<<16)
	for {
		size, err := n.device.Read(buf)
		if err != nil {
			return
		}
		n.conn.Send([][]byte{buf[:size]})
	}
}

// inward carries the models' packets to the kernel.
func (n *Net) inward() {
	pkts := make([]netraw.Packet, 64)
	for {
		got, err := n.conn.Recv(pkts)
		for _, p := range pkts[:got] {
			n.device.Write(p.Data)
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
	}
}

// Close removes the device and everything behind it.
func (n *Net) Close() error {
	err := errors.Join(n.device.Close(), n.conn.Close())
	n.pumps.Wait()
	return err
}
