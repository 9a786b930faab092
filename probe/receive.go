package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"synscope/craft"
	"synscope/netraw"
)

// maxOptions is the most TCP options a header can hold (RFC 9293 §3.1).
const maxOptions = 40

// event is one packet that concerns the run, reduced to what the engine needs;
// it aliases no buffer.
type event struct {
	answer
	at     time.Time // the kernel's stamp
	device time.Time // the device's own
	link   int       // the index of the interface
	reject string    // why it was rejected; then nothing else is set
	own    bool      // our own packet, not to be counted as received
	seg    craft.Segment
	icmp   ICMPCode
	quote  craft.Quote // of ICMP errors
	from   [maxOptions]byte
	sender netip.Addr
}

// receiver reads packets, asks the matcher about each, and passes on events in
// batches. The matching runs here, beside the engine's goroutine.
type receiver struct {
	network Network
	matcher matcher
	full    chan []event  // to the engine
	empty   chan []event  // and back
	err     error         // why run ended, if not by request
	gather  time.Duration // how long answers are let come together before they are read; 0: not at all
}

// eventBatches bounds how far the receiver may run ahead of the engine. Beyond
// it the kernel's buffer fills, and the kernel counts what it drops.
const eventBatches = 16

func newReceiver(n Network, m matcher) *receiver {
	r := &receiver{
		network: n, matcher: m,
		full:  make(chan []event, eventBatches),
		empty: make(chan []event, eventBatches),
	}
	for range eventBatches {
		r.empty <- make([]event, 0, batchSize)
	}
	return r
}

// run reads until stop is called or the network closes.
func (r *receiver) run() {
	defer close(r.full)
	pkts := make([]netraw.Packet, batchSize)
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
		if r.gather > 0 && n < len(pkts)/2 {
			time.Sleep(r.gather)
		}
	}
}

func (r *receiver) pass(pkts []netraw.Packet) {
	batch := (<-r.empty)[:0]
	for i := range pkts {
		batch = append(batch, event{})
		r.examine(&pkts[i], &batch[len(batch)-1])
	}
	r.full <- batch
}

// reason is why run ended by itself; valid after full is closed.
func (r *receiver) reason() error {
	if r.err == nil {
		return fmt.Errorf("%w: receiving stopped", ErrNetworkDown)
	}
	return fmt.Errorf("%w: receiving: %w", ErrNetworkDown, r.err)
}

// stop ends run; packets that were read before are still delivered.
func (r *receiver) stop() {
	r.network.SetReadDeadline(time.Unix(1, 0))
	for batch := range r.full {
		r.empty <- batch
	}
	r.network.SetReadDeadline(time.Time{})
}

func (r *receiver) examine(in *netraw.Packet, ev *event) {
	var p craft.Packet
	check := craft.VerifyChecksums
	if in.Partial || in.Valid || in.Outgoing {
		check = craft.TrustChecksums
	}
	ev.at, ev.device, ev.link = in.Time, in.DeviceTime, in.IfIndex
	if err := p.Decode(in.Data, check); err != nil {
		ev.own, ev.reject = in.Outgoing, decodeRejection(err)
		return
	}
	ev.answer, ev.reject = r.matcher.match(&p, in.Outgoing)
	if ev.kind == answerDeparture && in.Time.IsZero() {
		ev.kind = answerLeft
	}
	ev.own = in.Outgoing || ev.kind == answerNone && ev.reject == ""
	ev.keep(&p)
}

// keep copies out of the receive buffer what a verdict may want as evidence.
func (ev *event) keep(p *craft.Packet) {
	if ev.kind == answerICMP || ev.kind == answerPathMTU {
		ev.icmp = ICMPCode{p.ICMP.Type, p.ICMP.Code}
		ev.sender = p.ICMP.Src
		ev.seg.TTL = p.ICMP.TTL
		ev.quote = p.ICMP.Quote
		ev.quote.Options = ev.from[:copy(ev.from[:], p.ICMP.Quote.Options)]
		return
	}
	ev.seg = p.Segment
	ev.seg.Options = ev.from[:copy(ev.from[:], p.Segment.Options)]
	ev.seg.Payload = nil
}
