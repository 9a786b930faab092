package cli

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/screen"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/internal/target"
	"synscope/internal/tty"
	"synscope/netraw"
	"synscope/probe"
)

// outputOptions are the values of outputFlags and portFlags, and what all commands
// have: how much is said.
type outputOptions struct {
	Quiet   bool     `flag:"q"`
	Verbose bool     `flag:"v"`
	Debug   bool     `flag:"d"`
	Colour  string   `flag:"color"`
	Format  string   `flag:"o"`
	Fields  []string `flag:"fields"`
	Open    bool     `flag:"open"`
	Reason  bool     `flag:"reason"`

	shown sink.Options // what the command itself knows of how its results look
}

// outputFlags say where results go.
func outputFlags() []cli.Flag {
	return formatFlags(report.Formats())
}

func formatFlags(formats []report.Format) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "o", Usage: "`FORMAT` of standard output: " + formatNames(formats) + " (default: text)"},
	}
	for _, f := range formats {
		flags = append(flags, &cli.StringSliceFlag{Name: f.Flag, Usage: f.Help + ", into `FILE` too"})
	}
	return append(flags,
		&cli.StringSliceFlag{Name: "oA", Usage: "text, XML and grepable into `BASE`.nmap, .xml and .gnmap"},
		&cli.StringSliceFlag{Name: "fields", Usage: "only the columns of `LIST`, in its order, of text, csv and zmap"})
}

// portFlags choose among the ports of a result, and what is shown of each.
func portFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "open", Usage: "show only ports that are open, or may be"},
		&cli.BoolFlag{Name: "reason", Usage: "show what each verdict rests on"},
	}
}

// hostlessFlags are the output flags of a command whose results belong to no
// host. Those of formats that tell of hosts are not in its help, and are known
// so that [refuseHosts] can say why.
func hostlessFlags() []cli.Flag {
	flags := formatFlags(otherFormats())
	for _, f := range hostFormats() {
		flags = append(flags, &cli.StringSliceFlag{Name: f.Flag, Hidden: true})
	}
	for _, f := range flags {
		if based, ok := f.(*cli.StringSliceFlag); ok && based.Name == "oA" {
			based.Hidden = true // XML and grepable are among its files
		}
	}
	return flags
}

// hostFormats are the formats that tell of hosts, otherFormats those that do not.
func hostFormats() []report.Format {
	return slices.DeleteFunc(report.Formats(), func(f report.Format) bool { return !f.Hosts })
}

func otherFormats() []report.Format {
	return slices.DeleteFunc(report.Formats(), func(f report.Format) bool { return f.Hosts })
}

// refuseHosts refuses formats that tell of hosts, where there are none to tell
// of: their documents would be empty.
func (o *common) refuseHosts(why string) error {
	for _, f := range hostFormats() {
		if o.Format == f.Name || o.given[f.Flag] || o.given["oA"] {
			return usagef("format %s: %s; there are %s", f.Name, why, formatNames(otherFormats()))
		}
	}
	return nil
}

func formatNames(formats []report.Format) string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// display is where a run shows itself: results on standard output and in
// files, progress and remarks on standard error.
type display struct {
	*report.Output
	unusual   *unusual         // nil where it is not reported
	progress  *screen.Progress // nil where nobody watches
	streams   Streams
	quiet     bool
	zoned     bool       // -e names the zone of link-local addresses
	level     int        // 1 with -v, 2 with -d
	concluded bool       // the last record has been written
	colour    sink.Paint // on standard output
}

func newDisplay(o *common, s Streams, set *target.Set) (*display, error) {
	colour, err := o.colour(s)
	if err != nil {
		return nil, err
	}
	fields, err := o.fields()
	if err != nil {
		return nil, err
	}
	d := &display{streams: s, quiet: o.Quiet, zoned: o.Interface != "", level: o.level(), colour: colour}
	if terminal, ok := s.Err.(*os.File); ok && s.clever(terminal) && !d.quiet {
		d.attach(terminal)
	}
	if !d.quiet && fields == nil && o.textOut() {
		d.unusual = &unusual{}
	}
	shown := o.shown
	shown.Colour, shown.Fields, shown.Board, shown.Verbose = colour, fields, o.hasBoard(s, set), d.level > 0
	shown.Hosts, shown.HostWide = int(min(set.Addresses(), math.MaxInt32)), hostWide(set)
	shown.Service, shown.IANA = target.Service, target.Registered
	d.Output, err = o.open(d.streams.Out, columnsOf(s.Out), shown)
	return d, err
}

