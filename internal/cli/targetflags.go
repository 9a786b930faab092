package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/target"
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

// targetsOn are the pairs of address and port that the command line names, with
// ports of the command's own where it names none.
func targetsOn(c *cli.Context, s Streams, ports string) (*target.Set, error) {
	change, err := ownPorts(c, ports)
	if err != nil {
		return nil, err
	}
	return targetsWith(c, s, change)
}

// ownPorts makes ports those of the command, where the command line names none.
func ownPorts(c *cli.Context, ports string) (func(*target.Options), error) {
	own, err := target.ParsePorts(ports)
	if err != nil {
		return nil, usage(err)
	}
	return func(o *target.Options) {
		if !c.IsSet("p") && !c.IsSet("top-ports") {
			o.Ports = own
		}
	}, nil
}

// targetsWith are the pairs that the command line names, with options changed.
func targetsWith(c *cli.Context, s Streams, change func(*target.Options)) (*target.Set, error) {
	opts, err := targetOptions(c, s)
	if err != nil {
		return nil, err
	}
	change(&opts)
	if c.NArg() == 0 && len(opts.Lists) == 0 {
		return nil, usagef("no target: `synscope %s TARGET...`, such as 192.0.2.7, 192.0.2.0/24 or host.example", c.Command.Name)
	}
	set, err := target.Parse(c.Context, c.Args().Slice(), opts)
	if err != nil && c.Context.Err() != nil {
		return nil, fmt.Errorf("%w while targets were resolved", probe.ErrInterrupted)
	}
	if err != nil {
		return set, usage(err) // a set without targets has its warnings
	}
	return set, nil
}

func targetOptions(c *cli.Context, s Streams) (o target.Options, err error) {
	o = target.Options{
		Lists:        c.StringSlice("iL"),
		Exclude:      c.StringSlice("exclude"),
		ExcludeFiles: c.StringSlice("exclude-file"),
		SkipBad:      c.Bool("skip-bad-targets"),
		Stdin:        s.In,
		Resolver:     s.Resolver,
	}
	if o.Family, err = family(c); err != nil {
		return o, err
	}
	if o.Ports, err = ports(c); err != nil {
		return o, usage(err)
	}
	if c.IsSet("exclude-ports") {
		if o.ExcludePorts, err = target.ParsePorts(listed(c, "exclude-ports")); err != nil {
			return o, usagef("--exclude-ports: %w", err)
		}
	}
	if hostsOnly(c) { // which looks for hosts by other ports
		o.ExcludePorts = target.Ports{}
	}
	return o, nil
}

// listed joins a list that was given in several flags.
func listed(c *cli.Context, name string) string { return strings.Join(c.StringSlice(name), ",") }

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
		if w.Code == target.WarnNoZone && d.zoned {
			continue
		}
		if w.Code != target.WarnMoreAddresses || d.level > 0 {
			lines = append(lines, w.Text)
		}
	}
	return lines
}

func family(c *cli.Context) (target.Family, error) {
	switch {
	case c.Bool("4") && c.Bool("6"):
		return target.AnyFamily, usagef("-4 and -6 exclude each other")
	case c.Bool("4"):
		return target.IPv4, nil
	case c.Bool("6"):
		return target.IPv6, nil
	}
	return target.AnyFamily, nil
}

func ports(c *cli.Context) (target.Ports, error) {
	switch {
	case hostsOnly(c):
		return target.PortsOf(1), nil // none is probed
	case c.IsSet("p") && c.IsSet("top-ports"):
		return target.Ports{}, errors.New("-p and --top-ports exclude each other")
	case c.IsSet("top-ports"):
		return target.TopPorts(c.Int("top-ports"))
	case c.IsSet("p"):
		return target.ParsePorts(listed(c, "p"))
	}
	return target.DefaultPorts(), nil
}
