package netraw

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// permission adds to what the kernel refused the sentinel that tells what to do about
// it: ErrPermission where a capability is missing, ErrSandbox where none is.
func permission(err error) error {
	switch {
	case isErrno(err, unix.EAFNOSUPPORT, unix.ENOSYS) && calls(err, "socket"):
		return sandboxed(err)
	case !isErrno(err, unix.EPERM, unix.EACCES):
		return err
	case calls(err, "socket") && holds(unix.CAP_NET_RAW), !calls(err, "bind") && holds(unix.CAP_NET_RAW, unix.CAP_NET_ADMIN):
		return sandboxed(err)
	}
	return fmt.Errorf("%w: %w", err, ErrPermission)
}

// sandboxed adds ErrSandbox to a refusal of what needs no capability, as sockets of
// netlink do: whatever refuses, it is not the lack of one.
func sandboxed(err error) error {
	if isErrno(err, unix.EPERM, unix.EACCES, unix.EAFNOSUPPORT, unix.ENOSYS, unix.EPROTONOSUPPORT) {
		return fmt.Errorf("%w: %w", err, ErrSandbox)
	}
	return err
}

func isErrno(err error, numbers ...unix.Errno) bool {
	return slices.ContainsFunc(numbers, func(n unix.Errno) bool { return errors.Is(err, n) })
}

// calls reports whether it was this system call that failed.
func calls(err error, name string) bool {
	var call *os.SyscallError
	return errors.As(err, &call) && call.Syscall == name
}

// holds reports whether this process has all of these capabilities in effect.
func holds(capabilities ...int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	return !slices.ContainsFunc(capabilities, func(c int) bool { return data[c/32].Effective&(1<<(c%32)) == 0 })
}