// open opens the outputs, of which the text looks as shown.
func (o *common) open(out io.Writer, columns int, shown sink.Options) (*report.Output, error) {
	shown.Reason, shown.Quiet, shown.Wide = o.Reason || o.level() > 0, o.Quiet, columns
	opened, err := report.Open(report.Config{Stdout: out, StdoutFormat: o.Format, Files: o.files, OpenOnly: o.Open, Options: shown})
	if err != nil {
		return nil, usage(err)
	}
	return opened, nil
}

// colour is that of standard output.
func (o *outputOptions) colour(s Streams) (sink.Paint, error) {
	colour, err := text.UseColour(o.Colour, s.Env("NO_COLOR"), s.clever(s.Out))
	if err != nil {
		return sink.Plain, usagef("--color: %w", err)
	}
	return colour, nil
}

// textOut reports whether standard output is text.
func (o *outputOptions) textOut() bool { return o.Format == "" || o.Format == "text" }

// attach keeps a line of progress at the foot of the terminal; what else goes
// to the same terminal goes above it.
func (d *display) attach(f *os.File) {
	foot := screen.NewScreen(f)
	d.progress = &screen.Progress{Screen: foot, Width: func() int {
		width, _, _ := tty.Size(f)
		return width
	}}
	if isTerminal(d.streams.Out) {
		d.streams.Out = foot.Above(d.streams.Out)
	}
	d.streams.Err = foot.Above(d.streams.Err)
}

// fewPairs is how many pairs are looked through for the layout of columns.
const fewPairs = 1 << 16

// hostWide is how wide the longest name of a host is, 0 where there are too
// many to look at.
func hostWide(set *target.Set) (width int) {
	if set.Count() > fewPairs {
		return 0
	}
	var last netip.Addr
	for pair := range set.Ordered() {
		if a := pair.Addr(); a != last {
			last = a
			width = max(width, utf8.RuneCountInString(record.NameOf(set.Name(a), a)))
		}
	}
	return width
}

// level is how much is said: 1 with -v, 2 with -d.
func (o *outputOptions) level() int {
	switch {
	case o.Debug:
		return 2
	case o.Verbose:
		return 1
	}
	return 0
}

// conclude writes the closing record of a run and returns how the run ended. One
// of which no packet could leave says nothing of any target, and is an error.
func (d *display) conclude(s *probe.Summary, err error) error {
	err = settled(s, err)
	err = cmp.Or(err, d.Record(record.NewSummary(s, time.Now())))
	return err
}

// settled is how a run ended, and completes its summary with that. Where the link was
// asked, and nobody on it has the address, the target is not there: that is an answer.
func settled(s *probe.Summary, err error) error {
	if err == nil {
		err = s.Unsent()
	}
	if errors.Is(err, netraw.ErrNoNeighbour) {
		err = nil
	}
	s.Complete = s.Complete && err == nil
	return err
}

// finish ends the outputs; err is how the run itself ended.
func (d *display) finish(err error) error {
	if d.progress != nil {
		d.progress.Done()
	}
	closing := d.Output.Close()
	if closing == nil {
		closing = d.unusual.hint(d.streams.Out)
	}
	switch {
	case err == nil:
		return closing
	case closing == nil:
		return err
	case errors.Is(err, sink.ErrWrite):
		return closing // which reports every output that failed, of the first one too
	}
	return &exit{exitCode(err), errors.Join(err, closing)}
}

// nmapFiles are the endings that nmap's -oA gives to a base, and the format of
// each.
var nmapFiles = []report.File{{Format: "text", Path: ".nmap"}, {Format: "xml", Path: ".xml"}, {Format: "grep", Path: ".gnmap"}}

// writesText reports whether any output is text.
func (o *common) writesText() bool {
	return o.textOut() || slices.ContainsFunc(o.files, func(f report.File) bool { return f.Format == "text" })
}
