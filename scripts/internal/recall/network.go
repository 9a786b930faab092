//go:build linux

package main

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"

	"synscope/internal/lab"
)

// What every host is like: of a thousand ports each tenth is open, and in rows with
// a router that rejects, those from firstRejected on are answered by ICMP.
const (
	ports         = 1000
	openEvery     = 10
	firstRejected = 601
)

// addresses are all the host's, for scanners that probe one port of many.
var addresses = netip.MustParsePrefix("198.18.4.0/22")

// network is a row.
type network struct {
	name, says string
	short      bool // in the short table
	link       *lab.Link
	rules      []lab.Rule
	sysctls    lab.Sysctls
	attack     float64      // forged packets a second; 0: none
	queue      *netlink.Tbf // of the prober's interface
	under      string       // what the scanner is started by
	rejects    bool
}

func lossy(share float64) *lab.Link {
	p := lab.Path{Delay: 5 * time.Millisecond, Loss: share}
	return &lab.Link{Out: p, Back: p}
}

func both(p lab.Path) *lab.Link { return &lab.Link{Out: p, Back: p} }

const milli = time.Millisecond

var networks = []network{
	{name: "loss0", says: "no loss, 10 ms", short: true, link: lossy(0)},
	{name: "loss5", says: "5 % lost each way", link: lossy(0.05)},
	{name: "loss10", says: "10 % lost each way", link: lossy(0.10)},
	{name: "loss20", says: "20 % lost each way", short: true, link: lossy(0.20)},
	{name: "loss30", says: "30 % lost each way", link: lossy(0.30)},
	{name: "loss40", says: "40 % lost each way", short: true, link: lossy(0.40)},
	{name: "duplicates", says: "30 % come twice", link: both(lab.Path{Delay: 5 * milli, Duplicate: 0.3})},
	{name: "reorder", says: "30 % overtaken by 20 ms", link: both(lab.Path{Delay: 5 * milli, Reorder: 0.3, ReorderBy: 20 * milli})},
	{name: "jitter", says: "100 ms ± 80 ms", link: both(lab.Path{Delay: 50 * milli, Jitter: 40 * milli})},
	{name: "rst", says: "RSTs limited to 500/s", short: true, rules: []lab.Rule{{Ports: lab.PortRange{First: 1, Last: ports}, PerSecond: 500, Burst: 100, Do: lab.Drop}}},
	{name: "icmp", says: "ICMP limited as Linux does", rejects: true, sysctls: lab.Sysctls{
		"net.ipv4.icmp_msgs_per_sec": "1000", "net.ipv4.icmp_msgs_burst": "50", "net.ipv4.icmp_ratelimit": "1000", "net.ipv4.icmp_ratemask": "6168",
	}},
	{name: "path-queue", says: "20 packets have room on the way", link: both(lab.Path{Delay: 5 * milli, Limit: 20})},
	{name: "send-queue", says: "500 packets a second leave, 8 wait", short: true, queue: &netlink.Tbf{Rate: 30_000, Buffer: 1600, Limit: 500}},
	{name: "clocks", says: "in a time namespace, ten days ahead", link: lossy(0), under: "unshare --time --monotonic 864000 --boottime 864000 "},
	{name: "flood", says: "20,000 forged packets a second", short: true, attack: 20000},
}

// world is a network that has been built.
type world struct {
	*lab.Lab
	host     *lab.Host
	attacker *lab.Attacker
	mac      net.HardwareAddr // of the host
	rejects  bool
	under    string
}

func (n *network) build(seed uint64) (*world, error) {
	spec := lab.HostSpec{Name: "far", Prefixes: []netip.Prefix{addresses}, Link: n.link, Rules: n.rules, Sysctls: n.sysctls}
	for p := uint16(openEvery); p <= ports; p += openEvery {
		if !n.rejects || p < firstRejected {
			spec.Services = append(spec.Services, lab.Service{Ports: []uint16{p}, Manner: lab.Discard})
		}
	}
	if n.rules != nil { // the limit is on what is refused
		spec.Rules = append(acceptOpen(), n.rules...)
	}
	if n.rejects {
		spec.Rules = append(spec.Rules, lab.Rule{Ports: lab.PortRange{First: firstRejected, Last: ports}, Family: lab.IPv4, Do: lab.Reject, Code: 13})
	}
	l, err := lab.New(lab.Spec{Seed: seed, Hosts: []lab.HostSpec{spec}})
	if err != nil {
		return nil, err
	}
	w := &world{Lab: l, host: l.Host("far"), rejects: n.rejects, under: n.under}
	if w.mac, err = w.neighbour(); err == nil {
		err = w.host.AcceptRedirects() // of the engine xdp
	}
	if err == nil && n.queue != nil {
		err = w.shape(n.queue)
	}
	if err == nil && n.attack > 0 {
		w.attacker, err = w.host.Attack(lab.Attack{Rate: n.attack, Seed: seed})
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return w, nil
}

func acceptOpen() (rules []lab.Rule) {
	for p := uint16(openEvery); p <= ports; p += openEvery {
		rules = append(rules, lab.Rule{Ports: lab.Port(p), Do: lab.Accept})
	}
	return rules
}

// shape limits what leaves by the prober's interface.
func (w *world) shape(q *netlink.Tbf) error {
	link, err := netlink.LinkByName(w.host.Interface())
	if err != nil {
		return err
	}
	shaped := *q
	shaped.QdiscAttrs = netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT}
	shaped.Buffer = uint32(float64(q.Buffer) / float64(q.Rate) * 1e6 * netlink.TickInUsec())
	return netlink.QdiscReplace(&shaped)
}

// neighbour is the host's link address, as the kernel finds it.
func (w *world) neighbour() (net.HardwareAddr, error) {
	link, err := netlink.LinkByName(w.host.Interface())
	if err != nil {
		return nil, err
	}
	for range 50 {
		if c, err := net.DialTimeout("tcp", netip.AddrPortFrom(w.host.Addr4(), openEvery).String(), 200*milli); err == nil {
			c.Close()
		}
		list, err := netlink.NeighList(link.Attrs().Index, netlink.FAMILY_V4)
		if err != nil {
			return nil, err
		}
		for _, n := range list {
			if n.IP.Equal(w.host.Addr4().AsSlice()) && len(n.HardwareAddr) == 6 {
				return n.HardwareAddr, nil
			}
		}
	}
	return nil, errors.New("the host has no link address")
}

func (w *world) close() error {
	var err error
	if w.attacker != nil {
		err = w.attacker.Stop()
	}
	return errors.Join(err, w.Close())
}

// truth is what a port is.
func (w *world) truth(port int) string {
	switch {
	case w.rejects && port >= firstRejected:
		return "filtered"
	case port%openEvery == 0:
		return "open"
	}
	return "refused"
}
