package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/outfile"
	"synscope/internal/report"
)

// Flags and commands that name files.
var (
	readFlags    = []string{"iL", "exclude-file", "from"}
	writtenFlags = []string{"pcap", "plot", "raw", "resume", "isn", "junit", "tap", "html"}
	fileFlags    = []string{"pcap", "plot", "raw", "resume", "isn", "oA"} // never standard output
	readCommands = []string{"read", "merge", "report"}                    // whose arguments are files
)

// withClaims has a command begin by claiming its files, so that none is emptied
// that is still to be read, or written twice.
func withClaims(s Streams, action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := claimFiles(c, s); err != nil {
			return usage(err)
		}
		return action(c)
	}
}

func claimFiles(c *cli.Context, s Streams) error {
	var claims outfile.Claims
	for _, name := range fileFlags {
		if slices.Contains(named(c, name), report.Stdout) {
			return fmt.Errorf("%s %s: standard output is for results: name a file", dashed(name), report.Stdout)
		}
	}
	for _, path := range inputs(c) {
		claims.Input(path)
	}
	if f, ok := s.In.(*os.File); ok && slices.Contains(inputs(c), report.Stdout) {
		claims.Input(fmt.Sprintf("/dev/fd/%d", f.Fd()))
	}
	if f, ok := s.Out.(*os.File); ok {
		if err := claims.OutputFile(f); err != nil {
			return err
		}
	}
	for _, path := range outputs(c) {
		if path == "" || path == report.Stdout {
			continue
		}
		if err := claims.Output(path); err != nil {
			return err
		}
	}
	return nil
}

// inputs are the files that a command line has read.
func inputs(c *cli.Context) (paths []string) {
	for _, name := range readFlags {
		paths = append(paths, named(c, name)...)
	}
	if data, isFile := strings.CutPrefix(c.String("data"), "@"); isFile {
		paths = append(paths, data)
	}
	if slices.Contains(readCommands, c.Command.Name) {
		paths = append(paths, c.Args().Slice()...)
	}
	return paths
}

// outputs are the files that a command line has written.
func outputs(c *cli.Context) (paths []string) {
	for _, f := range outputFiles(c) {
		paths = append(paths, f.Path)
	}
	for _, name := range writtenFlags {
		paths = append(paths, named(c, name)...)
	}
	return paths
}

// named are the values of a flag, of one or several.
func named(c *cli.Context, name string) []string {
	if list := c.StringSlice(name); len(list) > 0 {
		return list
	}
	if one := c.String(name); one != "" {
		return []string{one}
	}
	return nil
}
