package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// maxOptions is the most TCP options a header can hold (RFC 9293 §3.1).
const maxOptions = 40

// Event is one packet that concerns the run, reduced to what the engine needs;
// it aliases no buffer.
type Event struct {
	answer
	At     time.Time // the kernel's stamp
	Device time.Time // the device's own
	Link   int       // the index of the interface
	reject string    // why it was rejected; then nothing else is set
	Own    bool      // our own packet, not to be counted as received
	Seg    craft.Segment
	ICMP   probe.ICMPCode
	Quote  craft.Quote // of ICMP errors
	From   [maxOptions]byte
	Sender netip.Addr
}

// Receiver reads packets, asks the matcher about each, and passes on events in
// batches. The matching runs here, beside the engine's goroutine.
type Receiver struct {
	network probe.Network
	matcher Matcher
	Full    chan []Event  // to the engine
	Empty   chan []Event  // and back
	err     error         // why run ended, if not by request
	Gather  time.Duration // how long answers are let come together before they are read; 0: not at all
}

// eventBatches bounds how far the receiver may run ahead of the engine. Beyond
// it the kernel's buffer fills, and the kernel counts what it drops.
const eventBatches = 16

func NewReceiver(n probe.Network, m Matcher) *Receiver {
	r := &Receiver{
		network: n, matcher: m,
		Full:  make(chan []Event, eventBatches),
		Empty: make(chan []Event, eventBatches),
	}
	for range eventBatches {
		r.Empty <- make([]Event, 0, BatchSize)
	}
	return r
}

// Run reads until stop is called or the network closes.
func (r *Receiver) Run() {
	defer close(r.Full)
	pkts := make([]netraw.Packet, BatchSize)
	for {
		n, err := r.network.Recv(pkts)
		if n > 0 {
			r.pass(pkts[:n])
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				r.err = err
			}
			return
		}
		if r.Gather > 0 && n < len(pkts)/2 {
			time.Sleep(r.Gather)
		}
	}
}

func (r *Receiver) pass(pkts []netraw.Packet) {
	batch := (<-r.Empty)[:0]
	for i := range pkts {
		batch = append(batch, Event{})
		r.examine(&pkts[i], &batch[len(batch)-1])
	}
	r.Full <- batch
}

// Reason is why run ended by itself; valid after full is closed.
func (r *Receiver) Reason() error {
	if r.err == nil {
		return fmt.Errorf("%w: receiving stopped", probe.ErrNetworkDown)
	}
	return fmt.Errorf("%w: receiving: %w", probe.ErrNetworkDown, r.err)
}

// Stop ends run; packets that were read before are still delivered.
func (r *Receiver) Stop() {
	r.network.SetReadDeadline(time.Unix(1, 0))
	for batch := range r.Full {
		r.Empty <- batch
	}
	r.network.SetReadDeadline(time.Time{})
}

func (r *Receiver) examine(in *netraw.Packet, ev *Event) {
	var p craft.Packet
	check := craft.VerifyChecksums
	if in.Partial || in.Valid || in.Outgoing {
		check = craft.TrustChecksums
	}
	ev.At, ev.Device, ev.Link = in.Time, in.DeviceTime, in.IfIndex
	if err := p.Decode(in.Data, check); err != nil {
		ev.Own, ev.reject = in.Outgoing, decodeRejection(err)
		return
	}
	ev.answer, ev.reject = r.matcher.match(&p, in.Outgoing)
	if ev.Kind == KindDeparture && in.Time.IsZero() {
		ev.Kind = KindDeviceDeparture
	}
	ev.Own = in.Outgoing || ev.Kind == KindNone && ev.reject == ""
	ev.keep(&p)
}

// keep copies out of the receive buffer what a verdict may want as evidence.
func (ev *Event) keep(p *craft.Packet) {
	if ev.Kind == KindICMP || ev.Kind == KindPathMTU {
		ev.ICMP = probe.ICMPCode{Type: p.ICMP.Type, Code: p.ICMP.Code}
		ev.Sender = p.ICMP.Src
		ev.Seg.TTL = p.ICMP.TTL
		ev.Quote = p.ICMP.Quote
		ev.Quote.Options = ev.From[:copy(ev.From[:], p.ICMP.Quote.Options)]
		return
	}
	ev.Seg = p.Segment
	ev.Seg.Options = ev.From[:copy(ev.From[:], p.Segment.Options)]
	ev.Seg.Payload = nil
}
