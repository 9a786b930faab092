package cli

import (
	"fmt"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"synscope/internal/privilege"
	"synscope/internal/report"
)

// later is what a run opens after it has begun.
type later uint8

const (
	opensNothing     later = iota
	opensConnections       // of the kernel's TCP: engine connect, resolving names over TCP
)

// firstUnprivilegedPort is net.ipv4.ip_unprivileged_port_start's default.
const firstUnprivilegedPort = 1024

// confine gives up what the run does not need any more, now that everything is
// open. A connection from a port below 1024 needs a right of its own each time,
// and keeps the run from it. The directories of what is read again stay readable:
// a file that is edited is another one of the same name.
func confine(c *cli.Context, s Streams, e *opened, what later, readAgain ...string) error {
	if s.Confine == nil {
		return nil
	}
	if port := c.Int("g"); e.name == engineConnect {
		if port > 0 && port < firstUnprivilegedPort {
			return nil
		}
		what = opensConnections
	}
	done, err := s.Confine(privilege.Config{Read: readAgain, Write: writtenLater(c), Connect: what == opensConnections})
	if err != nil {
		return &exit{exitUnable, err}
	}
	if verbosity(c) > 1 {
		fmt.Fprintf(s.Err, "synscope: given up: %+v\n", done)
	}
	return nil
}

// writtenLater are the files that a run makes or replaces after it has begun.
func writtenLater(c *cli.Context) (paths []string) {
	for _, name := range []string{"plot", "raw", "resume"} {
		paths = append(paths, named(c, name)...)
	}
	return paths
}

// confineFiles gives up every right of a run that sends nothing and reads files
// that strangers made, once it has opened them: what it still reads and writes is
// named on the command line.
func confineFiles(c *cli.Context, s Streams) error {
	if s.Confine == nil {
		return nil
	}
	read := slices.DeleteFunc(append(inputs(c), c.Args().Slice()...), func(path string) bool { return path == report.Stdout })
	done, err := s.Confine(privilege.Config{Read: read, Write: fileOutputs(c)})
	if err != nil {
		return &exit{exitUnable, err}
	}
	if verbosity(c) > 1 {
		fmt.Fprintf(s.Err, "synscope: given up: %+v\n", done)
	}
	return nil
}

// netRights are CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW, one bit each,
// capabilities(7).
const netRights = 1<<10 | 1<<12 | 1<<13

// confineChecks gives up what a run does not need that opens sockets as it goes:
// of the rights those of the network stay, of the file system what its outputs
// need.
func confineChecks(c *cli.Context, s Streams) error {
	if s.Confine == nil {
		return nil
	}
	if _, err := s.Confine(privilege.Config{Keep: netRights, Probe: true, Connect: true, Write: fileOutputs(c)}); err != nil {
		return &exit{exitUnable, err}
	}
	return nil
}

// fileOutputs are the files of a run that are regular, or will be: devices are
// open to it anyway.
func fileOutputs(c *cli.Context) []string {
	return slices.DeleteFunc(outputs(c), func(path string) bool { return path == "" || path == report.Stdout })
}

// confinement is what OSStreams hands over: nothing where the user forbids it, to
// look at the program with a debugger for example.
func confinement() func(privilege.Config) (privilege.Done, error) {
	if os.Getenv("SYNSCOPE_UNCONFINED") != "" {
		return nil
	}
	return privilege.Drop
}
