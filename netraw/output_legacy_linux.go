package netraw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The interface of the older iptables, getsockopt(2) on a raw socket:
// include/uapi/linux/netfilter_ipv4/ip_tables.h and its IPv6 twin, which has the
// same numbers.
const (
	xtGetInfo    = 64 // IPT_SO_GET_INFO
	xtGetEntries = 65 // IPT_SO_GET_ENTRIES

	xtOutput      = 3 // NF_INET_LOCAL_OUT
	xtPostrouting = 4 // NF_INET_POST_ROUTING
	xtNoChain     = 1<<32 - 1
	xtAccept      = -2 // -NF_ACCEPT - 1
)

// xtInfo is struct ipt_getinfo.
type xtInfo struct {
	name       [32]byte
	validHooks uint32
	hookEntry  [5]uint32 // where a hook's rules begin
	underflow  [5]uint32 // and its policy, the last of them
	entries    uint32
	size       uint32
}

// xtFamily is one of the two.
type xtFamily struct {
	domain, level int
	names         string // the file that lists the tables there are
	target        int    // offset of target_offset in an entry
}

var xtFamilies = []xtFamily{
	{unix.AF_INET, unix.SOL_IP, "/proc/thread-self/net/ip_tables_names", 84 + 4},
	{unix.AF_INET6, unix.SOL_IPV6, "/proc/thread-self/net/ip6_tables_names", 136 + 4},
}

// xtTables are the tables that can take a packet: iptables(8).
var xtTables = []string{"filter", "mangle", "raw", "security"}

// legacyOutput names a table of the older iptables that has rules, or a policy,
// for output.
func legacyOutput(what obstacle) (string, error) {
	for _, f := range xtFamilies {
		tables, err := f.tables(what)
		if err != nil {
			return "", err
		}
		for _, table := range tables {
			takes, err := f.takes(table)
			if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOPROTOOPT) {
				continue
			}
			if err != nil {
				return "", fmt.Errorf("table %s: %w", table, err)
			}
			if takes {
				return fmt.Sprintf("table %q of the older iptables", table), nil
			}
		}
	}
	return "", nil
}

// tables are those there are. One that nobody made is not asked about, since that
// would make it; but in a user namespace the list belongs to the machine's root,
// and there all are asked about: an empty table in a namespace of one's own is
// the lesser evil.
func (f xtFamily) tables(what obstacle) ([]string, error) {
	wanted := xtTables
	if what != rulesThatTake {
		wanted = append(slices.Clone(wanted), "nat")
	}
	names, err := os.ReadFile(f.names)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return wanted, nil
	}
	there := strings.Fields(string(names))
	return slices.DeleteFunc(slices.Clone(wanted), func(t string) bool { return !slices.Contains(there, t) }), err
}

func (f xtFamily) takes(table string) (bool, error) {
	fd, err := unix.Socket(f.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return false, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	var info xtInfo
	copy(info.name[:], table)
	length := uint32(unsafe.Sizeof(info))
	if err := getsockopt(fd, f.level, xtGetInfo, unsafe.Pointer(&info), &length); err != nil {
		return false, err
	}
	for _, hook := range []int{xtOutput, xtPostrouting} {
		if info.validHooks&(1<<hook) == 0 || info.hookEntry[hook] == xtNoChain {
			continue
		}
		if info.hookEntry[hook] != info.underflow[hook] {
			return true, nil
		}
		accepts, err := f.accepts(fd, &info, int(info.underflow[hook]))
		if err != nil || !accepts {
			return true, err
		}
	}
	return false, nil
}

// accepts reads the policy that stands at an offset of the table: its target is a
// struct xt_standard_target, whose verdict follows 32 bytes of head.
func (f xtFamily) accepts(fd int, info *xtInfo, at int) (bool, error) {
	const head = 32 + 4 + 4 // struct ipt_get_entries: name, size, and up to 8-byte alignment
	b := make([]byte, head+int(info.size))
	copy(b, info.name[:])
	binary.NativeEndian.PutUint32(b[32:], info.size)
	length := uint32(len(b))
	if err := getsockopt(fd, f.level, xtGetEntries, unsafe.Pointer(&b[0]), &length); err != nil {
		return false, err
	}
	entry := b[head:]
	if at+f.target+2 > len(entry) {
		return false, fs.ErrInvalid
	}
	target := at + int(binary.NativeEndian.Uint16(entry[at+f.target:]))
	if target+36 > len(entry) {
		return false, fs.ErrInvalid
	}
	name := entry[target+2 : target+31] // "" for a verdict
	verdict := int32(binary.NativeEndian.Uint32(entry[target+32:]))
	return slices.Equal(bytes.TrimRight(name, "\x00"), nil) && verdict == xtAccept, nil
}

func getsockopt(fd, level, name int, value unsafe.Pointer, length *uint32) error {
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(value), uintptr(unsafe.Pointer(length)), 0)
	if errno != 0 {
		return os.NewSyscallError("getsockopt", errno)
	}
	return nil
}
