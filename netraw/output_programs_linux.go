package netraw

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Output policy that is not netfilter's: BPF programs of a cgroup, which see a packet in
// the kernel's IP (ip_finish_output in net/ipv4/ip_output.c), and BPF programs and filters
// of an interface (tc(8)).

// effective asks for the programs of a cgroup and of those above it: BPF_F_QUERY_EFFECTIVE
// in include/uapi/linux/bpf.h.
const effective = 1

// cgroupHooks are those that may refuse or change what an inet socket sends, and that
// packet sockets do not meet.
var cgroupHooks = []struct {
	at   ebpf.AttachType
	name string
}{
	{ebpf.AttachCGroupInetEgress, "egress"},
	{ebpf.AttachCGroupInetSockCreate, "sock_create"}, // may set a mark, or an interface: ip-vrf(8)
}

// firstOutputProgram names a BPF program of this process's cgroup that is an obstacle, ""
// if there is none.
func firstOutputProgram() (string, error) {
	where, err := cgroupProgram()
	return where, unseenPrograms(err)
}

// errUnseenPrograms is for those who may not look.
var errUnseenPrograms = errors.New("whether BPF programs of this machine see what is sent may not be looked at here " +
	"(bpf(2) wants CAP_NET_ADMIN, before Linux 5.19 CAP_BPF too, and a sandbox that lets it pass)")

// unseenPrograms is the error of looking at programs. In a user namespace of one's own
// nobody may, whatever capabilities he has there: the first probe, and one in each tenth of
// a second, goes through the kernel and shows what refuses it (obedience). Elsewhere who
// may not look is refused.
func unseenPrograms(err error) error {
	switch {
	case !isErrno(err, unix.EPERM, unix.EACCES):
		return err
	case inUserNamespace():
		return nil
	}
	return errUnseenPrograms
}

func cgroupProgram() (string, error) {
	dir, err := ownCgroup()
	if dir == "" || err != nil {
		return "", err
	}
	fd, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(fd)
	for _, hook := range cgroupHooks {
		n, err := programs(fd, hook.at, effective)
		if err != nil {
			return "", err
		}
		if n > 0 {
			return fmt.Sprintf("a BPF program (%s) of cgroup %s", hook.name, dir), nil
		}
	}
	return "", nil
}

// bpfQuery is the part of union bpf_attr that BPF_PROG_QUERY reads and writes: include/uapi/linux/bpf.h.
type bpfQuery struct {
	target, at, flags, attached uint32
	programs                    uint64
	count                       uint32
	_                           [36]byte // of later kernels
}

// programs counts those attached: BPF_PROG_QUERY, whose error number link.QueryPrograms
// loses. A kernel that knows no such hook has none.
func programs(target int, at ebpf.AttachType, flags uint32) (int, error) {
	q := bpfQuery{target: uint32(target), at: uint32(at), flags: flags}
	_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_QUERY, uintptr(unsafe.Pointer(&q)), unsafe.Sizeof(q))
	switch errno {
	case 0:
		return int(q.count), nil
	case unix.EINVAL, unix.EOPNOTSUPP, unix.ENOSYS, unix.ENODEV:
		return 0, nil
	}
	return 0, os.NewSyscallError("bpf", errno)
}

// ownCgroup is the directory of this process's cgroup of the second version, cgroups(7).
// Where none is mounted, or the process's is outside of what is, it is the topmost that can
// be seen; "" where there is no such mount.
func ownCgroup() (string, error) {
	own, err := ownCgroupPath()
	if err != nil || own == "" {
		return "", err
	}
	mounts, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return "", err
	}
	defer mounts.Close()
	lines, top := bufio.NewScanner(mounts), ""
	for lines.Scan() {
		root, point := cgroupMount(lines.Text())
		if point == "" {
			continue
		}
		if below, err := filepath.Rel(root, own); err == nil && below != ".." && !strings.HasPrefix(below, "../") {
			return filepath.Join(point, below), nil
		}
		top = point
	}
	return top, lines.Err()
}

// ownCgroupPath is its path in the hierarchy, "" where the kernel has none.
func ownCgroupPath() (string, error) {
	text, err := os.ReadFile("/proc/thread-self/cgroup")
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	for line := range strings.Lines(string(text)) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			return strings.TrimSuffix(path, " (deleted)"), nil
		}
	}
	return "", err
}

// cgroupMount reads a line of proc_pid_mountinfo(5): the root within the hierarchy and the
// mount point, "" of other file systems.
func cgroupMount(line string) (root, point string) {
	before, after, _ := strings.Cut(line, " - ")
	fields := strings.Fields(before)
	if !strings.HasPrefix(after, "cgroup2 ") || len(fields) < 5 {
		return "", ""
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	return unescape.Replace(fields[3]), unescape.Replace(fields[4])
}

// inUserNamespace reports whether the process is in another user namespace than the first
// one, of which all numbers are mapped: user_namespaces(7).
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/thread-self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295"
}
