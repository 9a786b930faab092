package cli

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"synscope/internal/privilege"
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

// confinement is what OSStreams hands over: nothing where the user forbids it, to
// look at the program with a debugger for example.
func confinement() func(privilege.Config) (privilege.Done, error) {
	if os.Getenv("SYNSCOPE_UNCONFINED") != "" {
		return nil
	}
	return privilege.Drop
}
