package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
)

// servedPorts is what scans probe where no port is named, in the words of help.
const servedPorts = "the commonly served ones"

// targetFlags say what is probed; ports is what is probed where none is named.
func targetFlags(ports string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "p", Usage: "`PORTS` to probe: 22,80,8000-8100,https; - is all of 1-65535 (default: " + ports + ")"},
		&cli.IntFlag{Name: "top-ports", Usage: "the `N` most commonly served ports"},
		&cli.StringSliceFlag{Name: "iL", Usage: "more targets from `FILE`, one a line; - is standard input"},
		&cli.StringSliceFlag{Name: "exclude", Usage: "`TARGETS` never to probe"},
		&cli.StringSliceFlag{Name: "exclude-file", Usage: "targets never to probe, from `FILE`"},
		&cli.StringSliceFlag{Name: "exclude-ports", Usage: "`PORTS` never to probe"},
		&cli.BoolFlag{Name: "4", Usage: "IPv4 only"},
		&cli.BoolFlag{Name: "6", Usage: "IPv6 only"},
		&cli.BoolFlag{Name: "n", Usage: "no effect: only trace resolves addresses back into names"},
		&cli.BoolFlag{Name: "skip-bad-targets", Usage: "warn about targets that do not parse or resolve, and go on"},
	}
}

// targetOptions are the values of targetFlags.
type targetOptions struct {
	Ports        []string `flag:"p"`
	TopPorts     int      `flag:"top-ports"`
	Lists        []string `flag:"iL"`
	Exclude      []string `flag:"exclude"`
	ExcludeFiles []string `flag:"exclude-file"`
	ExcludePorts []string `flag:"exclude-ports"`
	IPv4         bool     `flag:"4"`
	IPv6         bool     `flag:"6"`
	NoNames      bool     `flag:"n"`
	SkipBad      bool     `flag:"skip-bad-targets"`
}

// targetsOn are the pairs of address and port that the command line names, with
// a port of the command's own where it names none.
func (o *common) targetsOn(ctx context.Context, s Streams, port uint16) (*target.Set, error) {
	return o.targetsWith(ctx, s, func(t *target.Options) {
		t.Ports = o.portsOr(t.Ports, port)
	})
}

// portsOr are the ports asked for, or else one port.
func (o *common) portsOr(asked target.Ports, port uint16) target.Ports {
	if o.given["p"] || o.given["top-ports"] {
		return asked
	}
	return target.PortsOf(port)
}

// targetsWith are the pairs that the command line names, with options changed.
func (o *common) targetsWith(ctx context.Context, s Streams, change func(*target.Options)) (*target.Set, error) {
	opts, err := o.targets(s)
	if err != nil {
		return nil, err
	}
	change(&opts)
	if len(o.words) == 0 && len(opts.Lists) == 0 {
		return nil, usagef("no target: `synscope %s TARGET...`, such as 192.0.2.7, 192.0.2.0/24 or host.example", o.command)
	}
	set, err := target.Parse(ctx, o.words, opts)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w while targets were resolved", probe.ErrInterrupted)
	}
	if err != nil {
		return set, ofTargets(err) // a set without targets has its warnings
	}
	return set, o.inZones(set)
}

// ofTargets is the fault of whoever named the targets, but where nobody answered what a
// name stands for.
func ofTargets(err error) error {
	if errors.Is(err, target.ErrResolver) {
		return &exit{exitUnable, err}
	}
	return usage(err)
}

// inZones tells that a target is a link-local address and nothing says on which link.
func (o *common) inZones(set *target.Set) error {
	if o.Interface != "" || o.Source != "" || o.SkipBad {
		return nil
	}
	for _, w := range set.Warnings() {
		if w.Code == target.WarnNoZone {
			return usagef("target %q: %w", w.Word, netraw.ErrNoZone)
		}
	}
	return nil
}

// targets are the options of a set of targets that the flags amount to.
func (o *common) targets(s Streams) (t target.Options, err error) {
	t = target.Options{
		Lists: o.Lists, Exclude: o.Exclude, ExcludeFiles: o.ExcludeFiles, SkipBad: o.SkipBad,
		Stdin: s.In, Resolver: s.Resolver,
	}
	if t.Family, err = o.family(); err != nil {
		return t, err
	}
	if t.Ports, err = o.ports(); err != nil {
		return t, usage(err)
	}
	if o.given["exclude-ports"] {
		if t.ExcludePorts, err = o.excludedPorts(); err != nil {
			return t, usagef("--exclude-ports: %w", err)
		}
	}
	return t, nil
}

func (o *targetOptions) excludedPorts() (target.Ports, error) {
	return target.ParsePorts(strings.Join(o.ExcludePorts, ","))
}

// targetNotes is what was found out about the targets while they were read, for
// the record: above all which were skipped.
func targetNotes(set *target.Set) (notes []string) {
	for _, w := range set.Warnings() {
		notes = append(notes, w.Text)
	}
	return notes
}

// targetRemarks is the same for standard error; which of a name's addresses is
// taken is told only to those who ask for more.
func (d *display) targetRemarks(set *target.Set) (lines []string) {
	for _, w := range set.Warnings() {
		if w.Code == target.WarnNoZone && d.zoned || w.Code == target.WarnUnusualAddress && noHostAlone(set) {
			continue
		}
		if w.Code != target.WarnMoreAddresses || d.level > 0 {
			lines = append(lines, w.Text)
		}
	}
	return lines
}

// noHostAlone reports whether the only address is none of a host: the run says so itself.
func noHostAlone(set *target.Set) bool {
	if set.Addresses() != 1 {
		return false
	}
	for a := range set.Hosts() {
		return netraw.NoHost(a) != nil
	}
	return false
}

func (o *targetOptions) family() (target.Family, error) {
	switch {
	case o.IPv4 && o.IPv6:
		return target.AnyFamily, usagef("-4 and -6 exclude each other")
	case o.IPv4:
		return target.IPv4, nil
	case o.IPv6:
		return target.IPv6, nil
	}
	return target.AnyFamily, nil
}

// network is the family asked for as a resolver wants it.
func (o *targetOptions) network() string {
	switch {
	case o.IPv4:
		return "ip4"
	case o.IPv6:
		return "ip6"
	}
	return "ip"
}

func (o *common) ports() (target.Ports, error) {
	switch {
	case o.given["p"] && o.given["top-ports"]:
		return target.Ports{}, errors.New("-p and --top-ports exclude each other")
	case o.given["top-ports"]:
		return target.TopPorts(o.TopPorts)
	case o.given["p"]:
		return target.ParsePorts(strings.Join(o.Ports, ","))
	}
	return target.DefaultPorts(), nil
}
