package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"synscope/internal/report/sink"
	"synscope/internal/report/units"
	"synscope/netraw"
	"synscope/probe"
)

// Exit codes: the contract with scripts.
const (
	exitYes         = 0 // done, and the answer is yes
	exitNo          = 1 // done, and the answer is no
	exitUsage       = 2 // the command line or a file given on it is wrong; nothing was sent
	exitUnable      = 3 // this machine or user cannot do it
	exitInterrupted = 4 // cut short; what was found has been written
)

// exit is an error with the exit code that it leads to.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return e.err.Error() }
func (e *exit) Unwrap() error { return e.err }

func usage(err error) error { return &exit{exitUsage, err} }

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

// errNo is the answer no, about which nothing more is to be said.
var errNo = &exit{exitNo, errors.New("")}

// unableErrors are those of a machine or user that cannot do what was asked.
var unableErrors = []error{
	netraw.ErrPermission, netraw.ErrNoInterface, netraw.ErrForeignSource, netraw.ErrNoRoute,
	netraw.ErrInterfaceDown, netraw.ErrPortInUse, netraw.ErrFileLimit, netraw.ErrOutputFirewall, netraw.ErrUnsupportedOS, netraw.ErrXDPInterface,
	netraw.ErrNoHardwareStamps, netraw.ErrHardwareStampsOff, netraw.ErrLocalFirewall,
}

// exitCode is the code that an error leads to.
func exitCode(err error) int {
	var e *exit
	switch {
	case err == nil:
		return exitYes
	case isAny(err, syscall.ENOSPC, syscall.EDQUOT): // whatever was to be written: a result, a picture, a checkpoint
		return exitInterrupted
	case errors.As(err, &e):
		return e.code
	case isAny(err, probe.ErrInterrupted, probe.ErrNetworkDown, probe.ErrWentSilent, sink.ErrWrite, context.Canceled):
		return exitInterrupted
	case unwritten(err):
		return exitInterrupted
	case errors.Is(err, probe.ErrNothingSent):
		return exitUnable
	case isAny(err, netraw.ErrBroadcast, netraw.ErrNoHost):
		return exitNo
	case errors.Is(err, sink.ErrOutput):
		return exitUsage
	case isAny(err, unableErrors...):
		return exitUnable
	}
	return exitUsage
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}

// explain is what to print about an error; nothing where the exit code says it.
func explain(err error) string {
	if err == nil || closedPipe(err) {
		return ""
	}
	if several := joinedErrors(err); several != nil {
		return explainAll(several)
	}
	return inWords(err)
}

// printable keeps names of files, which others may have chosen, from commanding the
// terminal; lines stay lines.
func printable(message string) string {
	lines := strings.Split(message, "\n")
	for i := range lines {
		lines[i] = units.Printable(strings.ReplaceAll(lines[i], "\t", " "))
	}
	return strings.Join(lines, "\n")
}

// joinedErrors are the errors of [errors.Join]; nil of any other error.
func joinedErrors(err error) []error {
	if e, ok := err.(*exit); ok {
		err = e.err
	}
	several, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	var lines []string
	for _, one := range several.Unwrap() {
		lines = append(lines, one.Error())
	}
	if strings.Join(lines, "\n") != err.Error() { // fmt.Errorf, with words between
		return nil
	}
	return several.Unwrap()
}

// explainAll has a line for each of several errors that there is something to print
// about.
func explainAll(errs []error) string {
	var lines []string
	for _, err := range errs {
		if line := explain(err); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// unwritten reports whether standard output took not all: a full disk, for example.
func unwritten(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path) && path.Op == "write" && path.Path == os.Stdout.Name()
}

// closedPipe reports whether all that went wrong is that nobody reads standard
// output any more, of which other programs say nothing either.
func closedPipe(err error) bool {
	if several := joinedErrors(err); several != nil {
		return !slices.ContainsFunc(several, func(one error) bool { return !closedPipe(one) })
	}
	var path *fs.PathError
	return errors.Is(err, syscall.EPIPE) && errors.As(err, &path) && path.Path == os.Stdout.Name()
}
