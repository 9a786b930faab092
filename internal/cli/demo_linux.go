package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/lab"
	"synscope/internal/report"
	"synscope/netraw"
	"synscope/probe"
)

// demonstrate moves the program into a namespace of its own, builds the lab
// there, and shows the tour.
func demonstrate(c *cli.Context, s Streams) error {
	inside, code, err := lab.Enter(c.Context)
	switch {
	case err != nil:
		return &exit{exitUnable, err}
	case !inside && code == 0:
		return nil
	case !inside:
		return &exit{code: code, err: silent{}}
	}
	start := time.Now()
	l, err := lab.New(lab.Standard(1, nil))
	if err != nil {
		return &exit{exitUnable, err}
	}
	defer l.Close()
	t := &tour{ctx: c.Context, lab: l, streams: s}
	t.streams.Resolver = labNames{l}
	t.printf("A private network of %d hosts, built in %s. Nothing leaves this machine.\n", len(l.Hosts()), report.Duration(time.Since(start)))
	return t.walk()
}

// labNames resolves the names of a lab's hosts.
type labNames struct{ *lab.Lab }

func (n labNames) LookupNetIP(_ context.Context, network, name string) ([]netip.Addr, error) {
	h := n.Host(name)
	if h == nil {
		return nil, &net.DNSError{Err: "no such host in the lab", Name: name, IsNotFound: true}
	}
	return slices.DeleteFunc([]netip.Addr{h.Addr4(), h.Addr6()}, func(a netip.Addr) bool {
		return network == "ip4" && !a.Is4() || network == "ip6" && a.Is4()
	}), nil
}

// tour is the demo: command lines as one would type them, and what they print.
type tour struct {
	ctx     context.Context
	lab     *lab.Lab
	streams Streams
}

// stops of the tour.
var stops = []struct{ why, line string }{
	{
		"Every kind of answer: open, refused, silently dropped, rejected by a router, reset by a firewall.",
		"scan --reason -p 22,80,443,8000,8013 web far reset fortress",
	},
	{
		"Near and far: each round trip is the difference of two kernel stamps. One link takes 20 ms, one loses a tenth of all packets each way.",
		"scan --reason -p 80 --max-retries 5 web far slow lossy",
	},
	{
		"Each way in which a firewall says no, over IPv6.",
		"scan -6 --reason -p 7000-7006 reject",
	},
	{
		"A whole host, 65,535 ports.",
		"scan -p- --rate 100k web",
	},
	{
		"Four of 256 addresses, as records for a script.",
		"scan -o json --open -p 80 198.51.100.128/30",
	},
}

func (t *tour) walk() error {
	for _, stop := range stops {
		t.printf("\n── %s\n$ synscope %s\n", stop.why, stop.line)
		if err := run(t.ctx, strings.Fields(stop.line), t.streams); err != nil {
			return err
		}
	}
	t.printf("\n── Initial sequence numbers of five SYN-ACKs each: one counts on, the other is a SYN cookie and looks random.\n")
	return t.sequenceNumbers("web", "cookie")
}

// sequenceNumbers shows the ISNs that hosts answer with.
func (t *tour) sequenceNumbers(hosts ...string) error {
	conn, err := netraw.Open(&netraw.Config{Ports: 1, WatchOutgoing: true})
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, name := range hosts {
		target := netip.AddrPortFrom(t.lab.Host(name).Addr4(), 80)
		var isns []string
		for range 5 {
			taken := isnSink{}
			if _, err := probe.Scan(t.ctx, conn, probe.ScanConfig{Targets: slices.Values([]netip.AddrPort{target})}, &taken); err != nil {
				return err
			}
			isns = append(isns, taken.isn)
		}
		t.printf("%-8s %s\n", name, strings.Join(isns, "  "))
	}
	return nil
}

// isnSink keeps the ISN of the last SYN-ACK.
type isnSink struct{ isn string }

func (s *isnSink) Port(v probe.Verdict) error {
	s.isn = "-"
	if v.Reason == probe.ReasonSYNACK {
		s.isn = fmt.Sprintf("%10d", v.Reply.Seq)
	}
	return nil
}

func (s *isnSink) Host(probe.HostReport) error { return nil }

func (t *tour) printf(format string, args ...any) {
	fmt.Fprintf(t.streams.Out, format, args...)
}
