// Package cli is the command line: one file a command, all of them built from
// the same few parts. It decides nothing about packets.
//
// A command line passes through [Main] in four steps: arguments are put into
// the order that the flag parser wants (arguments.go); flags become values
// (values.go and the *flags.go files), and whatever is wrong with them ends the
// run before anything is opened; an engine is opened (engine.go); the command
// runs, and its error becomes an exit code (exit.go).
package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/privilege"
	"synscope/internal/target"
	"synscope/internal/tty"
)

// Version is what `synscope --version` and every record say.
const Version = "0.1.0"

// released is the day of Version, or the last on which its manual changed.
const released = "2026-11-29"

// Streams are the standard files of the process.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
	Env      func(string) string
	Resolver target.Resolver  // nil: the system's
	Args     []string         // the command line without the program's name, for the record
	Hangups  <-chan os.Signal // SIGHUP as it comes; nil: never

	hangup *hangup
	work   *work

	// Abandon ends the process with an exit code, where an interrupted command waits
	// for a file that may never be there; nil: it goes on waiting.
	Abandon func(code int)

	// Confine gives up privileges for the rest of the process; nil: they stay.
	Confine func(privilege.Config) (privilege.Done, error)
}

// OSStreams are those of this process.
func OSStreams() Streams {
	return Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Resolver: systemResolver(), Confine: confinement(), Abandon: os.Exit}
}

// isTerminal reports whether a stream is a terminal that a person may look at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && tty.Is(f)
}

// clever reports whether a stream is a terminal with colours and cursor movement: one of
// TERM=dumb has neither.
func (s *Streams) clever(stream any) bool { return isTerminal(stream) && s.Env("TERM") != "dumb" }

// columnsOf is how wide a terminal is, 0 where a stream is none.
func columnsOf(stream any) int {
	f, ok := stream.(*os.File)
	if !ok || !tty.Is(f) {
		return 0
	}
	columns, _, _ := tty.Size(f)
	return columns
}

// Main runs a command line, the program's name first, and returns its exit
// code. Cancelling ctx ends the run early and in good order.
func Main(ctx context.Context, args []string, s Streams) int {
	if len(args) == 2 && args[1] == keeperWord {
		return keepNeighbours()
	}
	if len(args) == 2 && args[1] == shellWord {
		return becomeShell()
	}
	space := addressSpace()
	if s.Env("GOGC") == "" {
		defer runtime.KeepAlive(boundHeap(space > ampleSpace))
	}
	ctx, h, stop := watchHangups(ctx, s.Hangups)
	defer stop()
	s.hangup = h
	defer s.watchAbandoned(ctx)()
	err := cmp.Or(enough(space), signalRoom(pendingSignals()))
	if err == nil {
		err = run(ctx, args[1:], s)
	}
	if message := explain(err); message != "" {
		say(s.Err, printable(message))
	}
	return exitCode(err)
}

// run parses and runs one command line.
func run(ctx context.Context, args []string, s Streams) error {
	s.Args = args
	app := newApp(s)
	ordered, err := arrange(app, args)
	if err != nil {
		return err
	}
	return app.RunContext(ctx, append([]string{app.Name}, ordered...))
}

func newApp(s Streams) *cli.App {
	app := &cli.App{
		Name:      "synscope",
		Usage:     "probe TCP handshakes: open, refused, filtered; how fast, how sure",
		UsageText: "synscope [global flags] COMMAND [flags] TARGET...",
		Version:   Version,
		HideHelp:  true, HideVersion: true, // their flags are shared by all of a process; ours are not
		Before: showInstead,
		Reader: s.In, Writer: s.Out, ErrWriter: s.Err,
		Flags: globalFlags(),
		Commands: []*cli.Command{
			scanCommand(s), pingCommand(s), handshakeCommand(s), isnCommand(s), traceCommand(s), whyCommand(s), sendCommand(s),
			readCommand(s), mergeCommand(s), checkCommand(s), reportCommand(s), explainCommand(s), demoCommand(s), doctorCommand(s),
			schemaCommand(s), helpCommand(), versionCommand(s), completionCommand(s), manCommand(s),
		},
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		OnUsageError:              func(_ *cli.Context, err error, _ bool) error { return usage(err) },
		ExitErrHandler:            func(*cli.Context, error) {},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c.App, c.Args().First())
			}
			return showHelp(c.App, "")
		},
	}
	for _, command := range app.Commands {
		command.HideHelp = true
		command.UsageText = usageLine(command)
		command.Action = withClaims(s, command.Action)
		command.Before = contradicts
	}
	return app
}

// usageLine is how a command is called, in short.
func usageLine(c *cli.Command) string {
	line := "synscope " + c.Name
	if len(c.Flags) > 0 {
		line += " [flags]"
	}
	return strings.TrimSpace(line + " " + c.ArgsUsage)
}

func globalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "q", Aliases: []string{"quiet"}, Usage: "print nothing but results"},
		&cli.BoolFlag{Name: "v", Aliases: []string{"verbose"}, Usage: "say more"},
		&cli.BoolFlag{Name: "d", Aliases: []string{"debug"}, Usage: "say even more"},
		&cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show this, or a command's flags"},
		&cli.BoolFlag{Name: "version", Aliases: []string{"V"}, Usage: "print the version"},
		&cli.StringFlag{Name: "color", Value: "auto", Usage: "`WHEN` to colour: auto, always or never"},
	}
}
