package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"synscope/netraw"
	"synscope/probe/wide"
)

// Engines of stateless runs beside raw.
const (
	enginePacket = "packet"
	engineXDP    = "xdp"
)

// blaster is how packets leave in a stateless run.
type blaster struct {
	wide.Blaster
	name  string
	note  string   // what the run has to do without, "" nothing
	ways  []string // in what connections may take other ways than its packets
	close func()
}

// remarks are what is to be said of the engine, "" nothing.
func (b *blaster) remarks() string {
	all := b.ways
	if b.note != "" {
		all = slices.Concat([]string{b.note}, b.ways)
	}
	return strings.Join(all, "; ")
}

// receiveBuffer takes the answers of a tenth of a second at half a million a
// second, and leaves room below 128 MiB.
const receiveBuffer = 16 << 20

// openBlaster opens the engine that was asked for. Left the choice, it takes
// packet, or raw where that does not work; xdp has to be asked for, since it
// puts a program on the interface, before the kernel.
func (j *scanJob) openBlaster(cfg *wide.Config) (*blaster, error) {
	conn := j.probing.network(mostPerTarget(cfg))
	conn.WatchOutgoing, conn.ReceiveBuffer = false, receiveBuffer
	switch j.probing.engine {
	case engineRaw:
		return openRaw(conn, cfg)
	case enginePacket:
		return untranslated(openPacket(conn, cfg))
	case engineXDP:
		return untranslated(j.openXDP(conn, cfg))
	case engineAuto:
	default:
		return nil, usagef("--engine: unknown engine %q: there are auto, raw, packet and xdp for --stateless", j.probing.engine)
	}
	if netraw.OutputTranslated() {
		b, err := openRaw(conn, cfg)
		if err == nil {
			b.note = "engine raw, since this machine translates addresses of what it sends (NAT), which frames would pass by"
		}
		return b, err
	}
	b, err := openPacket(conn, cfg)
	if err == nil || errors.Is(err, netraw.ErrPermission) {
		return b, err
	}
	reason := err
	if b, err = openRaw(conn, cfg); err == nil {
		b.note = fmt.Sprintf("engine raw, since packet does not work here: %v", reason)
	}
	return b, err
}

// untranslated says of an engine that sends frames what they pass by.
func untranslated(b *blaster, err error) (*blaster, error) {
	if err == nil && b.note == "" && netraw.OutputTranslated() {
		b.note = "this machine translates addresses of what it sends (NAT), and frames of engine " + b.name + " pass that by: --engine raw goes through it, as programs do"
	}
	return b, err
}

func openRaw(conn *netraw.Config, cfg *wide.Config) (*blaster, error) {
	c, err := netraw.Open(conn)
	if err != nil {
		return nil, &exit{exitUnable, err}
	}
	b, err := wide.NewBlaster(c, *cfg)
	if err != nil {
		c.Close()
		return nil, usage(err)
	}
	return &blaster{Blaster: b, name: engineRaw, ways: c.RouteRemarks(), close: func() { c.Close() }}, nil
}

func openPacket(conn *netraw.Config, cfg *wide.Config) (*blaster, error) {
	v4, v6, err := cfg.Templates()
	if err != nil {
		return nil, usage(err)
	}
	c, err := netraw.OpenPacket(conn, netraw.Templates{V4: v4, V6: v6})
	if err != nil {
		return nil, &exit{exitUnable, err}
	}
	return &blaster{Blaster: c, name: enginePacket, ways: c.RouteRemarks(), close: func() { c.Close() }}, nil
}

// openXDP takes the interface that the first target's route names, unless one
// was given.
func (j *scanJob) openXDP(conn *netraw.Config, cfg *wide.Config) (*blaster, error) {
	v4, v6, err := cfg.Templates()
	if err != nil {
		return nil, usage(err)
	}
	if conn.Interface == "" {
		if conn.Interface, err = j.outgoing(conn, cfg.Plan); err != nil {
			return nil, &exit{exitUnable, err}
		}
	}
	cookie := netraw.XDPCookie{Key: cfg.Key, Attempts: mostPerTarget(cfg), Flags: cfg.Technique.Flags}
	c, err := netraw.OpenXDP(conn, netraw.Templates{V4: v4, V6: v6}, cookie)
	if err != nil {
		return nil, &exit{exitUnable, fmt.Errorf("--engine xdp on %s: %w", conn.Interface, err)}
	}
	return &blaster{Blaster: c, name: engineXDP, ways: c.RouteRemarks(), close: func() { c.Close() }}, nil
}

func (j *scanJob) outgoing(conn *netraw.Config, plan wide.Targets) (string, error) {
	c, err := netraw.Open(conn)
	if err != nil {
		return "", err
	}
	defer c.Close()
	route, err := c.Route(plan.At(0).Addr())
	return route.Interface, err
}
