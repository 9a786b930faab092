package cli

import (
	"errors"
	"strings"

	"synscope/netraw"
)

// Engines that --engine names.
const (
	engineAuto    = "auto"
	engineRaw     = "raw"
	engineConnect = "connect"
)

// fallback is what a run does where raw sockets are not permitted.
type fallback bool

const (
	orFail    fallback = false
	orConnect fallback = true
)

// opened is how packets leave in this run.
type opened struct {
	name string
	conn *netraw.Conn // nil for connect
	note string       // what the run has to do without, "" nothing

	stateless bool
}

// open opens the engine that was asked for. Left the choice, it falls back from
// raw sockets to connects where those are not permitted, and says so; a named
// engine fails instead.
func (p *probing) open(attempts int, otherwise fallback) (opened, error) {
	switch p.engine {
	case engineConnect:
		return opened{name: engineConnect}, nil
	case engineAuto, engineRaw:
	case enginePacket:
		if p.load == fewPackets {
			return opened{}, p.foreign()
		}
	default:
		return opened{}, p.foreign()
	}
	name, conn, err := p.openConn(p.network(attempts))
	if err == nil {
		return opened{name: name, conn: conn, note: strings.Join(conn.RouteRemarks(), "; ")}, nil
	}
	if p.engine == engineAuto && otherwise == orConnect && errors.Is(err, netraw.ErrPermission) {
		return opened{name: engineConnect, note: p.withoutRaw()}, nil
	}
	return opened{}, &exit{exitUnable, err}
}

// openConn opens a connection that sends frames, if they were asked for, or save time and
// bypass no output rule of this machine; otherwise one that sends through the kernel's IP.
func (p *probing) openConn(cfg *netraw.Config) (name string, conn *netraw.Conn, err error) {
	cfg.SharedFrames = p.load >= searchPackets
	cfg.WatchOutgoing = cfg.WatchOutgoing && p.load != manyPackets
	cfg.SendFrames = p.engine == enginePacket || p.engine == engineAuto && p.load == manyPackets
	conn, err = netraw.Open(cfg)
	if err == nil && cfg.SendFrames {
		return enginePacket, conn, nil
	}
	if errors.Is(err, netraw.ErrOutputFirewall) && p.engine == engineAuto {
		cfg.SendFrames = false
		conn, err = netraw.Open(cfg)
	}
	return engineRaw, conn, err
}

// load is how many packets a run sends and takes in.
type load uint8

const (
	fewPackets    load = iota
	somePackets        // those of a scan: to open and close shared frames takes longer than they save
	searchPackets      // those of a search for hosts
	manyPackets        // those of a scan of thousands of ports
)

// openSmall opens a raw engine for a probe at a time.
func (p *probing) openSmall(ports, buffer int) (opened, error) {
	cfg := p.network(ports)
	cfg.ReceiveBuffer, cfg.WatchOutgoing = buffer, true
	conn, err := netraw.Open(cfg)
	if err != nil {
		return opened{}, &exit{exitUnable, err}
	}
	return opened{name: engineRaw, conn: conn}, nil
}

// foreign is the error of an engine that does not work without --stateless, or
// that does not exist.
func (p *probing) foreign() error {
	if p.engine == enginePacket || p.engine == engineXDP {
		return usagef("--engine %s is one of `synscope scan --stateless`", p.engine)
	}
	return usagef("--engine: unknown engine %q: there are auto, raw and connect", p.engine)
}

// withoutRaw says what a run does without raw sockets.
func (p *probing) withoutRaw() string {
	note := "raw sockets are not permitted here, so whole connections are made instead: `synscope doctor` tells how to mend that"
	if len(p.looks) > 0 {
		note += "; " + strings.Join(p.looks, ", ") + " cannot be had that way"
	}
	return note
}

func (o *opened) close() {
	if o.conn != nil {
		o.conn.Close()
	}
}
