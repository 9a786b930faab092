package netraw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/netraw/bpf"
)

// frameBurst is how many frames go to the driver at a time, with softirqs held
// up meanwhile; a veth's ring takes 256.
const frameBurst = 64

// xdpSender is the user space half of bpf/send.h. Its two queues, one for each
// IP version, are the arrays that the program reads.
type xdpSender struct {
	program *xdpProgram
	v4, v6  sendQueue

	newSources []netip.Addr // seen by add, not yet expected by the receiver
	frameCount
}

// sendQueue is what waits to be sent of one IP version.
type sendQueue struct {
	version uint32
	data    []byte   // of the length that the program demands
	ttl     uint8    // of the template
	n       int      // probes in the array
	origin  []uint32 // of each, its place in the stretch
	source  netip.Addr
}

func (s *xdpSender) open(p *xdpProgram, t Templates) {
	s.program = p
	s.v4.open(4, t.V4)
	s.v6.open(6, t.V6)
}

func (l *sendQueue) open(version uint32, t *craft.Template) {
	l.version = version
	l.origin = make([]uint32, probeBatch)
	if t != nil {
		l.data = make([]byte, spareBytes+etherLen+t.Len())
		l.ttl = t.Layout().TTL
	}
}

// publish tells the program the header of a hop.
func (s *xdpSender) publish(n int, header [12]byte) {
	h := &s.program.hops[n]
	for i := range h.Word {
		h.Word[i] = binary.NativeEndian.Uint32(header[4*i:])
	}
}

// errLaneFull asks for a flush before the next probe.
var errLaneFull = errors.New("as many probes are laid out as one call takes")

// add lays a probe out that has a place in the stretch.
func (s *xdpSender) add(probe *craft.Fields, place int, hop uint32) error {
	l, four := &s.v6, probe.Dst.Addr().Is4()
	if four {
		l = &s.v4
	}
	switch {
	case l.data == nil:
		return ErrNoTemplate
	case l.n == probeBatch:
		return errLaneFull
	}
	if src := probe.Src.Addr(); src != l.source {
		l.source = src
		s.newSources = append(s.newSources, src)
	}
	ttl := probe.TTL
	if ttl == 0 {
		ttl = l.ttl
	}
	if four {
		layOut4(&s.program.probes4[l.n], probe, ttl, hop)
	} else {
		layOut6(&s.program.probes6[l.n], probe, ttl, hop)
	}
	l.origin[l.n] = uint32(place)
	l.n++
	return nil
}

func layOut4(to *bpf.EngineProbe4, from *craft.Fields, ttl uint8, hop uint32) {
	src, dst := from.Src.Addr().As4(), from.Dst.Addr().As4()
	to.Src, to.Dst = binary.NativeEndian.Uint32(src[:]), binary.NativeEndian.Uint32(dst[:])
	to.Sport, to.Dport = htons(from.Src.Port()), htons(from.Dst.Port())
	to.Seq, to.Ack, to.Tsval = htonl(uint32(from.Seq)), htonl(uint32(from.Ack)), htonl(from.TSval)
	to.Id, to.Ttl, to.Hop = htons(from.ID), ttl, hop
}

func layOut6(to *bpf.EngineProbe6, from *craft.Fields, ttl uint8, hop uint32) {
	to.Src.Word, to.Dst.Word = words(from.Src.Addr()), words(from.Dst.Addr())
	to.Sport, to.Dport = htons(from.Src.Port()), htons(from.Dst.Port())
	to.Seq, to.Ack, to.Tsval = htonl(uint32(from.Seq)), htonl(uint32(from.Ack)), htonl(from.TSval)
	to.Ttl, to.Hop = ttl, hop
}

func htonl(v uint32) uint32 {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], v)
	return binary.NativeEndian.Uint32(b[:])
}

// words are those of an IPv6 address in its order on the wire.
func words(a netip.Addr) (w [4]uint32) {
	b := a.As16()
	for i := range w {
		w[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return w
}

// flush sends both queues, whose probes are the first n of the stretch. It
// returns n, or the place of the first probe that did not leave.
func (s *xdpSender) flush(n int) (int, error) {
	p := s.program
	place4, err4 := s.empty(&s.v4, func(to, from uint32) { p.probes4[to] = p.probes4[from] })
	place6, err6 := s.empty(&s.v6, func(to, from uint32) { p.probes6[to] = p.probes6[from] })
	switch {
	case err4 != nil && (err6 == nil || place4 < place6):
		return place4, err4
	case err6 != nil:
		return place6, err6
	}
	return n, nil
}

// empty sends a queue until the driver has taken every frame, or has taken none
// for too long; then it returns the first probe's place. move copies a probe
// within the array.
func (s *xdpSender) empty(l *sendQueue, move func(to, from uint32)) (place int, err error) {
	defer func() { l.n = 0 }()
	var pause backoff
	for l.n > 0 {
		if err := s.once(l); err != nil {
			return int(l.origin[0]), err
		}
		refused := int(s.program.run.Refused)
		s.sent.Add(uint64(l.n - refused))
		if refused == 0 {
			return 0, nil
		}
		if refused < l.n {
			pause.reset()
		}
		for i, from := range s.program.refusals[:refused] {
			move(uint32(i), from)
			l.origin[i] = l.origin[from]
		}
		l.n = refused
		s.retries.Add(1)
		if !pause.wait() {
			return int(l.origin[0]), unix.ENOBUFS
		}
	}
	return 0, nil
}

// once makes one run over the queue. A frame that was not even queued for the
// driver is one that bpf_redirect refused: dev_map_enqueue in
// kernel/bpf/devmap.c has the reasons.
func (s *xdpSender) once(l *sendQueue) error {
	run := s.program.run
	*run = bpf.EngineRun{Version: l.version, Count: uint32(l.n)}
	err := s.program.repeat(l.data, l.n)
	run.Task = 0
	if err != nil {
		return err
	}
	if run.Settled != uint32(l.n) {
		return fmt.Errorf("%d of %d frames reached the driver, is the interface up? %w", run.Settled, l.n, ErrXDPInterface)
	}
	return nil
}
