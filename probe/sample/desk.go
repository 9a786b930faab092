package sample

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// maxOptions is the most TCP options a header can hold (RFC 9293 §3.1).
const maxOptions = 40

// letter is one packet that concerns a target; it aliases no buffer.
type letter struct {
	own     bool      // a packet of ours, seen leaving
	at      time.Time // the kernel's stamp
	icmp    bool      // an ICMP error, of which quote, code and sender are set; else seg is
	seg     craft.Segment
	options [maxOptions]byte
	quote   craft.Quote
	code    probe.ICMPCode
	sender  netip.Addr
}

// desk reads packets from the network and puts each into the box of the target
// that it concerns.
type desk struct {
	network  probe.Network
	ports    []uint16 // in the order in which plans number them
	held     map[uint16]bool
	counters *counters

	mu    sync.Mutex
	boxes map[netip.AddrPort]chan *letter
	ended chan struct{} // closed when reading ends
	err   error         // why, if not by request; valid after that
}

// boxSize bounds the letters that wait for one target: its own SYN, its
// answers, and whatever else comes meanwhile.
const boxSize = 256

func newDesk(n probe.Network, c *counters) *desk {
	d := &desk{network: n, ports: n.Ports(), held: map[uint16]bool{}, counters: c,
		boxes: map[netip.AddrPort]chan *letter{}, ended: make(chan struct{})}
	for _, port := range d.ports {
		d.held[port] = true
	}
	return d
}

// open gives a target its box.
func (d *desk) open(target netip.AddrPort) chan *letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	box := make(chan *letter, boxSize)
	d.boxes[key(target)] = box
	return box
}

// shut takes the box away; what lies in it was not worth reading.
func (d *desk) shut(target netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	box := d.boxes[key(target)]
	delete(d.boxes, key(target))
	for range len(box) {
		if l := <-box; !l.own {
			d.counters.reject(rejectAfter)
		}
	}
}

// key is a target as packets name it.
func key(t netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(t.Addr().Unmap().WithZone(""), t.Port())
}

// run reads until stop is called or the network closes.
func (d *desk) run() {
	defer close(d.ended)
	pkts := make([]netraw.Packet, 64)
	for {
		n, err := d.network.Recv(pkts)
		for i := range pkts[:n] {
			d.sort(&pkts[i])
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				d.err = err
			}
			return
		}
	}
}

// stop ends run and waits for it.
func (d *desk) stop() {
	d.network.SetReadDeadline(time.Unix(1, 0))
	<-d.ended
	d.network.SetReadDeadline(time.Time{})
}

// failure is why reading ended by itself.
func (d *desk) failure() error {
	if d.err == nil || errors.Is(d.err, net.ErrClosed) {
		return fmt.Errorf("%w: receiving stopped", probe.ErrNetworkDown)
	}
	return fmt.Errorf("%w: receiving: %w", probe.ErrNetworkDown, d.err)
}

// sort reads one packet and delivers it, or counts why not.
func (d *desk) sort(in *netraw.Packet) {
	check := craft.VerifyChecksums
	if in.Partial || in.Valid || in.Outgoing {
		check = craft.TrustChecksums
	}
	var p craft.Packet
	if err := p.Decode(in.Data, check); err != nil {
		d.refuse(in.Outgoing, rejectDecode)
		return
	}
	target, reason := d.address(&p, in.Outgoing)
	if reason != "" {
		d.refuse(in.Outgoing || reason == rejectOwn, reason)
		return
	}
	d.deliver(target, newLetter(&p, in))
}

func (d *desk) refuse(own bool, reason string) {
	if !own {
		d.counters.reject(reason)
	}
}

// rejectOwn marks a packet of ours that loopback hands back; it is not counted.
const rejectOwn = "own"

// address finds the target that a packet concerns, or says why it concerns none.
func (d *desk) address(p *craft.Packet, outgoing bool) (netip.AddrPort, string) {
	switch s, q := &p.Segment, &p.ICMP.Quote; {
	case p.Kind == craft.PacketICMPError && d.held[q.Src.Port()]:
		return q.Dst, ""
	case p.Kind == craft.PacketICMPError:
		return netip.AddrPort{}, rejectQuote
	case p.Kind != craft.PacketTCP:
		return netip.AddrPort{}, rejectDecode
	case outgoing && d.held[s.Src.Port()]:
		return s.Dst, ""
	case !outgoing && d.held[s.Dst.Port()]:
		return s.Src, ""
	case d.held[s.Src.Port()]:
		return netip.AddrPort{}, rejectOwn
	}
	return netip.AddrPort{}, rejectPort
}

func newLetter(p *craft.Packet, in *netraw.Packet) *letter {
	l := &letter{own: in.Outgoing, at: in.Time, icmp: p.Kind == craft.PacketICMPError}
	if l.icmp {
		l.quote, l.code, l.sender = p.ICMP.Quote, probe.ICMPCode{Type: p.ICMP.Type, Code: p.ICMP.Code}, p.ICMP.Src
		l.quote.Options = nil
		return l
	}
	l.seg = p.Segment
	l.seg.Options = l.options[:copy(l.options[:], p.Segment.Options)]
	l.seg.Payload = nil
	return l
}

// deliver never waits: a target that does not keep up loses the letter.
func (d *desk) deliver(target netip.AddrPort, l *letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	box, known := d.boxes[key(target)]
	if !known {
		d.refuse(l.own, rejectTarget)
		return
	}
	select {
	case box <- l:
	default:
		d.refuse(l.own, rejectOverrun)
	}
}
