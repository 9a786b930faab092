//go:build linux

// Command benchwide compares wide scans: synscope's engines with zmap and
// masscan, over the same synthetic internet, in one run, as ratios. It works
// in network namespaces of its own, and needs root; peers that are not
// installed are left out. scripts/bench-wide starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"synscope/internal/lab"
)

// The world: so many addresses, from the first of the prefix on.
const (
	prefix = "11.0.0.0/8"
	port   = 80
	ifname = "internet"
)

type options struct {
	contender string
	source    string
	bits      int
	rounds    int
	open      float64
	refused   float64
	only      string
}

func main() {
	var o options
	flag.StringVar(&o.contender, "contender", "", "internal: scan with this engine and print what is open")
	flag.StringVar(&o.source, "source", "", "internal: the address to scan from")
	flag.IntVar(&o.bits, "bits", 22, "scan 2^`N` addresses")
	flag.IntVar(&o.rounds, "rounds", 3, "repeat every contender `N` times, in turn; the best counts")
	flag.Float64Var(&o.open, "open", 0.01, "share of open ports")
	flag.Float64Var(&o.refused, "refused", 0.02, "share of refused ports")
	flag.StringVar(&o.only, "only", "", "comma-separated `names` of the contenders to run")
	flag.Parse()
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-wide:", err)
		os.Exit(1)
	}
}

func (o options) run() error {
	if o.contender != "" {
		return o.contend()
	}
	inside, code, err := lab.Enter(context.Background())
	if err != nil {
		return err
	}
	if !inside {
		os.Exit(code)
	}
	return o.compare()
}

// compare builds the world and lets the contenders run in turn, so that all
// meet the same machine.
func (o options) compare() error {
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{
		Name: ifname, Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)},
	}}})
	if err != nil {
		return err
	}
	defer l.Close()
	host := l.Host(ifname)
	world := lab.World{Seed: 1, Open: o.open, Refused: o.refused}
	responder, err := host.Respond(world)
	if err != nil {
		return err
	}
	defer responder.Close()
	o.source = host.Prober4().String()

	a := arena{responder: responder, want: o.expected(world), probes: 1 << o.bits}
	fmt.Printf("%d addresses, %d of them open\n\n%s\n", a.probes, len(a.want), heading)
	best := make(map[string]result)
	contenders := o.contenders()
	for range o.rounds {
		for _, c := range contenders {
			r, err := a.measure(c)
			if err != nil {
				return err
			}
			fmt.Println(r)
			if r.better(best[c.name]) {
				best[c.name] = r
			}
		}
	}
	report(contenders, best)
	return nil
}

// target is the scanned prefix.
func (o options) target() string {
	return fmt.Sprintf("%s/%d", strings.TrimSuffix(prefix, "/8"), 32-o.bits)
}

// expected are the open addresses.
func (o options) expected(w lab.World) map[netip.Addr]bool {
	open := make(map[netip.Addr]bool)
	addr := netip.MustParsePrefix(prefix).Addr()
	for range 1 << o.bits {
		if w.Fate(netip.AddrPortFrom(addr, port)) == lab.Opened {
			open[addr] = true
		}
		addr = addr.Next()
	}
	return open
}
