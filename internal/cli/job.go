package cli

import (
	"context"

	"github.com/urfave/cli/v2"
)

// job is a probing command whose command line is understood.
type job interface {
	dryRun(ctx context.Context) error // print what would leave
	run(ctx context.Context) error
}

// probes makes a command's action of what understands its command line.
func probes[O any, P options[O], J job](s Streams, understand func(context.Context, Streams, P) (J, error)) cli.ActionFunc {
	return func(c *cli.Context) error {
		o := optionsOf[O, P](c)
		streams, err := o.base().planning(s, o.base().plans())
		if err != nil {
			return err
		}
		j, err := understand(c.Context, streams, o)
		if err != nil {
			return err
		}
		if o.base().DryRun {
			return j.dryRun(c.Context)
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
