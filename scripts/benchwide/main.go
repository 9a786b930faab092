//go:build linux

// Command benchwide compares wide scans: synscope's engines with zmap and
// masscan, over the same synthetic internet, in one run, as ratios. It works
// in network namespaces of its own, and needs root; peers that are not
// installed are left out. scripts/bench-wide starts it.
package main

import (
	"cmp"
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
	results   string
	format    string
}

func main() {
	var o options
	flag.StringVar(&o.contender, "contender", "", "internal: scan with this engine and print what is open")
	flag.StringVar(&o.source, "source", "", "internal: the address to scan from")
	flag.IntVar(&o.bits, "bits", 22, "scan 2^`N` addresses")
	flag.IntVar(&o.rounds, "rounds", 3, "repeat every contender `N` times, in turn; the best counts")
	flag.Float64Var(&o.open, "open", 0, "share of open ports, in one world instead of two")
	flag.Float64Var(&o.refused, "refused", 0, "share of refused ports, likewise")
	flag.StringVar(&o.results, "results", "", "internal: the file for the records")
	flag.StringVar(&o.format, "format", "json", "what our engines write: a record of every answer (json), or the open ports alone as the peers do (`list`)")
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

// compare lets the contenders run in turn, so that all meet the same machine, in
// a world where few answer and in one where many do: what an answer costs, and
// whether any is dropped, shows in the second.
func (o options) compare() error {
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{
		Name: ifname, Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)},
	}}})
	if err != nil {
		return err
	}
	defer l.Close()
	host := l.Host(ifname)
	o.source = host.Prober4().String()
	var each []map[string]result
	for _, w := range o.worlds() {
		responder, err := host.Respond(w)
		if err != nil {
			return err
		}
		best, err := o.in(arena{responder: responder, want: o.expected(w), probes: 1 << o.bits, answering: w.Open + w.Refused})
		err = cmp.Or(err, responder.Close())
		if err != nil {
			return err
		}
		each = append(each, best)
	}
	if len(each) == 2 {
		o.reportAnswers(each[0], each[1])
	}
	return nil
}

// worlds are those to run in.
func (o options) worlds() []lab.World {
	if o.open+o.refused > 0 {
		return []lab.World{{Seed: 1, Open: o.open, Refused: o.refused}}
	}
	return []lab.World{{Seed: 1, Open: 0.01, Refused: 0.02}, {Seed: 1, Open: 0.1, Refused: 0.2}}
}

// in runs the contenders in one world, and returns the best result of each.
func (o options) in(a arena) (map[string]result, error) {
	fmt.Printf("%d addresses, %.0f %% of which answer, %d with an open port\n\n%s\n", a.probes, 100*a.answering, len(a.want), heading)
	best := make(map[string]result)
	contenders := o.contenders()
	for range o.rounds {
		for _, c := range contenders {
			r, err := a.measure(c)
			if err != nil {
				return nil, err
			}
			r.answers = a.answering * float64(a.probes)
			fmt.Println(r)
			if r.better(best[c.name]) {
				best[c.name] = r
			}
		}
	}
	compared(contenders, best)
	fmt.Println()
	return best, nil
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
