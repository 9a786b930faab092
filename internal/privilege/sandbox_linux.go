package privilege

import (
	"os"
	"path/filepath"
	"slices"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// systemDirs is what programs read to run: time zones, names of users, the
// resolver's configuration, what the kernel tells of itself, and the registry of
// vendors.
var systemDirs = []string{"/etc", "/usr", "/lib", "/lib64", "/run", "/proc", "/sys", "/dev", "/var/lib/ieee-data"}

// devices may be written to.
var devices = []string{"/dev/null", "/dev/full", "/dev/tty"}

// restrictFiles applies Landlock, as much of it as the kernel has.
func restrictFiles(cfg Config) (bool, error) {
	if !hasLandlock() {
		return false, nil
	}
	rules := []landlock.Rule{
		landlock.RODirs(systemDirs...).IgnoreIfMissing(),
		landlock.RWFiles(devices...).IgnoreIfMissing(),
		landlock.ROFiles(cfg.Read...).IgnoreIfMissing(),
		landlock.RWDirs(directories(cfg.Write)...).IgnoreIfMissing(),
	}
	if err := landlock.V5.BestEffort().RestrictPaths(rules...); err != nil {
		return false, err
	}
	if !cfg.Connect {
		return true, landlock.V5.BestEffort().RestrictNet()
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
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
}

// foreignSockets are families of sockets that a prober has no use for, or no more.
var foreignSockets = []uint64{unix.AF_PACKET, unix.AF_ALG, unix.AF_VSOCK, unix.AF_BLUETOOTH, unix.AF_CAN, unix.AF_TIPC, unix.AF_RDS, unix.AF_XDP, unix.AF_KEY}

// filterCalls applies a seccomp filter to all threads: what it refuses fails with
// EPERM.
func filterCalls(cfg *Config) (bool, error) {
	if !seccomp.Supported() {
		return false, nil
	}
	info, err := arch.GetInfo("")
	if err != nil {
		return false, nil // an architecture that the library does not know
	}
	known := slices.DeleteFunc(slices.Clone(refusedCalls), func(name string) bool {
		_, here := info.SyscallNames[name]
		return !here
	})
	var sockets []seccomp.NameWithConditions
	for _, family := range foreignSockets {
		if cfg.Probe && family == unix.AF_PACKET {
			continue
		}
		sockets = append(sockets, seccomp.NameWithConditions{Name: "socket", Conditions: seccomp.ArgumentConditions{
			{Argument: 0, Operation: seccomp.Equal, Value: family},
		}})
	}
	err = seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls: []seccomp.SyscallGroup{
				{Action: seccomp.ActionErrno, Names: known, NamesWithCondtions: sockets},
			},
		},
	})
	return err == nil, os.NewSyscallError("seccomp", err)
}
