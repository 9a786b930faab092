//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// spin is how long before a packet is due the wire stops sleeping and watches
// the clock instead: about the time that ppoll(2) takes to wake a thread.
const spin = 60 * time.Microsecond

// Wire is a running [Link]: two veth ends in a namespace of their own, and a
// thread that carries frames from one to the other. It does what netem does
// where the kernel has it, and accounts for every packet.
//
// Frames keep their virtio_net_hdr (packet(7), PACKET_VNET_HDR), so checksums
// that are still partial and segments that are still to be cut (GSO) cross it
// as they would cross a veth; such a large frame counts as one packet. A delay
// runs from the kernel's arrival stamp, so the wire's own wake-up is no part of
// it.
type Wire struct {
	ns    *namespace
	ends  [2]*end // the prober's side, the host's side
	ways  [2]*simplex
	log   *ledger
	wake  *os.File // eventfd(2) that ends the thread
	done  chan struct{}
	fault error // of the thread, readable after done
	dying atomic.Bool
}

// span joins two namespaces by a wire instead of a veth pair.
func (l *Lab) span(near *namespace, nearName string, far *namespace, farName string, link Link) (a, b netlink.Link, w *Wire, err error) {
	if err := link.check(); err != nil {
		return nil, nil, nil, err
	}
	ns, err := newNamespace(deafSysctls)
	if err != nil {
		return nil, nil, nil, err
	}
	w = &Wire{ns: ns, log: newLedger(link), done: make(chan struct{})}
	a, outer, err := pair(near, nearName, ns, towardsProber)
	if err == nil {
		var inner netlink.Link
		if inner, b, err = pair(ns, towardsHost, far, farName); err == nil {
			err = w.open(outer, inner)
		}
	}
	if err != nil {
		close(w.done)
		return a, b, w, fmt.Errorf("wire: %w", err)
	}
	for d, path := range []Path{link.Out, link.Back} {
		seed := l.seed + uint64(2*len(l.hosts)+d)
		w.ways[d] = newSimplex(Direction(d), w.ends[d], w.ends[1-d], path, link.HarmNeighbours, w.log, seed)
	}
	go w.run()
	return a, b, w, nil
}

func (w *Wire) open(outer, inner netlink.Link) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	w.wake = os.NewFile(uintptr(fd), "wake")
	return w.ns.do(func() error {
		for i, link := range []netlink.Link{outer, inner} {
			e, err := openEnd(link.Attrs().Index)
			if err != nil {
				return err
			}
			w.ends[i] = e
		}
		return nil
	})
}

// Set changes what the link does to packets that arrive from now on. What is in
// flight keeps its time.
func (w *Wire) Set(out, back Path) error {
	if err := (Link{Out: out, Back: back}).check(); err != nil {
		return err
	}
	w.ways[Outward].path.Store(&out)
	w.ways[Homeward].path.Store(&back)
	return nil
}

// Records returns the newest records, oldest first, up to [Link.LogSize].
func (w *Wire) Records() []PacketRecord { return w.log.records() }

// Count is the number of packets with that outcome since the wire was made.
func (w *Wire) Count(d Direction, o Outcome) uint64 { return w.log.counts[d][o].Load() }

// KernelDrops counts the frames that the kernel discarded because the wire's
// thread fell behind; they have no record. It resets the count.
func (w *Wire) KernelDrops() (uint64, error) {
	var sum uint64
	for _, e := range w.ends {
		n, err := e.drops()
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// run carries frames until close.
func (w *Wire) run() {
	defer close(w.done)
	// The thread keeps its settings, so it ends with the goroutine.
	runtime.LockOSThread()
	if w.fault = w.tune(); w.fault != nil {
		return
	}
	for !w.dying.Load() {
		busy, err := w.turn()
		if err == nil && !busy {
			err = w.sleep()
		}
		if err != nil {
			w.fault = err
			return
		}
	}
}

// tune makes the calling thread punctual, and keeps it on one processor: the
// kernel queues what a veth receives per processor of the sender, and frames
// sent from two of them may overtake each other.
func (w *Wire) tune() error {
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	var allowed, own unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for cpu, skip := 0, w.ends[0].fd%allowed.Count(); ; cpu++ {
		if !allowed.IsSet(cpu) {
			continue
		}
		if skip--; skip < 0 {
			own.Set(cpu)
			return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(0, &own))
		}
	}
}

// turn takes in what has arrived and lets out what is due, once.
func (w *Wire) turn() (busy bool, err error) {
	for _, l := range w.ways {
		n, err := l.receive()
		if err != nil {
			return false, err
		}
		busy = l.release() || n > 0 || busy
	}
	return busy, nil
}

// sleep waits for a frame, for the moment shortly before the next one is due, or
// for close.
func (w *Wire) sleep() error {
	var timeout *unix.Timespec
	if due, any := w.nextDue(); any {
		rest := time.Until(due) - spin
		if rest <= 0 {
			return nil
		}
		ts := unix.NsecToTimespec(rest.Nanoseconds())
		timeout = &ts
	}
	fds := []unix.PollFd{
		{Fd: int32(w.ends[0].fd), Events: unix.POLLIN},
		{Fd: int32(w.ends[1].fd), Events: unix.POLLIN},
		{Fd: int32(w.wake.Fd()), Events: unix.POLLIN},
	}
	_, err := unix.Ppoll(fds, timeout, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return os.NewSyscallError("ppoll", err)
	}
	return nil
}

func (w *Wire) nextDue() (due time.Time, any bool) {
	for _, l := range w.ways {
		if p := l.queue.first(); p != nil && (!any || p.due.Before(due)) {
			due, any = p.due, true
		}
	}
	return due, any
}

// close stops the thread and releases everything. What is in flight is lost.
func (w *Wire) close() error {
	w.dying.Store(true)
	var errs []error
	if w.wake != nil {
		_, err := w.wake.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0})
		errs = append(errs, err)
		<-w.done
		errs = append(errs, w.fault, w.wake.Close())
	}
	for _, e := range w.ends {
		if e != nil {
			errs = append(errs, e.close())
		}
	}
	return errors.Join(append(errs, w.ns.close())...)
}
