package privilege

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/outfile"
	"synscope/netraw"
)

// inner marks the process that drops, and says in which case.
const inner = "PRIVILEGE_TEST_INNER"

const (
	caller      = 4242
	callerGroup = 4343
)

// cases are ways to have rights: as root, by sudo, by capabilities of a file
// (here: ambient ones of another user).
var cases = map[string]struct {
	attr     syscall.SysProcAttr
	env      []string
	uid, gid int
	changed  bool
	keep     uint64
}{
	"root": {syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}, nil, 0, 0, false, 0},
	"sudo": {syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET},
		[]string{fmt.Sprint("SUDO_UID=", caller), fmt.Sprint("SUDO_GID=", callerGroup)}, caller, callerGroup, true, 0},
	"sudo, one kept": {syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET},
		[]string{fmt.Sprint("SUDO_UID=", caller), fmt.Sprint("SUDO_GID=", callerGroup)}, caller, callerGroup, true, 1 << unix.CAP_NET_ADMIN},
	"file capabilities": {syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Credential: &syscall.Credential{Uid: caller, Gid: callerGroup},
		AmbientCaps: []uintptr{unix.CAP_NET_RAW, unix.CAP_NET_ADMIN}}, nil, caller, callerGroup, false, 0},
}

func TestDrop(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("not root")
		}
		t.Skip("only root has something to give up")
	}
	self := copyOfSelf(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.Chmod(dir, 0o700), os.Chown(dir, c.uid, c.gid)); err != nil {
				t.Fatal(err)
			}
			open(t, filepath.Dir(dir))
			secret := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(secret, []byte("secret"), 0o644); err != nil {
				t.Fatal(err)
			}
			open(t, filepath.Dir(secret))
			cmd := exec.Command(self, "-test.run=^TestInner$", "-test.v")
			cmd.Env = append(os.Environ(), inner+"="+name, "DIR="+dir, "SECRET="+secret)
			cmd.Env = append(cmd.Env, c.env...)
			attr := c.attr
			cmd.SysProcAttr = &attr
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestInner") {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

// open lets everybody through a directory.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// copyOfSelf is this program where another user may execute it.
func copyOfSelf(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	open(t, filepath.Dir(path))
	return path
}

// TestInner opens what a run opens, drops, and looks at what is left.
func TestInner(t *testing.T) {
	name := os.Getenv(inner)
	if name == "" {
		t.Skip("run by TestDrop")
	}
	c := cases[name]
	if err := netlink.LinkSetUp(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "lo"}}); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := netraw.Open(&netraw.Config{Ports: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stop := busyThreads()
	defer stop()

	output := filepath.Join(os.Getenv("DIR"), "out")
	done, err := Drop(Config{Write: []string{output}, Keep: c.keep})
	if err != nil {
		t.Fatal(err)
	}
	if done.User != c.changed || !done.Capabilities || !done.Seccomp || done.Landlock != hasLandlock() {
		t.Errorf("%+v", done)
	}
	if root := name != "file capabilities"; done.Bounding != root {
		t.Errorf("the bounding set: %+v", done)
	}
	checkThreads(t, c.uid, c.gid, c.keep, done.Bounding)
	checkRefusals(t)
	probeStillWorks(t, conn, ln.Addr().(*net.TCPAddr))
	if err := os.WriteFile(output, []byte("x"), 0o644); err != nil {
		t.Errorf("an output: %v", err)
	}
	if err := outfile.Replace(output, outfile.Public, func(w io.Writer) error {
		_, err := w.Write([]byte("y"))
		return err
	}); err != nil {
		t.Errorf("an output replaced: %v", err)
	}
}

// busyThreads makes the process have several threads, old and new.
func busyThreads() func() {
	stop := make(chan struct{})
	for range 8 {
		go func() {
			var ts unix.Timespec
			for {
				select {
				case <-stop:
					return
				default:
					ts.Nsec = 1e6
					unix.Nanosleep(&ts, nil)
				}
			}
		}()
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if tasks, _ := filepath.Glob("/proc/self/task/*"); len(tasks) >= 5 { // what is looked for
			break
		}
	}
	return func() { close(stop) }
}

// checkThreads reads what proc(5) says of every thread.
func checkThreads(t *testing.T, uid, gid int, keep uint64, bounded bool) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil || len(tasks) < 5 {
		t.Fatalf("%d threads, %v", len(tasks), err)
	}
	want := map[string]string{
		"CapInh": "0000000000000000", "CapPrm": fmt.Sprintf("%016x", keep), "CapEff": fmt.Sprintf("%016x", keep), "CapAmb": "0000000000000000",
		"NoNewPrivs": "1", "Seccomp": "2",
		"Uid": strings.Repeat(strconv.Itoa(uid)+"\t", 3) + strconv.Itoa(uid),
		"Gid": strings.Repeat(strconv.Itoa(gid)+"\t", 3) + strconv.Itoa(gid),
	}
	if bounded {
		want["CapBnd"] = fmt.Sprintf("%016x", keep)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if w, asked := want[key]; asked && strings.TrimSpace(value) != w {
				t.Errorf("%s: %s is %q, want %q", task, key, value, w)
			}
		}
	}
}

