//go:build !linux

package cli

import (
	"errors"
	"net"
)

func startKeeper(string) (net.Conn, error) { return nil, errors.ErrUnsupported }
