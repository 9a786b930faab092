package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/internal/lab"
	"synscope/internal/lab/models"
	"synscope/internal/report/units"
	"synscope/probe/simnet"
)

// demonstrate moves the program into a namespace of its own, builds the lab
// there, and shows the tour.
func demonstrate(ctx context.Context, s Streams, o *demoOptions) error {
	s.work.begin()
	enter := lab.Enter
	if o.Shell && isTerminal(s.In) {
		enter = lab.EnterForeground
	}
	inside, code, err := enter(ctx)
	switch {
	case err != nil:
		return &exit{exitUnable, err}
	case !inside && code == 0:
		return nil
	case !inside:
		return &exit{code: code, err: silent{}}
	}
	start := time.Now()
	l, err := lab.New(lab.Demo(1, nil))
	if err != nil {
		return &exit{exitUnable, err}
	}
	defer l.Close()
	guess, err := models.Inhabit(l.Host("guess"), guessable())
	if err != nil {
		return &exit{exitUnable, err}
	}
	defer guess.Close()
	t := &tour{ctx: ctx, lab: l, streams: s}
	t.streams.Resolver = labNames{l}
	t.streams.work = nil    // the tour's is one
	t.streams.Confine = nil // what one command gives up, the next would lack
	t.printf("A private network of %d hosts, built in %s. Nothing leaves this machine.\n", len(l.Hosts()), units.Duration(time.Since(start)))
	if o.Shell {
		return t.shell()
	}
	return t.walk()
}

// guessable is a host that counts its initial sequence numbers up, as BSDs did
// until 1996.
func guessable() simnet.Host {
	m := simnet.Mux{Ports: map[uint16]simnet.Host{80: &simnet.Listener{ISN: simnet.StepISN(64_000)}}}
	return m
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
		"A whole connection, segment by segment, from SYN to TIME_WAIT.",
		"handshake web:22",
	},
	{
		"Round trips over a link that takes 20 ms, and how steady they are.",
		"ping -c 5 -i 100ms slow:80",
	},
	{
		"The way to a port, and who answers for it.",
		"trace -n far:80",
	},
	{
		"Why does this port not answer? Experiments until one cause is sure.",
		"why -4 far:8013 web:81",
	},
	{
		"How a host chooses its initial sequence numbers: Linux has a clock for each connection.",
		"isn --quick web:80",
	},
	{
		"The same where SYN cookies are in force: the number follows ours.",
		"isn --quick cookie:80",
	},
	{
		"Four of 256 addresses, as records for a script.",
		"scan -o json --open -p 80 198.51.100.128/30",
	},
}

func (t *tour) walk() error {
	for _, stop := range stops {
		t.printf("\n%s\n$ synscope %s\n", fitted(t.streams.Out, "── "+stop.why), stop.line)
		if err := run(t.ctx, strings.Fields(stop.line), t.streams); err != nil && exitCode(err) != exitNo {
			return err
		}
	}
	t.printf("\n%s\n", fitted(t.streams.Out, "synscope demo --shell leaves you inside this network, with a list of things to try."))
	return nil
}

func (t *tour) printf(format string, args ...any) {
	fmt.Fprintf(t.streams.Out, format, args...)
}
