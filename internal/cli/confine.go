package cli

import (
	"fmt"
	"os"
	"slices"

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

// confine gives up the privileges that the run does not need any more, now that everything
// is open. They are all kept where connections are to come from a port below 1024, since
// each of those needs one. The directories of files that are read again stay readable: an
// editor replaces a file by another one of the same name.
func confine(o *common, s Streams, e *opened, what later, readAgain ...string) error {
	if s.Confine == nil {
		return nil
	}
	if e.name == engineConnect {
		if o.SourcePort > 0 && o.SourcePort < firstUnprivilegedPort {
			return nil
		}
		what = opensConnections
	}
	later := named([]string{o.Plot, o.Raw, o.Resume}) // are made or replaced after the run has begun
	return giveUp(o, s, privilege.Config{Read: readAgain, Write: later, Connect: what == opensConnections})
}

// giveUp gives up all but what is configured, and says so with -d.
func giveUp(o *common, s Streams, keep privilege.Config) error {
	done, err := s.Confine(keep)
	if err != nil {
		return &exit{exitUnable, err}
	}
	if o.level() > 1 {
		fmt.Fprintf(s.Err, "synscope: given up: %+v\n", done)
	}
	return nil
}

// confineFiles gives up every right of a run that sends nothing and reads files
// that others made, once it has opened them: what it still reads and writes is
// named on the command line.
func confineFiles(o *common, s Streams) error {
	return confineTo(o, s, slices.Concat(o.inputs(), o.words), o.outputs())
}

// confineTo does that for some files to be read and written.
func confineTo(o *common, s Streams, read, write []string) error {
	if s.Confine == nil {
		return nil
	}
	return giveUp(o, s, privilege.Config{Offline: true, Read: named(slices.Clone(read)), Write: named(slices.Clone(write))})
}

// netRights are CAP_NET_BIND_SERVICE, CAP_NET_ADMIN and CAP_NET_RAW, one bit each,
// capabilities(7).
const netRights = 1<<10 | 1<<12 | 1<<13

// confineChecks gives up what a run does not need that opens sockets as it goes:
// of the rights those of the network stay, of the file system what its outputs
// need.
func confineChecks(o *common, s Streams) error {
	if s.Confine == nil {
		return nil
	}
	return giveUp(o, s, privilege.Config{Keep: netRights, Probe: true, Connect: true, Write: o.outputs()})
}

// confinement gives up privileges; nil where the user forbids it, to use a debugger for
// example.
func confinement() func(privilege.Config) (privilege.Done, error) {
	if os.Getenv("SYNSCOPE_UNCONFINED") != "" {
		return nil
	}
	return privilege.Drop
}
