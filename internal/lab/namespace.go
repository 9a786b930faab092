//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// ownNetNS names the network namespace of the calling thread, see
// network_namespaces(7).
const ownNetNS = "/proc/thread-self/ns/net"

// namespace is a network namespace, kept alive by an open file.
type namespace struct {
	file *os.File
	nl   *netlink.Handle
}

// openNamespace opens the calling thread's namespace.
func openNamespace() (*namespace, error) {
	file, err := os.Open(ownNetNS)
	if err != nil {
		return nil, err
	}
	nl, err := netlink.NewHandleAt(netns.NsHandle(file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &namespace{file, nl}, nil
}

// newNamespace creates a namespace, sets the sysctls that this kernel knows and
// brings its loopback up.
func newNamespace(defaults ...Sysctls) (n *namespace, err error) {
	err = onRestoredThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		n, err = openNamespace()
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := n.prepare(defaults); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *namespace) prepare(defaults []Sysctls) error {
	for _, s := range defaults {
		if err := n.setKnown(s); err != nil {
			return err
		}
	}
	return n.raiseLoopback()
}

func (n *namespace) raiseLoopback() error {
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	return n.nl.LinkSetUp(lo)
}

// do runs f on the calling goroutine with its thread inside the namespace.
func (n *namespace) do(f func() error) error {
	return onRestoredThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return f()
	})
}

// onRestoredThread runs f on a locked thread and puts the thread back into its
// network namespace afterwards, also if f panics or calls runtime.Goexit. A
// thread that cannot be put back stays locked, and so dies with its goroutine.
func onRestoredThread(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open(ownNetNS)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		home.Close()
	}()
	return f()
}

// set writes sysctls, in the order of their names.
func (n *namespace) set(s Sysctls) error {
	return n.do(func() error {
		for _, name := range slices.Sorted(maps.Keys(s)) {
			if err := writeSysctl(name, s[name]); err != nil {
				return fmt.Errorf("sysctl %s=%s: %w", name, s[name], err)
			}
		}
		return nil
	})
}

// setKnown is set without the names that this kernel does not have.
func (n *namespace) setKnown(s Sysctls) error {
	known := maps.Clone(s)
	err := n.do(func() error {
		maps.DeleteFunc(known, func(name, _ string) bool {
			_, err := os.Stat(sysctlPath(name))
			return errors.Is(err, fs.ErrNotExist)
		})
		return nil
	})
	if err != nil {
		return err
	}
	return n.set(known)
}

// writeSysctl sets a value in the calling thread's network namespace: the kernel
// resolves /proc/sys/net for whoever opens it.
func writeSysctl(name, value string) error {
	if !strings.HasPrefix(name, "net.") {
		return errors.New("not a network namespace's setting")
	}
	return os.WriteFile(sysctlPath(name), []byte(value), 0)
}

func sysctlPath(name string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(name, ".", "/"))
}

func (n *namespace) close() error {
	n.nl.Close()
	return n.file.Close()
}
