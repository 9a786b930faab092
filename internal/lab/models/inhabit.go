//go:build linux

package models

import (
	"fmt"
	"net/netip"

	"synscope/internal/lab"
	"synscope/probe/simnet"
)

// Inhabit has a model answer for a host of a lab, in place of its kernel: on the
// same interface, at the same addresses. The host's own TCP must be kept silent by
// a rule that drops all. Unlike [New] it takes no tun device.
func Inhabit(h *lab.Host, host simnet.Host) (*Net, error) {
	d, err := h.Packets()
	if err != nil {
		return nil, fmt.Errorf("models: host %s: %w", h.Name, err)
	}
	n := start(d, simnet.Config{Sources: []netip.Addr{h.Prober4(), h.Prober6()}})
	n.HandleAddr(h.Addr4().String(), host)
	n.HandleAddr(h.Addr6().String(), host)
	return n, nil
}
