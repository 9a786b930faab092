package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

func manCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name: "man", Usage: "the manual page of synscope, or of a command", ArgsUsage: "[COMMAND]",
		Description: "Writes a manual page for man(1), made of the same definitions as the help.",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			command := c.App.Command(name)
			if c.NArg() > 1 {
				return usagef("man: one command at a time, not %s", strings.Join(c.Args().Slice(), " and "))
			}
			if name != "" && command == nil {
				return unknownCommand(c.App, name)
			}
			return pageOf(c.App, command).man(s.Out)
		},
	}
}

// man writes the page in the macros of man(7).
func (p *page) man(w io.Writer) error {
	title := strings.TrimSuffix("synscope-"+p.name, "-")
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" \"synscope %s\" \"User Commands\"\n", strings.ToUpper(title), released, Version)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n", roff(title), roff(p.answers), roff(p.usage))
	if p.description != "" {
		b.WriteString(".SH DESCRIPTION\n" + filled(p.description) + "\n")
	}
	if len(p.commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range p.commands {
			tagged(&b, c.Name, "synscope-"+c.Name+"(1): "+c.Usage)
		}
	}
	p.manFlags(&b)
	b.WriteString(".SH EXAMPLES\n")
	for _, e := range p.examples {
		tagged(&b, e.line, e.does)
	}
	b.WriteString(".SH EXIT STATUS\n")
	for _, e := range p.exits {
		tagged(&b, fmt.Sprint(e.code), e.means)
	}
	b.WriteString(".SH SEE ALSO\n" + p.seeAlso() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func (p *page) manFlags(b *strings.Builder) {
	if len(p.groups) == 0 {
		return
	}
	b.WriteString(".SH OPTIONS\n")
	for _, g := range p.groups {
		if g.heading != "" {
			b.WriteString(".SS " + roff(g.heading) + "\n")
		}
		for _, f := range g.flags {
			tagged(b, f.typed(), f.meant())
		}
	}
}

func (p *page) seeAlso() string {
	if p.name != "" {
		return ".BR synscope (1),\n.BR tcp (7)"
	}
	return ".BR tcp (7),\n.BR tcpdump (1),\n.BR nmap (1)"
}

// tagged is a paragraph with a tag.
func tagged(b *strings.Builder, tag, text string) {
	fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(tag), filled(text))
}

// roffWide is how long lines of a page's source are: mandoc(1) asks for less than 80.
const roffWide = 70

// filled is running text in lines of the source, which man(1) breaks anew.
func filled(text string) string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(roff(line+" "+word)) > roffWide {
			lines, line = append(lines, roff(line)), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return strings.Join(append(lines, roff(line)), "\n")
}

// roff writes text so that nothing in it is a request or an escape, hyphens are
// those that one types, and characters beyond ASCII are named.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "µ", `\(mc`, "−", `\(mi`, "→", `\(->`, "§", `\(sc`, "–", `\(en`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
