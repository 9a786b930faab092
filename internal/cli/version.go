package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "which version is this, and what was it built with?",
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("version takes no argument: %q", c.Args().First())
			}
			_, err := fmt.Fprintf(s.Out, "synscope %s%s\n%s %s/%s\n", Version, revision(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// revision is the commit that the program was built from, where that is known.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed"
		}
	}
	if commit == "" {
		return ""
	}
	return " (" + commit + changed + ")"
}
