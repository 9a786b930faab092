package netraw

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// forbidden runs f where seccomp refuses sockets of a family with an error, as the profile
// of a container does. The thread ends with it.
func forbidden(t *testing.T, family int, errno unix.Errno, f func()) {
	t.Helper()
	filter, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: 0, Size: 4}, // struct seccomp_data: nr
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.SYS_SOCKET, SkipTrue: 3},
		bpf.LoadAbsolute{Off: lowHalfOfFirst, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(family), SkipTrue: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	must(err)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0]))}
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		skip(t, "no seccomp here: "+err.Error())
	}
}

// lowHalfOfFirst is where the first argument of a system call lies, as far as it is an int.
var lowHalfOfFirst = func() uint32 {
	one := uint16(1)
	if *(*byte)(unsafe.Pointer(&one)) == 1 {
		return 16
	}
	return 20
}()

// What a sandbox refuses is told as such, and not as a right that is missing.
func TestSandboxedSockets(t *testing.T) {
	needNamespace(t)
	for family, name := range map[int]string{unix.AF_NETLINK: "netlink", unix.AF_PACKET: "packet", unix.AF_INET: "inet"} {
		for _, errno := range []unix.Errno{unix.EPERM, unix.EACCES, unix.EAFNOSUPPORT, unix.ENOSYS} {
			forbidden(t, family, errno, func() {
				for engine, open := range map[string]func() error{
					"raw":        func() error { return closing(Open(nil)) },
					"packet":     func() error { return closing(OpenPacket(nil, synTemplates(t))) },
					"neighbours": func() error { return closing(OpenNeighbours(nil)) },
				} {
					if engine == "neighbours" && family != unix.AF_NETLINK {
						continue // needs no other
					}
					err := open()
					if !errors.Is(err, ErrSandbox) || !errors.Is(err, ErrPermission) || !errors.Is(err, errno) {
						t.Errorf("%s with %s forbidden (%v): %v", engine, name, errno, err)
					}
					if err != nil && strings.Contains(err.Error(), "setcap") {
						t.Errorf("%s with %s forbidden (%v): a right is asked for that would not help: %v", engine, name, errno, err)
					}
				}
			})
		}
	}
}

func closing[C interface{ Close() error }](c C, err error) error {
	if err == nil {
		c.Close()
	}
	return err
}

// bpf(2) that is refused to whoever has all rights is not for want of one.
func TestSandboxedXDP(t *testing.T) {
	needNamespace(t)
	for _, errno := range []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSYS} {
		refused := xdpError(fmt.Errorf("load: %w", errno))
		if !errors.Is(refused, ErrXDPSandbox) || !errors.Is(refused, ErrXDPPermission) {
			t.Errorf("%v: %v", errno, refused)
		}
	}
}

// Doctor's list names what a sandbox refuses, and nothing else.
func TestSandboxInCapabilities(t *testing.T) {
	needNamespace(t)
	before := map[string]bool{}
	for _, c := range Capabilities() {
		before[c.Name] = c.OK
	}
	forbidden(t, unix.AF_NETLINK, unix.EPERM, func() {
		for _, c := range Capabilities() {
			switch c.Name {
			case "route-lookup":
				if c.OK || !errors.Is(c.Err, ErrSandbox) {
					t.Errorf("route-lookup: %v", c.Err)
				}
			case "raw-send-ipv4", "packet-receive":
				if c.OK != before[c.Name] {
					t.Errorf("%s: %v", c.Name, c.Err)
				}
			}
		}
	})
}
