package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// helpWide is the width that help fits into, in columns, and meaningWide what
// the names of flags leave of it for their meanings.
const (
	helpWide    = 80
	meaningWide = helpWide - len("   --exclude-ports PORTS  ")
)

// styleHelp sets how the library writes help, which it keeps for the process.
var styleHelp = sync.OnceFunc(func() {
	cli.FlagStringer = flagLine
	cli.HelpPrinter = func(w io.Writer, text string, data any) {
		cli.HelpPrinterCustom(w, text, data, map[string]any{"wrapAt": func() int { return helpWide }})
	}
})

// showInstead shows the help or the version in place of running a command.
func showInstead(c *cli.Context) error {
	switch {
	case c.Bool("version"):
		fmt.Fprintln(c.App.Writer, c.App.Name, c.App.Version)
	case c.Bool("help") && c.Args().Present() && c.App.Command(c.Args().First()) != nil:
		if err := cli.ShowCommandHelp(c, c.Args().First()); err != nil {
			return err
		}
	case c.Bool("help") && c.Args().Present():
		return unknownCommand(c.Args().First())
	case c.Bool("help"):
		if err := cli.ShowAppHelp(c); err != nil {
			return err
		}
	default:
		return nil
	}
	return &exit{exitYes, silent{}}
}

func unknownCommand(name string) error {
	return usagef("unknown command %q: `synscope --help` lists them", name)
}

// silent is the error of a run that has said everything itself.
type silent struct{}

func (silent) Error() string { return "" }

// flagLine is a flag's line in the help: its names as one types them, what its
// value is, what it means, and a default only where there is one to know.
func flagLine(f cli.Flag) string {
	doc := f.(cli.DocGenerationFlag)
	value, meaning := placeholder(doc.GetUsage())
	var names []string
	for _, name := range f.Names() {
		names = append(names, dashed(name))
	}
	line := strings.Join(names, ", ")
	if doc.TakesValue() {
		line += " " + value
	}
	if d := doc.GetValue(); doc.TakesValue() && d != "" && d != "0" && d != "[]" && !strings.Contains(meaning, "(default") {
		meaning += " (default: " + d + ")"
	}
	return line + "\t" + strings.Join(broken(meaning, meaningWide), "\n   \t")
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
