package cli

import (
	"errors"
	"fmt"
	"slices"

	"synscope/netraw"
	"synscope/probe/ping"
)

// Stamps that --stamps names.
const (
	stampsSoftware = "software"
	stampsHardware = "hardware"
	stampsAuto     = "auto" // hardware where the interface has it switched on
)

// readStamps reads --stamps. Hardware's are asked of the sockets wherever they
// are wished; what the interfaces can do is seen once the routes are known.
func (j *pingJob) readStamps() error {
	j.stamps = j.options.Stamps
	if !slices.Contains([]string{stampsSoftware, stampsHardware, stampsAuto}, j.stamps) {
		return usagef("--stamps: %q: want software, hardware or auto", j.stamps)
	}
	if j.stamps == stampsHardware && j.probing.engine == engineConnect {
		return usagef("--stamps hardware: the kernel times the connections of --engine connect itself")
	}
	if j.stamps != stampsSoftware {
		j.probing.device = netraw.DeviceHardware
	}
	return nil
}

// checkStamps asks the interfaces that the probes leave through. One that cannot
// stamp is an error where --stamps insists, else a note.
func (j *pingJob) checkStamps(e *opened) error {
	if j.stamps == stampsSoftware || e.conn == nil {
		return nil
	}
	asked := map[string]bool{}
	for _, t := range j.cfg.Targets {
		route, err := e.conn.Route(t.Addr())
		if err != nil || asked[route.Interface] {
			continue // why there is no route is reported with its probes
		}
		asked[route.Interface] = true
		err = netraw.HardwareStamps(route.Interface)
		switch {
		case err == nil:
		case j.stamps == stampsHardware:
			return &exit{exitUnable, fmt.Errorf("--stamps hardware: %w; --stamps auto does without", err)}
		case errors.Is(err, netraw.ErrNoHardwareStamps) || errors.Is(err, netraw.ErrHardwareStampsOff):
			j.notes = append(j.notes, "the kernel's software stamps are used: "+err.Error())
		default:
			return &exit{exitUnable, err}
		}
	}
	return nil
}

// stampsOf says whose stamps a time is between, where that is in question.
func (j *pingJob) stampsOf(s *ping.Sample) string {
	switch {
	case j.stamps == stampsSoftware || s.RTT <= 0 || s.Clock != netraw.ClockKernel:
		return ""
	case s.Device:
		return stampsHardware
	}
	return stampsSoftware
}
