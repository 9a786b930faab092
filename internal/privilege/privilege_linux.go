package privilege

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// errForbidden is added to what no kernel refuses by itself to those who give up rights.
var errForbidden = errors.New("a sandbox forbids it: allow capset(2), prctl(2) and setresuid(2) " +
	"(the container's seccomp profile, SystemCallFilter= of a systemd unit), or start the program with no right at all (--engine connect)")

func advised(err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("%w: %w", err, errForbidden)
	}
	return err
}

func drop(cfg Config) (done Done, err error) {
	had := permitted()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"reach all threads", reachesThreads},
		{"empty the bounding set", func() error { done.Bounding, err = emptyBounding(had, cfg.Keep); return err }},
		{"change the user", func() error { done.User, err = becomeCaller(had, &cfg); return err }},
		{"drop capabilities", func() error { return dropCapabilities(cfg.Keep & had) }},
		{"set no_new_privs", noNewPrivileges},
		{"restrict the file system", func() error { done.Landlock, err = restrictFiles(cfg); return err }},
		{"filter system calls", func() error { done.Seccomp, err = filterCalls(&cfg); return err }},
	} {
		if err := step.do(); err != nil {
			return done, fmt.Errorf("give up privileges: %s: %w", step.name, advised(err))
		}
	}
	if left := permitted() &^ cfg.Keep; left != 0 {
		return done, fmt.Errorf("give up privileges: capabilities %#x are left", left)
	}
	done.Capabilities = had != 0
	return done, nil
}

// onAllThreads makes a system call of which the effect belongs to a thread, for
// each of the process.
func onAllThreads(call, a, b uintptr) error {
	if _, _, errno := psx.Syscall6(call, a, b, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// capset takes this; the kernel copies it.
type capabilitySets struct {
	header unix.CapUserHeader
	data   [2]unix.CapUserData
}

// permitted are the permitted capabilities of this thread, one bit each.
func permitted() uint64 {
	c := capabilitySets{header: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}
	if unix.Capget(&c.header, &c.data[0]) != nil {
		return 0
	}
	return uint64(c.data[1].Permitted)<<32 | uint64(c.data[0].Permitted)
}

// emptyBounding takes out of the bounding set of every thread what is not to be kept,
// and tells whether that could be done: it takes CAP_SETPCAP, which root has and a
// program with capabilities of its file has not. The set gives no right; it limits
// what an executed program may gain, which under no_new_privs is nothing anyway
// (cap_bprm_creds_from_file in security/commoncap.c). One call each is the only way:
// 41 of them on each thread, 4 ms of processor time in all.
func emptyBounding(had, keep uint64) (done bool, err error) {
	if had&(1<<unix.CAP_SETPCAP) == 0 {
		return false, nil
	}
	for c := uintptr(0); c < 64; c++ {
		there, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if err != nil { // beyond the last that the kernel knows
			break
		}
		if there == 0 || keep&(1<<c) != 0 {
			continue
		}
		if err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c); err != nil {
			return false, os.NewSyscallError("prctl PR_CAPBSET_DROP", err)
		}
	}
	return true, nil
}

// dropCapabilities empties the sets of every thread that give it a right.
func dropCapabilities(keep uint64) error {
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL); err != nil && !errors.Is(err, unix.EINVAL) {
		return os.NewSyscallError("prctl PR_CAP_AMBIENT", err)
	}
	return setCapabilities(keep)
}

// setCapabilities makes these the permitted and effective ones of every thread,
// and no others.
func setCapabilities(keep uint64) error {
	c := &capabilitySets{header: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}
	for i, half := range []uint32{uint32(keep), uint32(keep >> 32)} {
		c.data[i].Permitted, c.data[i].Effective = half, half
	}
	err := onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&c.header)), uintptr(unsafe.Pointer(&c.data[0])))
	return os.NewSyscallError("capset", err)
}

func noNewPrivileges() error {
	err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	return os.NewSyscallError("prctl PR_SET_NO_NEW_PRIVS", err)
}

// mostID is the highest number of a user or group: all ones stand for none
// (setresuid(2), chown(2)).
const mostID uint64 = math.MaxUint32 - 1

// becomeCaller makes root the user who called sudo. Capabilities do not outlive a
// change of user from root to another, unless they are kept. Root stays root where
// files are to be written that the caller may not.
func becomeCaller(had uint64, cfg *Config) (changed bool, err error) {
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil || uid <= 0 || os.Geteuid() != 0 {
		return false, nil
	}
	if uint64(uid) > mostID {
		return false, fmt.Errorf("SUDO_UID is %d, which is no user: unset SUDO_UID and SUDO_GID", uid)
	}
	if had&(1<<unix.CAP_SETUID) == 0 || had&(1<<unix.CAP_SETGID) == 0 {
		return false, nil
	}
	gid, err := strconv.Atoi(os.Getenv("SUDO_GID"))
	if err != nil || gid < 0 || uint64(gid) > mostID {
		return false, fmt.Errorf("SUDO_GID is %q, which is no group: unset SUDO_UID and SUDO_GID", os.Getenv("SUDO_GID"))
	}
	groups := groupsOf(uid, gid)
	if !mayWrite(uid, groups, directories(cfg.Write)) {
		return false, nil
	}
	if err := keepCapabilities(1); err != nil {
		return false, err
	}
	if err := syscall.Setgroups(groups); err != nil {
		return false, os.NewSyscallError("setgroups", err)
	}
	if err := syscall.Setresgid(gid, gid, gid); err != nil {
		return false, os.NewSyscallError("setresgid", err)
	}
	if err := syscall.Setresuid(uid, uid, uid); err != nil {
		return false, os.NewSyscallError("setresuid", err)
	}
	if err := setCapabilities(had & cfg.Keep); err != nil {
		return false, err
	}
	return true, keepCapabilities(0)
}

// keepCapabilities lets permitted capabilities outlive the change of user, for those
// to be kept.
func keepCapabilities(on uintptr) error {
	return os.NewSyscallError("prctl PR_SET_KEEPCAPS", onAllThreads(unix.SYS_PRCTL, unix.PR_SET_KEEPCAPS, on))
}

// mayWrite tells whether a user may make files in all of some directories, as
// their modes say.
func mayWrite(uid int, groups []int, dirs []string) bool {
	const write, search = 2, 1
	for _, dir := range dirs {
		var st unix.Stat_t
		if unix.Stat(dir, &st) != nil {
			continue // that is told when the file is made
		}
		mode := st.Mode
		switch {
		case int(st.Uid) == uid:
			mode >>= 6
		case slices.Contains(groups, int(st.Gid)):
			mode >>= 3
		}
		if mode&(write|search) != write|search {
			return false
		}
	}
	return true
}

// groupsOf are the groups of a user, as far as this machine knows the user.
func groupsOf(uid, gid int) []int {
	groups := []int{gid}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return groups
	}
	ids, err := u.GroupIds()
	if err != nil {
		return groups
	}
	for _, id := range ids {
		if g, err := strconv.Atoi(id); err == nil && g != gid {
			groups = append(groups, g)
		}
	}
	return groups
}
