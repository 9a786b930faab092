package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	words "synscope/internal/explain"
	"synscope/internal/report"
	"synscope/internal/schema"
	"synscope/probe"
)

// shells are the shells that completion is written for.
var shells = []string{"bash", "zsh", "fish"}

// script is the completion for a shell; false for one that is not known.
func (c *completion) script(shell string) (string, bool) {
	switch shell {
	case "bash":
		return c.bash(), true
	case "zsh":
		return c.zsh(), true
	case "fish":
		return c.fish(), true
	}
	return "", false
}

func completionCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "completion of commands, flags and values, for bash, zsh or fish", ArgsUsage: "SHELL",
		Action: func(c *cli.Context) error {
			script, known := completionOf(c.App).script(c.Args().First())
			if !known || c.NArg() > 1 {
				return usagef("completion: name one shell: %s", strings.Join(shells, ", "))
			}
			_, err := io.WriteString(s.Out, script)
			return err
		},
	}
}

// completion is what the scripts of all shells are made of.
type completion struct {
	program  *page
	commands []*page
}

func completionOf(app *cli.App) *completion {
	c := &completion{program: pageOf(app, nil)}
	for _, command := range app.Commands {
		c.commands = append(c.commands, pageOf(app, command))
	}
	return c
}

// flags are all of a page.
func (p *page) flags() (all []flagDoc) {
	for _, g := range p.groups {
		all = append(all, g.flags...)
	}
	return all
}

// choices are the values of a flag where they are few words; files tells
// whether it takes a path.
func (d *flagDoc) choices(command string) (values []string, files bool) {
	name := d.names[0]
	switch {
	case d.value == "FILE" || d.value == "BASE" || strings.HasPrefix(d.value, "FILE."):
		return nil, true
	case name == "o" && slices.Contains([]string{"doctor", "explain", "schema", "report"}, command):
		return []string{"text", "json"}, false
	case name == "o" && slices.Contains([]string{"send", "check"}, command):
		return namesOf(otherFormats()), false
	case name == "o":
		return namesOf(report.Formats()), false
	case name == "profile":
		return strings.Split(profileNames(), ", "), false
	case name == "expect" && command != "send":
		return stateNames(), false
	case name == "technique":
		return techniqueNames(), false
	case name == "series":
		return seriesNames(), false
	}
	return fewValues[name], false
}

// fewValues are the values of flags that take one of few words.
var fewValues = map[string][]string{
	"engine": {"auto", "raw", "packet", "xdp", "connect"}, "color": {"auto", "always", "never"},
	"flow": {"fixed", "vary"}, "close": {"fin", "rst", "none"}, "withhold": {"synack-ack", "last-ack"},
	"discover": {searchAuto, searchNone, searchOnly},
	"data-on":  {"syn", "ack", "established"}, "stamps": {"software", "hardware", "auto"},
}

func namesOf(formats []report.Format) (names []string) {
	for _, f := range formats {
		names = append(names, f.Name)
	}
	return names
}

func stateNames() (names []string) {
	for _, s := range probe.States() {
		if !strings.Contains(s.String(), "|") { // which shells read as a pipe
			names = append(names, s.String())
		}
	}
	return names
}

func techniqueNames() []string {
	names := []string{probe.ConnectTechnique}
	for _, t := range probe.Techniques() {
		names = append(names, t.Name)
	}
	return names
}

// operands are the words that a command takes beside flags; files tells whether
// it takes paths, hosts whether it takes targets.
func (p *page) operands(c *completion) (values []string, files, hosts bool) {
	if slices.Contains(readCommands, p.name) {
		return nil, true, false
	}
	switch p.name {
	case "help", "man":
		for _, command := range c.commands {
			values = append(values, command.name)
		}
	case "completion":
		values = shells
	case "schema":
		values = append(schema.Names(), "check")
	case "explain":
		for _, e := range words.All() {
			if !slices.Contains(values, e.Word) && !strings.Contains(e.Word, "|") {
				values = append(values, e.Word)
			}
		}
	case "check":
		files = true
	case "scan", "ping", "handshake", "isn", "trace", "send", "why":
		hosts = true
	}
	return values, files, hosts
}
