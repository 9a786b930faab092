package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/outfile"
	"synscope/internal/report"
)

// fileOptions are flags that name files, beside the lists of targets.
type fileOptions struct {
	From   []string `flag:"from"`
	Pcap   string   `flag:"pcap"`
	Plot   string   `flag:"plot"`
	Raw    string   `flag:"raw"`
	Resume string   `flag:"resume"`
	ISN    string   `flag:"isn"`
	JUnit  string   `flag:"junit"`
	TAP    string   `flag:"tap"`
	HTML   string   `flag:"html"`
	Data   string   `flag:"data"` // or a file, after "@"
}

// readCommands are those whose arguments are files.
var readCommands = []string{"read", "merge", "report"}

// withClaims has a command check first which files it reads and writes, so that no file is
// emptied before it is read, or written twice.
func withClaims(s Streams, action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := claimFiles(optionsOf[common](c), s); err != nil {
			return usage(err)
		}
		return action(c)
	}
}

func claimFiles(o *common, s Streams) error {
	var claims outfile.Claims
	if err := cmp.Or(o.refuseNameless(), o.refuseStdout()); err != nil {
		return err
	}
	for _, path := range o.inputs() {
		claims.Input(path)
	}
	if f, ok := s.In.(*os.File); ok && slices.Contains(o.inputs(), report.Stdout) {
		claims.Input(fmt.Sprintf("/dev/fd/%d", f.Fd()))
	}
	if f, ok := s.Out.(*os.File); ok {
		if err := claims.OutputFile(f); err != nil {
			return err
		}
	}
	for _, path := range o.outputs() {
		if err := claims.Output(path); err != nil {
			return err
		}
	}
	return nil
}

// refuseNameless refuses files without a name, as "$FILE" is where nobody has set it.
func (o *common) refuseNameless() error {
	for name, paths := range map[string][]string{
		"pcap": {o.Pcap}, "plot": {o.Plot}, "raw": {o.Raw}, "resume": {o.Resume}, "isn": {o.ISN}, "junit": {o.JUnit}, "tap": {o.TAP},
		"html": {o.HTML}, "iL": o.Lists, "exclude-file": o.ExcludeFiles, "from": o.From,
	} {
		if o.given[name] && slices.Contains(paths, "") {
			return fmt.Errorf("%s: the name of the file is empty", dashed(name))
		}
	}
	for _, f := range o.files {
		switch {
		case f.Path == "":
			return fmt.Errorf("-%s: the name of the file is empty", flagOf(f.Format))
		case slices.ContainsFunc(nmapFiles, func(n report.File) bool { return f.Path == n.Path }):
			return fmt.Errorf("-oA: the name of the files is empty")
		}
	}
	if slices.Contains(readCommands, o.command) && slices.Contains(o.words, "") {
		return fmt.Errorf("%s: the name of a file is empty", o.command)
	}
	return nil
}

// flagOf is the flag that writes a format into a file.
func flagOf(format string) string {
	for _, f := range report.Formats() {
		if f.Name == format {
			return f.Flag
		}
	}
	return "o"
}

// refuseStdout refuses standard output where only a file will do.
func (o *common) refuseStdout() error {
	for name, path := range map[string]string{"pcap": o.Pcap, "plot": o.Plot, "raw": o.Raw, "resume": o.Resume, "isn": o.ISN} {
		if path == report.Stdout {
			return fmt.Errorf("%s %s: standard output is for results: name a file", dashed(name), report.Stdout)
		}
	}
	if slices.ContainsFunc(o.files, func(f report.File) bool { return f.Path == report.Stdout+nmapFiles[0].Path }) {
		return fmt.Errorf("-oA %s: standard output is for results: name a file", report.Stdout)
	}
	return nil
}

// inputs are the files that a command line has read.
func (o *common) inputs() []string {
	paths := slices.Concat(o.Lists, o.ExcludeFiles, o.From)
	if data, isFile := strings.CutPrefix(o.Data, "@"); isFile {
		paths = append(paths, data)
	}
	if slices.Contains(readCommands, o.command) {
		paths = append(paths, o.words...)
	}
	return paths
}

// outputs are the files that a command line has written.
func (o *common) outputs() []string {
	paths := []string{o.Pcap, o.Plot, o.Raw, o.Resume, o.ISN, o.JUnit, o.TAP, o.HTML}
	for _, f := range o.files {
		paths = append(paths, f.Path)
	}
	return named(paths)
}

// named are the paths that name a file.
func named(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool { return path == "" || path == report.Stdout })
}
