package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/netraw"
)

func doctorCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "can this machine and this user do all that; if not, what is missing, and how is it mended?",
		Description: "Tries everything that probing needs by doing it, sends nothing, and tells how\n" +
			"to mend what fails. Exits with 0 if all is there, with 3 if something is\n" +
			"missing.",
		Flags: []cli.Flag{&cli.StringFlag{Name: "o", Value: "text", Usage: "`FORMAT`: text or json"}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("doctor takes no target: %q", c.Args().First())
			}
			return examine(optionsOf[common](c), s, netraw.Capabilities())
		},
	}
}

// examine prints what was found, in the format asked for.
func examine(o *common, s Streams, found []netraw.Capability) error {
	var err error
	switch o.Format {
	case "text":
		err = printCapabilities(s, found)
	case "json":
		err = writeCapabilities(s, found)
	default:
		return usagef("-o: doctor writes text or json, not %q", o.Format)
	}
	if err != nil {
		return &exit{exitInterrupted, err}
	}
	for _, f := range found {
		if !f.OK && !optional(f, found) {
			return &exit{exitUnable, errors.New("this user cannot do all that here: see above")}
		}
	}
	return nil
}

// stands names for a capability another one that substitutes it.
var stands = map[string]string{
	"hold-port-filter":    "hold-port-min-ttl",
	"hold-port-signature": "hold-port-min-ttl",
	"hold-port-min-ttl":   "hold-port-filter",
	"user-namespace":      "raw-send-ipv4",
	"packet-engine":       "raw-send-ipv4",
	"xdp-engine":          "packet-engine",
}

// optional reports whether a missing capability can be done without.
func optional(missing netraw.Capability, found []netraw.Capability) bool {
	return slices.ContainsFunc(found, func(c netraw.Capability) bool {
		return c.OK && c.Name == stands[missing.Name]
	})
}

func printCapabilities(s Streams, found []netraw.Capability) error {
	width, wide := 0, readable(s.Out)
	for _, f := range found {
		width = max(width, len(f.Name))
	}
	var b strings.Builder
	for _, f := range found {
		mark := "ok"
		switch {
		case !f.OK && optional(f, found):
			mark = "not needed"
		case !f.OK:
			mark = "MISSING"
		}
		head := fmt.Sprintf("%-10s  %-*s  ", mark, width, f.Name)
		b.WriteString(below(head, f.For, wide))
		if !f.OK {
			indent := strings.Repeat(" ", len("not needed  "))
			b.WriteString(below(indent, reason(f.Err), wide) + below(indent, "to mend it: "+f.Remedy, wide))
		}
	}
	_, err := s.Out.Write([]byte(b.String()))
	return err
}

// below is a text behind a heading, in lines that stand below each other.
func below(heading, text string, wide int) string {
	if wide-len(heading) < leastText {
		indent := "\n    "
		return strings.TrimRight(heading, " ") + indent + strings.Join(broken(text, wide-4), indent) + "\n"
	}
	lines := broken(text, wide-len(heading))
	return heading + strings.Join(lines, "\n"+strings.Repeat(" ", len(heading))) + "\n"
}

// leastText is how many columns text has at least, beside its heading.
const leastText = 20

// reason is an error without the advice that the remedy repeats.
func reason(err error) string {
	why := err.Error()
	for _, advice := range []error{netraw.ErrSandbox, netraw.ErrPermission, netraw.ErrXDPSandbox, netraw.ErrXDPPermission, netraw.ErrXDPKernel} {
		why = strings.TrimSuffix(why, ": "+advice.Error())
	}
	return why
}

func writeCapabilities(s Streams, found []netraw.Capability) error {
	w := sink.NewLineWriter(s.Out, "standard output")
	for i := range found {
		found := record.NewCapability(&found[i])
		if err := w.Append(func(b []byte) []byte { return append(rows.AppendJSON(b, found), '\n') }); err != nil {
			return err
		}
	}
	return w.Flush()
}
