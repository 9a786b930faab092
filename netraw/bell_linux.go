package netraw

import (
	"errors"
	"os"
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
	door socket // epoll(7) of fd, of end, and of a socket during a long wait; opened by the first
	at   int    // its file descriptor
	end  socket // timerfd(2) of the end of a long wait
}

func (b *bell) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	b.fd, b.ok = fd, true
	b.set = make([]unix.PollFd, 3)
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
		if parked, rang := b.park(s, d); parked {
			return rang
		}
	}
	s.withFD(func(fd int) error {
		b.set[1] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		rang = b.poll(b.set[:2], d)
		return nil
	})
	return rang
}

// park blocks the goroutine in the runtime's poller; parked is false where this cannot be done. The runtime sleeps in
// epoll_wait(2) until a timerfd says that d has passed: for a timer of its own, which has a resolution of milliseconds,
// it would wake up early, and each time have another thread look for something to do. The socket is under the poller
// during the wait only, since otherwise each packet would wake that.
func (b *bell) park(s *socket, d time.Duration) (parked, rang bool) {
	if b.openDoor() != nil {
		return false, false
	}
	err := s.withFD(func(fd int) error {
		if err := watch(b.at, fd, unix.EPOLLIN); err != nil {
			return err
		}
		rang = b.parkFor(d, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		return unix.EpollCtl(b.at, unix.EPOLL_CTL_DEL, fd, nil)
	})
	return err == nil, rang
}

// parkFor waits for the bell, for the end and for what else there is.
func (b *bell) parkFor(d time.Duration, what ...unix.PollFd) (rang bool) {
	b.end.withFD(func(fd int) error {
		set := append(b.set[:1], unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		set = append(set, what...)
		if err := setEnd(fd, d); err != nil {
			return err
		}
		b.door.raw.Read(func(uintptr) (done bool) {
			n := 0
			n, rang = b.look(set, 0)
			return n > 0
		})
		if set[1].Revents == 0 {
			setEnd(fd, 0) // or it would cause a wake-up for nothing
		}
		return nil
	})
	return rang
}

// setEnd has a timer end after d, or not at all where that is 0.
func setEnd(fd int, d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if _, _, errno := unix.RawSyscall6(unix.SYS_TIMERFD_SETTIME, uintptr(fd), 0, uintptr(unsafe.Pointer(&spec)), 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// rest waits until the bell rings or d has passed, whatever comes meanwhile.
func (b *bell) rest(d time.Duration) {
	if d > parkFrom && b.openDoor() == nil {
		b.parkFor(d)
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
	end, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("timerfd_create", err)
	}
	if b.end, err = socketOf(end); err != nil {
		return err
	}
	if b.door, err = both(b.fd, nil); err != nil {
		return errors.Join(err, b.end.close())
	}
	return b.door.withFD(func(fd int) error { b.at = fd; return watch(fd, end, unix.EPOLLIN) })
}

// gather is await, and then waits for up to gather more, d in all, so that several packets are read at once.
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
	_, rang = b.look(set, d)
	return rang
}

// look is poll that also returns how many of the set are ready.
func (b *bell) look(set []unix.PollFd, d time.Duration) (n int, rang bool) {
	set[0] = unix.PollFd{Fd: int32(b.fd), Events: unix.POLLIN}
	n, err := ppoll(set, max(d, 0))
	if err != nil || n == 0 || set[0].Revents == 0 {
		return n, false
	}
	var count [8]byte
	unix.Read(b.fd, count[:])
	return n, true
}

// parkFrom is the least wait for which the goroutine is parked. A shorter one is made by a raw system call, unknown to
// the runtime: the runtime's monitor (sysmon in runtime/proc.go) answers a known one by waking up fifty times, 20 µs
// apart, to hand the processor to others, which costs more than the wait saves. During a raw call the monitor wakes up
// every 10 ms, interrupts it by a signal as often, and other goroutines of this processor wait until it is over.
const parkFrom = 2 * time.Millisecond

func ppoll(set []unix.PollFd, d time.Duration) (n int, err error) {
	if d > parkFrom {
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
	return errors.Join(b.door.close(), b.end.close(), os.NewSyscallError("close", unix.Close(b.fd)))
}