// checkRefusals tries what must not work any more.
func checkRefusals(t *testing.T) {
	t.Helper()
	if _, err := netraw.Open(nil); !errors.Is(err, netraw.ErrPermission) {
		t.Errorf("another raw socket: %v", err)
	}
	if err := syscall.Setuid(0); err == nil && os.Getenv("SUDO_UID") != "" {
		t.Error("root again")
	}
	if err := exec.Command("/bin/true").Run(); err == nil {
		t.Error("another program was executed")
	}
	for what, call := range map[string]uintptr{"unshare": unix.SYS_UNSHARE, "ptrace": unix.SYS_PTRACE, "io_uring_setup": unix.SYS_IO_URING_SETUP} {
		if _, _, errno := unix.Syscall(call, 0, 0, 0); errno != unix.EPERM {
			t.Errorf("%s: %v", what, errno)
		}
	}
	checkCalls(t)
	if !hasLandlock() {
		return
	}
	for _, path := range []string{"/etc/shadow", "/etc/passwd", "/run"} {
		if f, err := os.Open(path); !errors.Is(err, unix.EACCES) {
			t.Errorf("%s: %v", path, err)
			f.Close()
		}
	}
	if _, err := os.ReadFile(os.Getenv("SECRET")); !errors.Is(err, unix.EACCES) {
		t.Errorf("a file that is none of our business: %v", err)
	}
	elsewhere := filepath.Join(filepath.Dir(os.Getenv("SECRET")), "made")
	if err := os.WriteFile(elsewhere, nil, 0o644); !errors.Is(err, unix.EACCES) {
		t.Errorf("a file elsewhere: %v", err)
	}
}

// checkCalls tries calls that are refused with some arguments only.
func checkCalls(t *testing.T) {
	t.Helper()
	for what, call := range map[string]func() error{
		"a process in a namespace of its own": func() error { return clone(unix.CLONE_NEWUSER) },
		"a process":                           func() error { return clone(0) },
		"a signal to another process":         func() error { return unix.Kill(os.Getppid(), 0) },
		"a signal to everybody":               func() error { return unix.Kill(-1, 0) },
		"MPTCP":                               func() error { return makesSocket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP) },
		"SCTP":                                func() error { return makesSocket(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_SCTP) },
		"a unix socket":                       func() error { return makesSocket(unix.AF_UNIX, unix.SOCK_STREAM, 0) },
	} {
		if err := call(); err != unix.EPERM {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_CLONE3, 0, 0, 0); errno != unix.ENOSYS {
		t.Errorf("clone3: %v", errno)
	}
	if err := unix.Kill(os.Getpid(), 0); err != nil {
		t.Errorf("a signal to itself: %v", err)
	}
}

