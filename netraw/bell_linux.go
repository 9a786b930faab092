package netraw

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bell ends a wait for packets from another goroutine: eventfd(2). The zero value
// is closed, and cannot be rung.
type bell struct {
	mu   sync.Mutex // between ringing and closing
	fd   int
	ok   bool
	set  []unix.PollFd
	door socket // epoll(7) of fd, and of a socket during a long wait; opened by the first
	at   int    // its file descriptor
}

func (b *bell) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	b.fd, b.ok = fd, true
	b.set = make([]unix.PollFd, 2)
	return nil
}

// ring ends the wait under way, or the next one.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ok {
		unix.Write(b.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}

// await waits until s is readable, the bell rings or d has passed.
func (b *bell) await(s *socket, d time.Duration) (rang bool) {
	if d > parkFrom {
		if d, rang = b.park(s, d); d <= 0 || rang {
			return rang
		}
	}
	s.withFD(func(fd int) error {
		b.set[1] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		rang = b.poll(b.set, d)
		return nil
	})
	return rang
}

// park waits as a goroutine does for which there is nothing to do, and tells how much of the
// time is left where this cannot be done: the runtime sleeps too, in epoll_wait(2). Only
// meanwhile is the socket under its poller, which would be woken for each packet.
func (b *bell) park(s *socket, d time.Duration) (left time.Duration, rang bool) {
	if !b.parks(d) {
		return d, false
	}
	err := s.withFD(func(fd int) error {
		if err := watch(b.at, fd, unix.EPOLLIN); err != nil {
			return err
		}
		b.door.raw.Read(func(uintptr) (done bool) {
			b.set[1] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
			rang = b.poll(b.set, 0)
			return rang || b.set[1].Revents != 0
		})
		return unix.EpollCtl(b.at, unix.EPOLL_CTL_DEL, fd, nil)
	})
	if err != nil {
		return d, rang
	}
	return 0, rang
}

// parks tells whether a wait of d can be parked, and sets its end.
func (b *bell) parks(d time.Duration) bool {
	return b.openDoor() == nil && b.door.file.SetReadDeadline(time.Now().Add(d)) == nil
}

// rest waits until the bell rings or d has passed, whatever comes meanwhile.
func (b *bell) rest(d time.Duration) {
	if d > parkFrom && b.parks(d) {
		b.door.raw.Read(func(uintptr) (done bool) { return b.poll(b.set[:1], 0) })
		return
	}
	b.poll(b.set[:1], d)
}

func (b *bell) openDoor() (err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.door.file != nil || !b.ok {
		return nil
	}
	if b.door, err = both(b.fd, nil); err != nil {
		return err
	}
	return b.door.withFD(func(fd int) error { b.at = fd; return nil })
}

// gather does so, and waits on for what else comes, d in all.
func (b *bell) gather(s *socket, d, gather time.Duration) {
	if d > gather {
		before := time.Now()
		if b.await(s, d) {
			return
		}
		d -= time.Since(before)
	}
	if d = min(d, gather); d > 0 {
		b.rest(d)
	}
}

// poll is ppoll(2), whose timeout is finer than a millisecond. One goroutine at a
// time waits.
func (b *bell) poll(set []unix.PollFd, d time.Duration) (rang bool) {
	set[0] = unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN}
	if n, err := ppoll(set, max(d, 0)); err != nil || n == 0 || set[0].Revents == 0 {
		return false
	}
	var count [8]byte
	unix.Read(b.fd, count[:])
	return true
}

// briefly is how long a wait may be of which the runtime is not told. Told of one by a system
// call, it wakes a thread of its own fifty times, 20 µs apart, to take over what else is to be done
// (sysmon in runtime/proc.go): for a short wait more work than the wait saves. One of which
// it knows nothing it interrupts by a signal, every 10 ms or when it wants to collect
// garbage, and gets its turn then: so with two processors, the other of which sends without
// pause, whoever would end the wait may come 20 ms late. Under GODEBUG=asyncpreemptoff=1
// there is no such signal, and that lasts as long as the wait. A bound of 10 ms would cost a
// scan of 40 packets a second half as much processor time again.
const briefly = 50 * time.Millisecond

// parkFrom is how long a wait is that costs least where its goroutine is parked, since that
// thread sleeps then too; but the runtime's clock for it has milliseconds.
const parkFrom = 25 * time.Millisecond

func ppoll(set []unix.PollFd, d time.Duration) (n int, err error) {
	if d > briefly || d > 0 && runtime.GOMAXPROCS(0) == 1 {
		timeout := unix.NsecToTimespec(int64(d))
		return unix.Ppoll(set, &timeout, nil)
	}
	for until := time.Now().Add(d); ; d = time.Until(until) {
		timeout := unix.NsecToTimespec(int64(max(d, 0)))
		ready, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&set[0])), uintptr(len(set)), uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
		switch {
		case errno == 0:
			return int(ready), nil
		case errno != unix.EINTR:
			return 0, errno
		}
	}
}

func (b *bell) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ok {
		return nil
	}
	b.ok = false
	return errors.Join(b.door.close(), os.NewSyscallError("close", unix.Close(b.fd)))
}
