package privilege

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// What a run reads while it goes on: time zones, the registry of vendors and what the
// kernel tells of itself; where it resolves names, also the resolver's configuration, which may be
// replaced meanwhile. What only reads files reads time zones.
var (
	zoneDirs   = []string{"/usr/share/zoneinfo"}
	zoneFiles  = []string{"/etc/localtime"}
	kernelDirs = []string{"/proc", "/sys", "/usr/share/ieee-data", "/var/lib/ieee-data"}
	nameDirs   = []string{"/etc", "/run", "/usr", "/lib", "/lib64", "/dev"}
)

// devices may be written to.
var devices = []string{"/dev/null", "/dev/full", "/dev/tty"}

// readable are the directories that stay so.
func readable(cfg *Config) (dirs []string) {
	dirs = append(dirs, zoneDirs...)
	if !cfg.Offline {
		dirs = append(dirs, kernelDirs...)
	}
	if cfg.Connect {
		dirs = append(dirs, nameDirs...)
	}
	return dirs
}

// restrictFiles applies Landlock, as much of it as the kernel has: signals and
// abstract sockets of other processes are out of reach too (Linux 6.12).
func restrictFiles(cfg Config) (bool, error) {
	if !hasLandlock() {
		return false, nil
	}
	rules := []landlock.Rule{
		landlock.RODirs(readable(&cfg)...).IgnoreIfMissing(),
		landlock.ROFiles(zoneFiles...).IgnoreIfMissing(),
		landlock.RWFiles(devices...).IgnoreIfMissing(),
		landlock.ROFiles(cfg.Read...).IgnoreIfMissing(),
		landlock.RWDirs(directories(cfg.Write)...).IgnoreIfMissing(),
	}
	restricted := landlock.V6.BestEffort()
	if err := errors.Join(restricted.RestrictPaths(rules...), restricted.RestrictScoped()); err != nil {
		return false, err
	}
	if !cfg.Connect {
		return true, restricted.RestrictNet()
	}
	return true, nil
}

func hasLandlock() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return errno == 0 && version > 0
}

// directories are those that files lie in.
func directories(paths []string) (dirs []string) {
	for _, path := range paths {
		if dir := filepath.Dir(path); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// refusedCalls are system calls that no prober makes once it runs, and that
// whoever has taken it over would begin with: other programs, other processes'
// memory, other namespaces, mounts, kernel code, keys, clocks, and the parts of
// the kernel in which most of its faults were found.
var refusedCalls = []string{
	"execve", "execveat", "fork", "vfork",
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd",
	"setns", "unshare", "chroot", "pivot_root",
	"mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
	"swapon", "swapoff", "quotactl", "quotactl_fd", "acct", "nfsservctl",
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "reboot",
	"perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
	"add_key", "request_key", "keyctl", "memfd_secret",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname", "setdomainname",
	"iopl", "ioperm", "modify_ldt", "personality", "vm86", "vm86old", "lookup_dcookie", "uselib", "ustat", "sysfs", "_sysctl",
	"name_to_handle_at", "open_by_handle_at", "fanotify_init", "mknod", "mknodat", "syslog", "vhangup",
	"rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "tkill",
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
}

// foreignSockets are families of sockets that a prober has no use for, or no more;
// foreignProtocols are TCP under another number, which Landlock does not know for TCP, and
// other transports.
var (
	foreignSockets = []uint64{unix.AF_PACKET, unix.AF_ALG, unix.AF_VSOCK, unix.AF_BLUETOOTH, unix.AF_CAN, unix.AF_TIPC, unix.AF_RDS, unix.AF_XDP, unix.AF_KEY,
		unix.AF_SMC, unix.AF_UNIX}
	foreignProtocols = []uint64{unix.IPPROTO_MPTCP, unix.IPPROTO_SCTP, unix.IPPROTO_DCCP}
)

// conditional are system calls that are refused with some arguments.
type conditional []seccomp.NameWithConditions

func (c *conditional) refuse(name string, argument uint32, is seccomp.Operation, value uint64) {
	*c = append(*c, seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{
		{Argument: argument, Operation: is, Value: value},
	}})
}

// refusedWith are the calls that are refused with some arguments: sockets, new
// processes, in other namespaces perhaps, and signals to others.
func refusedWith(cfg *Config) (c conditional) {
	for _, family := range foreignSockets {
		if cfg.Probe && family == unix.AF_PACKET || cfg.Connect && family == unix.AF_UNIX { // the system's resolver
			continue
		}
		c.refuse("socket", 0, seccomp.Equal, family)
	}
	for _, protocol := range foreignProtocols {
		c.refuse("socket", 2, seccomp.Equal, protocol)
	}
	if runtime.GOARCH != "s390x" { // where the flags are another argument
		c.refuse("clone", 0, seccomp.BitsNotSet, unix.CLONE_THREAD)
		c.refuse("clone", 0, seccomp.BitsSet, unix.CLONE_NEWNS|unix.CLONE_NEWUSER|unix.CLONE_NEWNET|unix.CLONE_NEWPID|
			unix.CLONE_NEWIPC|unix.CLONE_NEWUTS|unix.CLONE_NEWCGROUP)
	}
	self := uint64(os.Getpid())
	c.refuse("kill", 0, seccomp.NotEqual, self)
	c.refuse("tgkill", 0, seccomp.NotEqual, self)
	return c
}

// noNetwork are the calls that what only reads files has no use for.
var noNetwork = []string{"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4"}

// filterCalls applies a seccomp filter to all threads: what it refuses fails with
// EPERM. clone3(2), whose flags a filter cannot see, is not there: libraries then use clone(2).
func filterCalls(cfg *Config) (bool, error) {
	if !seccomp.Supported() {
		return false, nil
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return false, nil // an architecture that the library does not know
	}
	missing := func(name string) bool {
		_, here := info.SyscallNames[name]
		return !here
	}
	always, with := slices.Clone(refusedCalls), refusedWith(cfg)
	if cfg.Offline {
		always = append(always, noNetwork...)
	}
	always = slices.DeleteFunc(always, missing)
	with = slices.DeleteFunc(with, func(c seccomp.NameWithConditions) bool { return missing(c.Name) || slices.Contains(always, c.Name) })
	groups := []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: always, NamesWithCondtions: with}}
	if !missing("clone3") {
		groups = append(groups, seccomp.SyscallGroup{Action: seccomp.ActionErrno | seccomp.Action(unix.ENOSYS), Names: []string{"clone3"}})
	}
	err = seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy:     seccomp.Policy{DefaultAction: seccomp.ActionAllow, Syscalls: groups},
	})
	return err == nil, os.NewSyscallError("seccomp", err)
}
