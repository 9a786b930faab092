package netraw

import (
	"encoding/binary"
	"errors"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"

	"synscope/craft"
)

const etherLen = 14

// mostSenders is how many processors an engine keeps busy at most.
const mostSenders = 4

// framer stamps probes into frames, and lets them out through transmit rings.
// One goroutine calls it and fills the rings; those that are full are emptied
// into the kernel by workers and, while there is none to fill, by the caller, so
// that as many processors are in the kernel as there are.
type framer struct {
	templates   Templates
	rings       []transmitRing
	current     *transmitRing      // being filled, nil for none
	full, empty chan *transmitRing // of each ring's capacity
	place       int                // of the first probe that did not leave, if failure says why
	failure     error
	workers     sync.WaitGroup
	frameCount
}

// ringsEach is how many rings there are for each processor: one is filled while
// another is emptied, which takes some longer than others, since whoever comes
// first does the receiver's work too where that is on this machine.
const ringsEach = 2

func (f *framer) open(t Templates) error {
	f.templates = t
	senders := min(mostSenders, runtime.GOMAXPROCS(0))
	f.rings = make([]transmitRing, ringsEach*senders)
	f.full, f.empty = make(chan *transmitRing, len(f.rings)), make(chan *transmitRing, len(f.rings))
	for i := range f.rings {
		if err := f.rings[i].open(etherLen + t.longest()); err != nil {
			return err
		}
		f.empty <- &f.rings[i]
	}
	for range senders - 1 {
		f.workers.Go(func() {
			for r := range f.full {
				f.send(r)
				f.empty <- r
			}
		})
	}
	return nil
}

// close ends the workers; nobody may be sending.
func (f *framer) close() (err error) {
	if f.full != nil {
		close(f.full)
	}
	f.workers.Wait()
	for i := range f.rings {
		err = errors.Join(err, f.rings[i].close())
	}
	f.rings, f.full = nil, nil
	return err
}

// longest is the length of the longer template.
func (t *Templates) longest() (n int) {
	for _, template := range []*craft.Template{t.V4, t.V6} {
		if template != nil {
			n = max(n, template.Len())
		}
	}
	return n
}

// template returns that of the probe's IP version.
func (t *Templates) of(probe *craft.Fields) (*craft.Template, error) {
	template := t.V6
	if probe.Dst.Addr().Is4() {
		template = t.V4
	}
	if template == nil {
		return nil, ErrNoTemplate
	}
	return template, nil
}

// add makes one more frame, for a hop, at a place in the stretch. After an
// error, of this probe or an earlier one, finish has to be called.
func (f *framer) add(probe *craft.Fields, place int, h *hop) error {
	template, err := f.templates.of(probe)
	if err != nil {
		return err
	}
	ring := f.ring(h.ifindex)
	room := ring.room()
	if room == nil || f.failure != nil {
		return unix.ENOBUFS
	}
	ether := uint16(unix.ETH_P_IPV6)
	if probe.Dst.Addr().Is4() {
		ether = unix.ETH_P_IP
	}
	frame := append(room, h.header[:]...)
	frame = binary.BigEndian.AppendUint16(frame, ether)
	frame = template.AppendTo(frame, *probe)
	ring.push(len(frame), place)
	return nil
}

// ring returns one that has room for a frame to an interface.
func (f *framer) ring(ifindex int) *transmitRing {
	r := f.current
	if r != nil && r.waiting > 0 && (r.full() || r.name.Ifindex != int32(ifindex)) {
		f.full <- r
		r = nil
	}
	if r == nil {
		r = f.vacant()
	}
	f.current = r
	r.name.Ifindex = int32(ifindex)
	return r
}

// vacant waits for an empty ring, or empties one.
func (f *framer) vacant() (r *transmitRing) {
	select {
	case r = <-f.empty:
	default:
		select {
		case r = <-f.empty:
		case r = <-f.full:
			f.send(r)
		}
	}
	f.back(r)
	return r
}

func (f *framer) send(r *transmitRing) { f.sent.Add(uint64(r.send())) }

// back takes note of how a ring fared.
func (f *framer) back(r *transmitRing) {
	f.retries.Add(r.retries)
	if r.failure != nil && (f.failure == nil || r.first < f.place) {
		f.place, f.failure = r.first, r.failure
	}
	r.retries, r.failure = 0, nil
}

// finish sends what add has made of the first n probes of the stretch. It
// returns n, or the place of the first that did not leave: others after it may
// have left.
func (f *framer) finish(n int) (place int, err error) {
	if r := f.current; r != nil {
		f.send(r)
		f.empty <- r
		f.current = nil
	}
	for range f.rings { // each comes back once
		f.vacant()
	}
	for i := range f.rings {
		f.empty <- &f.rings[i]
	}
	if f.failure != nil {
		n = f.place
	}
	place, err = n, f.failure
	f.place, f.failure = 0, nil
	return place, err
}
