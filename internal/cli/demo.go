package cli

import "github.com/urfave/cli/v2"

// demoOptions are the flags of demo.
type demoOptions struct {
	common
	Shell bool `flag:"shell"`
}

func demoCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "all of the above in a private network of its own, on a machine with nothing prepared",
		Description: "Builds hosts, firewalls, routers and bad links out of network namespaces,\n" +
			"probes them, and takes everything down again. No packet leaves the machine,\n" +
			"nothing needs to be installed.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "shell", Usage: "be left inside the network, with a list of things to try; a script on standard input is run"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("demo takes no target: %q", c.Args().First())
			}
			return demonstrate(c.Context, s, optionsOf[demoOptions](c))
		},
	}
}
