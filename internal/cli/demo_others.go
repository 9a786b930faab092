//go:build !linux

package cli

import (
	"context"

	"synscope/netraw"
)

func demonstrate(context.Context, Streams, *demoOptions) error {
	return &exit{exitUnable, netraw.ErrUnsupportedOS}
}

func becomeShell() int { return exitUnable }

const shellWord = "become-demo-shell"
