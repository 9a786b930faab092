// Synscope probes TCP handshakes: which ports are open, refused or filtered,
// how long the handshake takes, and how sure all that is.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"synscope/internal/cli"
)

func main() {
	// A closed pipe is an error of the write, so that what was found can
	// still be finished in the other outputs.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	streams := cli.OSStreams()
	if hangups := make(chan os.Signal, 1); !signal.Ignored(syscall.SIGHUP) { // as nohup(1) has it
		signal.Notify(hangups, syscall.SIGHUP)
		streams.Hangups = hangups
	}
	code := cli.Main(ctx, os.Args, streams)
	stop()
	os.Exit(code)
}
