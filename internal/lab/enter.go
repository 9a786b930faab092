//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"syscall"

	"github.com/vishvananda/netlink"
)

// ErrNotPermitted says that this process may not make network namespaces. The
// error that wraps it says what was tried and what to do.
var ErrNotPermitted = errors.New("private network namespaces are not permitted")

// marker is the environment variable by which a copy started by Enter knows
// itself. Its value holds the parent's process id and network namespace: a
// process further down inherits the variable, but not the parent.
const marker = "SYNSCOPE_LAB_PARENT"

// Enter moves the program into a private network namespace, by executing it
// again with the same arguments and waiting for that copy.
//
// In the copy it returns inside = true at once. In the original it returns with
// the copy's exit code, 128 plus the number if a signal ended it, and the caller
// should exit with that. Signals sent to the original are passed on. Cancelling
// ctx sends SIGTERM to the copy. The copy dies with the original.
//
// The error wraps [ErrNotPermitted] where the machine or user does not allow it.
func Enter(ctx context.Context) (inside bool, code int, err error) {
	return enter(ctx, background)
}

// EnterForeground is Enter for a program that talks with whoever sits at the
// terminal of standard input, as a shell does: the copy is its foreground, and
// what is typed there is for the copy alone.
func EnterForeground(ctx context.Context) (inside bool, code int, err error) {
	return enter(ctx, foreground)
}

// ground is whether the copy is the foreground process group of its terminal.
type ground uint8

const (
	background ground = iota
	foreground
)

func enter(ctx context.Context, of ground) (inside bool, code int, err error) {
	if Inside() {
		return true, 0, arrive()
	}
	code, err = reexecute(ctx, of)
	return false, code, err
}

// Inside reports whether the process is a copy started by [Enter] or [Main], so
// that [New] may build in its network namespace.
func Inside() bool {
	var ppid int
	var parent string
	if n, _ := fmt.Sscanf(os.Getenv(marker), "%d %s", &ppid, &parent); n != 2 {
		return false
	}
	own, err := os.Readlink(ownNetNS)
	return err == nil && own != parent && ppid == os.Getppid()
}

// arrive prepares the prober's own namespace.
func arrive() error {
	prober, err := openNamespace()
	if err != nil {
		return err
	}
	defer prober.close()
	if err := prober.raiseLoopback(); err != nil {
		return notPermitted(err)
	}
	if err := prober.setKnown(baseSysctls); err != nil {
		return err
	}
	return prober.skipIndices()
}

// skipIndices uses up the interface indices that a host's first interfaces have.
// For a veth whose peer has the same index in another namespace the kernel takes
// up to a second to notice the carrier (net/core/link_watch.c,
// linkwatch_urgent_event: it looks like an interface without a peer).
func (n *namespace) skipIndices() error {
	spare := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "spare0"}, PeerName: "spare1"}
	if err := n.nl.LinkAdd(spare); err != nil {
		return err
	}
	return n.nl.LinkDel(spare)
}

// reexecute runs the copy in a new network namespace, inside a new user
// namespace if the first alone is not allowed.
func reexecute(ctx context.Context, of ground) (int, error) {
	// Pdeathsig follows the thread that forked, not the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	var refused error
	for _, attr := range isolations() {
		attr.Foreground = of == foreground // its terminal is attr.Ctty, standard input
		cmd, err := copyOfSelf(ctx, attr)
		if err != nil {
			return 0, err
		}
		signals := make(chan os.Signal, 16)
		signal.Notify(signals, forwarded...)
		err = cmd.Start()
		if err == nil {
			return wait(cmd, signals)
		}
		signal.Stop(signals)
		refused = joined(refused, err)
	}
	return 0, notPermitted(refused)
}

// joined puts errors into one line.
func joined(first, second error) error {
	if first == nil {
		return second
	}
	return fmt.Errorf("%w; %w", first, second)
}

func notPermitted(err error) error {
	return fmt.Errorf("%w (%w): run as root, or allow user namespaces "+
		"(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, "+
		"kernel.apparmor_restrict_unprivileged_userns; in a container, its seccomp profile)",
		ErrNotPermitted, err)
}

// isolations lists the ways to get a network namespace, the preferred one first.
func isolations() []*syscall.SysProcAttr {
	plain := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	user := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: identity(os.Geteuid()),
		GidMappings: identity(os.Getegid()),
	}
	if os.Geteuid() != 0 {
		return []*syscall.SysProcAttr{user}
	}
	return []*syscall.SysProcAttr{plain, user}
}
