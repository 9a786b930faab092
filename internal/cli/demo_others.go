//go:build !linux

package cli

import (
	"github.com/urfave/cli/v2"

	"synscope/netraw"
)

func demonstrate(*cli.Context, Streams) error { return &exit{exitUnable, netraw.ErrUnsupportedOS} }

func becomeShell() int { return exitUnable }

const shellWord = "become-demo-shell"
