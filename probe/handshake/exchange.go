package handshake

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// ExchangeConfig says what [Exchange] sends.
type ExchangeConfig struct {
	// Segment is sent as it is, whatever it says. Its source must be an
	// address of this machine and a port that the network holds.
	Segment craft.Segment
	Count   int           // how often; 0 is once
	Wait    time.Duration // for answers to each; 0 is DefaultTimeout
	// OnSegment is told of what leaves and what comes back, with numbers as
	// they are on the wire. The line is valid during the call.
	OnSegment func(Line)
}

// Exchange sends a segment and listens to what comes back from its destination
// to its source, and to ICMP errors that quote it. It sends nothing else: what
// it has stirred up is left as it is.
func Exchange(ctx context.Context, n probe.Network, cfg ExchangeConfig) (probe.Summary, error) {
	if cfg.Wait == 0 {
		cfg.Wait = DefaultTimeout
	}
	packet, err := cfg.Segment.AppendTo(nil)
	if err != nil {
		return probe.Summary{}, fmt.Errorf("building the segment: %w", err)
	}
	x := &exchange{cfg: &cfg, network: n, start: time.Now(), traffic: newTraffic(n.Stats())}
	unblock := context.AfterFunc(ctx, func() { n.SetReadDeadline(time.Unix(1, 0)) })
	defer unblock()
	for range max(cfg.Count, 1) {
		if err = x.once(ctx, packet); err != nil {
			break
		}
	}
	n.SetReadDeadline(time.Time{})
	return x.summary(err), err
}

type exchange struct {
	cfg     *ExchangeConfig
	network probe.Network
	start   time.Time
	input   input
	traffic traffic
	waiting bool // for the departure of the last one
	left    time.Time
}

// once sends the packet and listens for as long as configured.
func (x *exchange) once(ctx context.Context, packet []byte) error {
	end := time.Now().Add(x.cfg.Wait)
	x.left, x.waiting = time.Now().Round(0), true
	if _, err := x.network.Send([][]byte{packet}); err != nil {
		return fmt.Errorf("send to %s: %w", x.cfg.Segment.Dst, err)
	}
	x.traffic.sent(&x.cfg.Segment)
	for {
		x.network.SetReadDeadline(end)
		if ctx.Err() != nil {
			return probe.ErrInterrupted
		}
		n, err := x.network.Recv(x.input.packets[:])
		for i := range x.input.packets[:n] {
			x.take(&x.input.packets[i])
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
			x.departed(x.left)
			return nil
		case err != nil && ctx.Err() == nil:
			return fmt.Errorf("receive: %w", err)
		}
	}
}

// departed shows the segment as it leaves, once.
func (x *exchange) departed(at time.Time) {
	if x.waiting {
		x.waiting = false
		x.show(Line{Time: at, From: Client, Segment: &x.cfg.Segment})
	}
}

func (x *exchange) show(l Line) {
	if l.Segment != nil {
		l.Seq, l.Ack = uint32(l.Segment.Seq), uint32(l.Segment.Ack)
	}
	if x.cfg.OnSegment != nil {
		x.cfg.OnSegment(l)
	}
}

func (x *exchange) take(in *netraw.Packet) {
	p := &x.input.decoded
	err := p.Decode(in.Data, checksumsOf(in))
	own := &x.cfg.Segment
	switch {
	case err == nil && p.Kind == craft.PacketTCP && p.Segment.Src == own.Src && p.Segment.Dst == own.Dst:
		if in.Outgoing {
			x.departed(in.Time)
		}
	case in.Outgoing:
	case err != nil:
		x.traffic.reject(rejection(err))
	case p.Kind == craft.PacketTCP && p.Segment.Src == own.Dst && p.Segment.Dst == own.Src:
		x.answer(in, Line{Segment: &p.Segment})
	case p.Kind == craft.PacketICMPError && p.ICMP.Quote.Src == own.Src && p.ICMP.Quote.Dst == own.Dst && p.ICMP.Quote.Seq == own.Seq:
		x.answer(in, Line{ICMP: &p.ICMP})
	default:
		x.traffic.reject("foreign")
	}
}

func (x *exchange) answer(in *netraw.Packet, l Line) {
	if x.input.twice(in) {
		x.traffic.reject("seen-twice")
		return
	}
	x.traffic.received()
	x.departed(x.left)
	l.Time, l.From = in.Time, Server
	if l.Time.IsZero() {
		l.Time = time.Now().Round(0)
	}
	x.show(l)
}

func (x *exchange) summary(err error) probe.Summary {
	return x.traffic.totals(x.network, x.start, err == nil)
}
