package cli

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/urfave/cli/v2"
)

// arrange puts arguments into the order that the flag parser needs, global
// flags, command, flags, then targets, from the order in which people type
// them: flags and targets mixed, values glued to short flags (-p80, -p-), short
// switches in clusters (-nv). After "--" everything is a target. Unknown flags
// are refused here, by name.
func arrange(app *cli.App, args []string) ([]string, error) {
	a := arrangement{global: switches(app.Flags), flags: byName(app.Flags)}
	command := commandOf(app, args, a.global)
	if command != nil {
		a.command, a.local = command.Name, switches(command.Flags)
		maps.Copy(a.flags, byName(command.Flags))
	}
	for len(args) > 0 {
		var err error
		if args, err = a.take(app, args); err != nil {
			return nil, usage(err)
		}
	}
	return a.join(), nil
}

// arrangement is a command line in the making.
type arrangement struct {
	command       string
	global, local map[string]bool // flag name → takes a value
	flags         map[string]cli.Flag
	before, after []string // flags of the program, and of the command
	targets       []string
	named         bool // the command's word has been passed
	help          bool // asked for, wherever it stands
}

// switches maps the names of flags to whether they take a value.
func switches(flags []cli.Flag) map[string]bool {
	names := map[string]bool{}
	for _, f := range flags {
		valued := f.(cli.DocGenerationFlag).TakesValue()
		for _, name := range f.Names() {
			names[name] = valued
		}
	}
	return names
}

// commandOf finds the command: the first word that is neither a flag nor the
// value of a global one.
func commandOf(app *cli.App, args []string, global map[string]bool) *cli.Command {
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		if !isFlag {
			return app.Command(args[i])
		}
		if global[strings.TrimPrefix(name, "-")] {
			i++
		}
	}
	return nil
}

// take consumes one flag or word, and the flag's value.
func (a *arrangement) take(app *cli.App, args []string) (rest []string, err error) {
	word, rest := args[0], args[1:]
	switch {
	case word == "--":
		a.targets = append(a.targets, rest...)
		return nil, nil
	case word == "-" || !strings.HasPrefix(word, "-"):
		a.word(app, word)
		return rest, nil
	}
	name, value, glued := strings.Cut(strings.TrimLeft(word, "-"), "=")
	if _, known := a.lookup(name); !known && !strings.HasPrefix(word, "--") {
		return a.short(word, rest)
	}
	return a.flag(word, name, value, glued, rest)
}

func (a *arrangement) word(app *cli.App, word string) {
	if !a.named && (a.command != "" && app.Command(word) != nil) {
		a.named = true
		return
	}
	a.targets = append(a.targets, word)
}

// lookup reports whether a flag takes a value, and whether it exists.
func (a *arrangement) lookup(name string) (valued, known bool) {
	if valued, known = a.local[name]; known {
		return valued, true
	}
	valued, known = a.global[name]
	return valued, known
}

// flag takes a flag whose name is written out.
func (a *arrangement) flag(word, name, value string, glued bool, rest []string) ([]string, error) {
	valued, known := a.lookup(name)
	switch {
	case !known:
		return nil, a.unknown(word, name)
	case valued && !glued && len(rest) == 0:
		return nil, errors.New("flag " + word + " needs a value")
	case valued && !glued && a.isFlag(rest[0]):
		return nil, fmt.Errorf("flag %s needs a value, and %s is a flag: if it is meant, write --%s=%s", word, rest[0], name, rest[0])
	case valued && !glued:
		return rest[1:], a.valued(name, rest[0])
	case glued:
		return rest, a.valued(name, value)
	}
	a.put(name, "--"+name)
	return rest, nil
}

// isFlag reports whether a word is the name of a flag. Such a word is not taken for the
// value of the flag before it: more probably that value was forgotten.
func (a *arrangement) isFlag(word string) bool {
	name := strings.TrimLeft(word, "-")
	_, known := a.lookup(name)
	return word != name && known && (len(name) == 1 || len(name) <= shortNames) == !strings.HasPrefix(word, "--")
}

// shortNames is how long the names are that are written after one dash.
const shortNames = 2

// short splits a single-dash word: the longest flag that it begins with takes
// the remainder, as its value or as further switches.
func (a *arrangement) short(word string, rest []string) ([]string, error) {
	body := word[1:]
	for n := len(body) - 1; n > 0; n-- {
		valued, known := a.lookup(body[:n])
		switch {
		case !known:
		case valued:
			return rest, a.valued(body[:n], strings.TrimPrefix(body[n:], "="))
		case n == 1:
			a.put(body[:n], "--"+body[:n])
			return append([]string{"-" + body[n:]}, rest...), nil
		}
	}
	return nil, a.unknown(word, body)
}

// valued puts a flag with a value that it takes.
func (a *arrangement) valued(name, value string) error {
	value, err := readValue(a.flags[name], value)
	a.put(name, "--"+name+"="+value)
	return err
}

// byName are flags by each of their names.
func byName(flags []cli.Flag) map[string]cli.Flag {
	names := map[string]cli.Flag{}
	for _, f := range flags {
		for _, name := range f.Names() {
			names[name] = f
		}
	}
	return names
}

func (a *arrangement) put(name, flag string) {
	if name == "help" || name == "h" {
		a.help = !strings.HasSuffix(flag, "=false")
		return
	}
	if _, local := a.local[name]; local {
		a.after = append(a.after, flag)
		return
	}
	a.before = append(a.before, flag)
}

// join is the command line in order. A flag that asks for help goes before all else, and
// becomes the command help.
func (a *arrangement) join() []string {
	if a.help {
		return a.asHelp()
	}
	out := a.before
	if a.command != "" {
		out = append(append(out, a.command), a.after...)
	}
	if len(a.targets) > 0 {
		out = append(append(out, "--"), a.targets...)
	}
	return out
}

// asHelp is the command line that shows the help asked for.
func (a *arrangement) asHelp() []string {
	switch {
	case a.command != "":
		return []string{"help", a.command}
	case len(a.targets) > 0:
		return []string{"help", a.targets[0]}
	}
	return []string{"help"}
}
