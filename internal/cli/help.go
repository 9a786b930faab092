package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/units"
	"synscope/internal/spelling"
)

// meaningAt is where the meanings of flags begin.
const meaningAt = 22

// Widths of text for people, in columns: where nothing is known of the terminal, and
// between which it follows one.
const (
	helpWide     = 80
	narrowestFit = 40
	widestFit    = 100
)

// readable is how wide text on a stream is to be.
func readable(stream any) int {
	if columns := columnsOf(stream); columns > 0 {
		return min(max(columns, narrowestFit), widestFit)
	}
	return helpWide
}

// sheet is help in the making.
type sheet struct {
	strings.Builder
	wide int
}

// showInstead shows the version in place of running a command.
func showInstead(c *cli.Context) error {
	if !c.Bool("version") {
		return nil
	}
	fmt.Fprintln(c.App.Writer, c.App.Name, c.App.Version)
	return &exit{exitYes, silent{}}
}

// showHelp writes the help of a command, or, of "", of the program.
func showHelp(app *cli.App, name string) error {
	command := app.Command(name)
	if name != "" && command == nil {
		return unknownCommand(app, name)
	}
	return pageOf(app, command).help(app.Writer)
}

func unknownCommand(app *cli.App, name string) error {
	var known []string
	for _, c := range app.Commands {
		known = append(known, c.Names()...)
	}
	if near := spelling.Nearest(name, known); near != "" {
		return usagef("unknown command %q: %s", name, spelling.Question(near))
	}
	return usagef("unknown command %q: `synscope --help` lists them", name)
}

// silent is the error of a run that has said everything itself.
type silent struct{}

func (silent) Error() string { return "" }

// help writes the page for a terminal: what the command answers, how it is
// called, its flags, three examples, and the exit codes.
func (p *page) help(w io.Writer) error {
	b := sheet{wide: readable(w)}
	b.paragraph("", "  ", strings.TrimSpace("synscope "+p.name)+": "+p.answers)
	b.WriteByte('\n')
	b.paragraph("  ", "      ", p.usage)
	if p.description != "" {
		b.WriteByte('\n')
		b.paragraph("  ", "  ", p.description)
	}
	if len(p.commands) > 0 {
		b.WriteString("\nCOMMANDS:\n")
		for _, c := range p.commands {
			b.entry(strings.Join(c.Names(), ", "), c.Usage)
		}
	}
	for _, g := range p.groups {
		fmt.Fprintf(&b, "\n%s:\n", cmp.Or(strings.ToUpper(g.heading), "FLAGS"))
		for _, f := range g.flags {
			b.entry(f.typed(), f.meant())
		}
	}
	b.WriteString("\nEXAMPLES:\n")
	for _, e := range p.examples {
		b.WriteString("  " + e.line + "\n") // which is typed as it stands
		b.paragraph("      ", "      ", e.does)
	}
	b.WriteString("\nEXIT CODES:\n")
	for _, e := range p.exits {
		b.entry(fmt.Sprint(e.code), e.means)
	}
	_, err := io.WriteString(w, b.String())
	if err != nil {
		return &exit{exitInterrupted, err}
	}
	return nil
}

// paragraph is running text, whose lines begin with what they are indented by.
func (b *sheet) paragraph(first, others, text string) {
	for _, line := range broken(text, b.wide-len(others)) {
		b.WriteString(first + line + "\n")
		first = others
	}
}

// entry is a word with its meaning beside it, or, where it is long, below it.
func (b *sheet) entry(word, meaning string) {
	head := "  " + word
	lines := broken(meaning, b.wide-meaningAt)
	if utf8.RuneCountInString(head) > meaningAt-2 {
		b.WriteString(head + "\n")
		head = ""
	}
	for _, line := range lines {
		b.WriteString(units.Padded(head, meaningAt) + line + "\n")
		head = ""
	}
}

// say says something on standard error, in lines that fit where that is a terminal.
func say(w io.Writer, text string) {
	for line := range strings.SplitSeq("synscope: "+text, "\n") {
		fmt.Fprintln(w, fitted(w, line))
	}
}

// fitted is a line in pieces that fit a terminal, where that is one.
func fitted(w any, line string) string {
	wide := columnsOf(w)
	if wide < narrowestFit || utf8.RuneCountInString(line) <= wide {
		return line
	}
	return strings.Join(broken(line, wide-2), "\n  ")
}

// broken is a text in lines of up to so many characters, each but the last as
// long as its words allow. A default stays on one line with its heading.
func broken(text string, wide int) (lines []string) {
	const heading, held = "(default: ", "(default:\u00a0"
	line := ""
	for word := range strings.SplitSeq(strings.ReplaceAll(text, heading, held), " ") {
		word = strings.ReplaceAll(word, held, heading)
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > wide {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// placeholder takes the word in back quotes out of a usage text.
func placeholder(usage string) (value, meaning string) {
	before, rest, found := strings.Cut(usage, "`")
	value, after, closed := strings.Cut(rest, "`")
	if !found || !closed {
		return "VALUE", usage
	}
	return value, before + value + after
}

// dashed writes a flag as people type it: -p, -oJ, --rate.
func dashed(name string) string {
	if len(name) == 1 || len(name) == 2 && unicode.IsUpper(rune(name[1])) {
		return "-" + name
	}
	return "--" + name
}

// under puts flags under a heading of the help.
func under(heading string, flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		switch f := f.(type) {
		case *cli.StringFlag:
			f.Category = heading
		case *cli.StringSliceFlag:
			f.Category = heading
		case *cli.IntFlag:
			f.Category = heading
		case *cli.Uint64Flag:
			f.Category = heading
		case *cli.BoolFlag:
			f.Category = heading
		}
	}
	return flags
}

func helpCommand() *cli.Command {
	return &cli.Command{
		Name: "help", Usage: "what do a command's flags mean, and how is it used?", ArgsUsage: "[COMMAND]",
		Action: func(c *cli.Context) error {
			if c.NArg() > 1 {
				return usagef("help: one command at a time, not %s", strings.Join(c.Args().Slice(), " and "))
			}
			return showHelp(c.App, c.Args().First())
		},
	}
}
