package cli

import (
	"context"

	"github.com/urfave/cli/v2"
)

// job is a probing command whose command line is understood.
type job interface {
	dryRun() error // print what would leave
	run(ctx context.Context) error
}

// probes makes a command's action of what understands its command line.
func probes[J job](s Streams, understand func(*cli.Context, Streams) (J, error)) cli.ActionFunc {
	return func(c *cli.Context) error {
		j, err := understand(c, s)
		if err != nil {
			return err
		}
		if c.Bool("dry-run") {
			return j.dryRun()
		}
		return j.run(c.Context)
	}
}

// inOrder takes steps until one fails.
func inOrder(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
