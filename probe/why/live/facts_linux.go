package live

import (
	"bufio"
	"bytes"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"synscope/netraw"
)

// counters are those of this machine that discarded packets raise.
type counters struct {
	drops   uint64 // of the interface, either way, and of the queues between it and IP
	reverse uint64 // IPReversePathFilter: fib_validate_source in net/ipv4/fib_frontend.c
}

// read reads them; what cannot be read is zero, so that nothing comes of it.
func read(link string) (c counters) {
	c.reverse = netstat("IPReversePathFilter")
	if l, err := netraw.LinkByName(link); err == nil {
		c.drops = l.Dropped
	}
	return c
}

// netstat is a counter of TcpExt in /proc/net/netstat: a line of names, then one of values.
func netstat(name string) uint64 {
	b, err := os.ReadFile("/proc/self/net/netstat")
	if err != nil {
		return 0
	}
	lines := strings.Split(string(b), "\n")
	for n := 0; n+1 < len(lines); n += 2 {
		names, values := strings.Fields(lines[n]), strings.Fields(lines[n+1])
		for k := range min(len(names), len(values)) {
			if names[k] == name {
				v, _ := strconv.ParseUint(values[k], 10, 64)
				return v
			}
		}
	}
	return 0
}

// linkDown reports whether an interface is down, or without a carrier.
func linkDown(name string) (down, known bool) {
	l, err := netraw.LinkByName(name)
	return err == nil && !l.Up, err == nil
}

// conntrack is how full this machine's connection tracking is: nf_conntrack-sysctl
// in the kernel's documentation.
func conntrack() (count, most uint64, known bool) {
	count, ok := number("/proc/sys/net/netfilter/nf_conntrack_count")
	most, known = number("/proc/sys/net/netfilter/nf_conntrack_max")
	return count, most, ok && known && most > 0
}

func number(path string) (uint64, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	v, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64)
	return v, err == nil
}

// EphemeralPorts is the range from which this machine's kernel takes source ports:
// ip(7), ip_local_port_range.
func EphemeralPorts() (first, last int) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err == nil {
		if f := strings.Fields(string(b)); len(f) == 2 {
			first, _ = strconv.Atoi(f[0])
			last, _ = strconv.Atoi(f[1])
		}
	}
	if first == 0 || last < first {
		return 32768, 60999
	}
	return first, last
}

// nearlyAll is the share of the source ports that have to be in use.
const nearlyAll = 0.97

// portsExhausted reports whether nearly all of them are.
func portsExhausted(netip.Addr) bool {
	first, last := EphemeralPorts()
	used := map[uint64]bool{}
	for _, path := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		usedPorts(path, used)
	}
	n := 0
	for p := range used {
		if int(p) >= first && int(p) <= last {
			n++
		}
	}
	return float64(n) >= nearlyAll*float64(last-first+1)
}

// usedPorts adds the local ports of /proc/net/tcp, proc(5).
func usedPorts(path string, used map[uint64]bool) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		_, port, _ := strings.Cut(fields[1], ":")
		if p, err := strconv.ParseUint(port, 16, 16); err == nil {
			used[p] = true
		}
	}
}
