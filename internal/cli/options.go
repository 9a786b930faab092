package cli

import (
	"reflect"
	"slices"

	"github.com/urfave/cli/v2"

	"synscope/internal/outfile"
	"synscope/internal/report"
)

// options are the flags of a command as plain values: a struct that embeds
// common, whose exported fields are tagged with the flag that each of them holds.
type options[O any] interface {
	*O
	base() *common
}

// common is what several commands share of a command line. A flag that a command
// does not have is as if it had not been given.
type common struct {
	command string          // its name
	words   []string        // that are no flags
	given   map[string]bool // flags that stand on the command line
	files   []report.File   // of results

	outputOptions
	targetOptions
	probeOptions
	fileOptions
	DryRun bool   `flag:"dry-run"`
	Expect string `flag:"expect"`
}

func (o *common) base() *common { return o }

// optionsOf reads the flags of a command line, once and for all.
func optionsOf[O any, P options[O]](c *cli.Context) P {
	o := P(new(O))
	fill(c, reflect.ValueOf(o).Elem())
	b := o.base()
	b.command, b.words, b.given = c.Command.Name, c.Args().Slice(), givenFlags(c)
	b.files = outputFiles(c)
	return o
}

// givenFlags are the names of all flags that stand on the command line under any of theirs.
// To ask the library for each goes through all flags each time, by regular expressions.
func givenFlags(c *cli.Context) map[string]bool {
	set, given := c.LocalFlagNames(), map[string]bool{}
	for _, f := range c.Command.Flags {
		names := f.Names()
		isSet := slices.ContainsFunc(names, func(name string) bool { return slices.Contains(set, name) })
		for _, name := range names {
			given[name] = isSet
		}
	}
	return given
}

// fill reads the flags that the fields of a struct are tagged with.
func fill(c *cli.Context, s reflect.Value) {
	for i := range s.NumField() {
		name, isFlag := s.Type().Field(i).Tag.Lookup("flag")
		switch field := s.Field(i); {
		case !isFlag && field.Kind() == reflect.Struct && s.Type().Field(i).Anonymous:
			fill(c, field)
		case !isFlag:
		default:
			field.Set(reflect.ValueOf(flagValue(c, name, field.Interface())))
		}
	}
}

// flagValue is the value of a flag, of the type of its field.
func flagValue(c *cli.Context, name string, like any) any {
	switch like.(type) {
	case string:
		return c.String(name)
	case bool:
		return c.Bool(name)
	case int:
		return c.Int(name)
	case uint64:
		return c.Uint64(name)
	}
	return slices.Clone(c.StringSlice(name))
}

// outputFiles are the files of results, with those of -oA.
func outputFiles(c *cli.Context) (files []report.File) {
	for _, f := range report.Formats() {
		for _, path := range c.StringSlice(f.Flag) {
			if fd, ours := outfile.Descriptor(path); ours && fd == 1 { // /dev/stdout
				path = report.Stdout
			}
			files = append(files, report.File{Format: f.Name, Path: path})
		}
	}
	for _, base := range c.StringSlice("oA") {
		for _, f := range nmapFiles {
			files = append(files, report.File{Format: f.Format, Path: base + f.Path})
		}
	}
	return files
}

// within reads an integer flag and its bounds; an unset flag is its default.
func (o *common) within(name string, n, low, high int) error {
	if o.given[name] && (n < low || n > high) {
		return usagef("%s: %d: want %d to %d", dashed(name), n, low, high)
	}
	return nil
}