// clone makes a process, and ends it at once.
func clone(flags uintptr) error {
	pid, _, errno := unix.RawSyscall6(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	switch {
	case errno != 0:
		return errno
	case pid == 0:
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func makesSocket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// TestOffline drops what a program that only reads files has no use for.
func TestOffline(t *testing.T) {
	const reads = "reads"
	if os.Getenv(inner) == reads {
		offline(t)
		return
	}
	dir := t.TempDir()
	named := filepath.Join(dir, "named")
	if err := errors.Join(os.WriteFile(named, []byte("x"), 0o644), os.WriteFile(filepath.Join(dir, "other"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestOffline$", "-test.v")
	cmd.Env = append(os.Environ(), inner+"="+reads, "DIR="+dir, "SUDO_UID=", "TZ=America/New_York")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestOffline") {
		t.Errorf("%v\n%s", err, out)
	}
}

func offline(t *testing.T) {
	named := filepath.Join(os.Getenv("DIR"), "named")
	done, err := Drop(Config{Offline: true, Read: []string{named}})
	if err != nil || !done.Seccomp {
		t.Fatalf("%+v, %v", done, err)
	}
	checkCalls(t)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK} {
		if err := makesSocket(family, unix.SOCK_DGRAM, 0); err != unix.EPERM {
			t.Errorf("a socket of family %d: %v", family, err)
		}
	}
	if pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0); err != unix.EPERM {
		t.Errorf("a pair of sockets: %v, %v", pair, err)
	}
	if _, err := os.ReadFile(named); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/usr/share/zoneinfo/America/New_York"); err == nil && time.Unix(0, 0).Format("15") != "19" {
		t.Errorf("no time zone: %v", time.Unix(0, 0))
	}
	if !hasLandlock() {
		return
	}
	for _, path := range []string{filepath.Join(os.Getenv("DIR"), "other"), "/etc/hosts", "/proc/self/maps", "/dev/zero"} {
		if f, err := os.Open(path); !errors.Is(err, unix.EACCES) {
			t.Errorf("%s: %v", path, err)
			f.Close()
		}
	}
}

// probeStillWorks sends a SYN, after a look-up of the route, and hears the answer.
func probeStillWorks(t *testing.T, conn *netraw.Conn, to *net.TCPAddr) {
	t.Helper()
	dst := to.AddrPort()
	route, err := conn.Route(dst.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s := craft.Segment{Src: netip.AddrPortFrom(route.Source, conn.Ports()[0]), Dst: dst, Seq: 5, TTL: 64, Flags: craft.SYN, Window: 1024}
	packet, err := s.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Send([][]byte{packet}); n != 1 {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	pkts := make([]netraw.Packet, 8)
	var p craft.Packet
	for {
		n, err := conn.Recv(pkts)
		if err != nil {
			t.Fatalf("no SYN-ACK: %v", err)
		}
		for _, pkt := range pkts[:n] {
			if p.Decode(pkt.Data, craft.TrustChecksums) == nil && p.Segment.Flags == craft.SYN|craft.ACK && p.Segment.Ack == 6 {
				return
			}
		}
	}
}

// TestNothingComesBack executes a program as root, without the seccomp filter that
// refuses that: under no_new_privs it gets no right, though the bounding set would
// let it have all.
func TestNothingComesBack(t *testing.T) {
	if os.Getenv(inner) == "executes" {
		if err := errors.Join(noNewPrivileges(), dropCapabilities(0)); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("cat", "/proc/self/status").Output()
		fmt.Printf("%s\n", out)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("only root has something to give up")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestNothingComesBack$")
	cmd.Env = append(os.Environ(), inner+"=executes")
	out, err := cmd.CombinedOutput()
	for _, set := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "Uid:\t0\t0\t0\t0"} {
		if err != nil || !strings.Contains(string(out), set) {
			t.Errorf("%v, want %q:\n%s", err, set, out)
		}
	}
}

// Numbers that are no user's or group's are told of as such; the last ones that are, and
// the user who calls no sudo, are none of them.
func TestSudoOfNobody(t *testing.T) {
	if os.Geteuid() != 0 || permitted()&(1<<unix.CAP_SETUID) == 0 || permitted()&(1<<unix.CAP_SETGID) == 0 {
		t.Skip("only root, who may change the user, is called by sudo")
	}
	for _, c := range []struct{ uid, gid, want string }{
		{"4294967295", "0", "SUDO_UID is 4294967295, which is no user"},
		{"99999999999", "0", "which is no user"},
		{"1000", "4294967295", `SUDO_GID is "4294967295", which is no group`},
		{"1000", "x", `SUDO_GID is "x", which is no group`},
		{"0", "x", ""},
		{"nobody", "", ""},
	} {
		t.Setenv("SUDO_UID", c.uid)
		t.Setenv("SUDO_GID", c.gid)
		changed, err := becomeCaller(permitted(), &Config{})
		if changed || c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, %v", c, changed, err)
		}
	}
}
