package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// page is what there is to say of a command, whoever shows it: help on a
// terminal, a manual page, completion of a shell.
type page struct {
	name        string // "scan"; "" is the program
	aliases     []string
	answers     string // the question that the command answers
	usage       string
	description string
	commands    []*cli.Command // of the program
	groups      []flagGroup
	examples    []example
	exits       []exitMeaning
}

// flagGroup is a heading with its flags; the command's own have none.
type flagGroup struct {
	heading string
	flags   []flagDoc
}

// flagDoc is one flag.
type flagDoc struct {
	names   []string // without hyphens
	value   string   // "FILE"; "" for a switch
	meaning string
	initial string // the value where none is given, if there is one to know
}

// example is a command line and what it does.
type example struct{ line, does string }

// exitMeaning is an exit code in the words of a command.
type exitMeaning struct {
	code  int
	means string
}

// pageOf describes a command; nil is the program.
func pageOf(app *cli.App, c *cli.Command) *page {
	if c == nil {
		return &page{
			answers: app.Usage, usage: app.UsageText, commands: app.Commands,
			groups:   groupsOf(app.Flags, nil),
			examples: examples[""], exits: exitsOf(""),
		}
	}
	return &page{
		name: c.Name, aliases: c.Aliases, answers: c.Usage, usage: c.UsageText, description: strings.ReplaceAll(c.Description, "\n", " "),
		groups:   groupsOf(c.Flags, app.Flags),
		examples: examples[c.Name], exits: exitsOf(c.Name),
	}
}

// groupsOf are a command's flags under their headings, and the program's last.
func groupsOf(own, global []cli.Flag) []flagGroup {
	var groups []flagGroup
	for _, f := range own {
		if doc, ok := docOf(f); ok {
			groups = put(groups, f.(cli.CategorizableFlag).GetCategory(), doc)
		}
	}
	if slices.ContainsFunc(own, func(f cli.Flag) bool { return f.Names()[0] == "sS" }) {
		groups = put(groups, "", flagDoc{names: techniqueAliases(), meaning: "the same techniques by nmap's switches"})
	}
	for _, f := range global {
		if doc, ok := docOf(f); ok {
			groups = put(groups, "Everywhere", doc)
		}
	}
	return groups
}

func put(groups []flagGroup, heading string, doc flagDoc) []flagGroup {
	i := slices.IndexFunc(groups, func(g flagGroup) bool { return g.heading == heading })
	if i < 0 {
		return append(groups, flagGroup{heading, []flagDoc{doc}})
	}
	groups[i].flags = append(groups[i].flags, doc)
	return groups
}

// docOf describes a flag; false for one that is accepted, so that scripts may
// give it to every command, and does nothing here.
func docOf(f cli.Flag) (flagDoc, bool) {
	doc := f.(cli.DocGenerationFlag)
	if !f.(cli.VisibleFlag).IsVisible() || idle(doc.GetUsage()) {
		return flagDoc{}, false
	}
	value, meaning := placeholder(doc.GetUsage())
	if !doc.TakesValue() {
		value = ""
	}
	names := slices.Clone(f.Names())
	slices.SortStableFunc(names, func(a, b string) int { return len(dashed(a)) - len(dashed(b)) })
	d := flagDoc{names: names, value: value, meaning: meaning}
	if initial := strings.Trim(doc.GetValue(), `"`); doc.TakesValue() && initial != "0" && initial != "[]" && !strings.Contains(meaning, "(default") {
		d.initial = initial
	}
	return d, true
}

// idle reports whether a flag's meaning says that it has none.
func idle(usage string) bool {
	return strings.HasPrefix(usage, "no effect") || strings.HasPrefix(usage, "refused")
}

// meant is the meaning with the initial value.
func (d *flagDoc) meant() string {
	if d.initial == "" {
		return d.meaning
	}
	return d.meaning + " (default: " + d.initial + ")"
}

// typed are the names as one types them, and what follows.
func (d *flagDoc) typed() string {
	names := make([]string, len(d.names))
	for i, n := range d.names {
		names[i] = dashed(n)
	}
	separator := ", "
	if len(names) > 3 {
		separator = " "
	}
	line := strings.Join(names, separator)
	if d.value != "" {
		line += " " + d.value
	}
	return line
}
