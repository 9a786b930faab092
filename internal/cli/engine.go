package cli

import (
	"errors"

	"synscope/netraw"
)

// Engines that --engine names.
const (
	engineAuto    = "auto"
	engineRaw     = "raw"
	engineConnect = "connect"
)

// opened is how packets leave in this run.
type opened struct {
	name string
	conn *netraw.Conn // nil for connect
	note string       // what the run has to do without, "" nothing
}

// open opens the engine that was asked for. Left the choice, it falls back from
// raw sockets to connects where those are not permitted, and says so; a named
// engine fails instead.
func (p *probing) open(attempts int, mayConnect bool) (opened, error) {
	switch p.engine {
	case engineConnect:
		return opened{name: engineConnect}, nil
	case engineAuto, engineRaw:
	default:
		return opened{}, usagef("--engine: unknown engine %q: there are auto, raw and connect", p.engine)
	}
	conn, err := netraw.Open(p.network(attempts))
	if err == nil {
		return opened{name: engineRaw, conn: conn}, nil
	}
	if p.engine == engineAuto && mayConnect && errors.Is(err, netraw.ErrPermission) {
		return opened{name: engineConnect, note: "raw sockets are not permitted here, so whole connections are made instead: " +
			"`synscope doctor` tells how to mend that"}, nil
	}
	return opened{}, &exit{exitUnable, err}
}

func (o *opened) close() {
	if o.conn != nil {
		o.conn.Close()
	}
}
