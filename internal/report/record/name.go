package record

import (
	"net/netip"
	"strings"
	"unicode"

	"synscope/internal/report/units"
)

// HostOf is how people know the host of a port.
func HostOf(p *Port) string { return NameOf(p.Target, p.Addr) }

// NameOf is how people know a host: the name they typed with its address, or
// the address where what they typed is an address or stands for many.
func NameOf(target string, a netip.Addr) string {
	addr := a.String()
	if name := HostName(target); name != "" {
		return units.Printable(name) + " (" + addr + ")"
	}
	return addr
}

// HostName is the name in a target word, without a port, or "".
func HostName(target string) string {
	name, _, _ := strings.Cut(target, ":")
	if strings.Count(target, ":") > 1 || strings.ContainsAny(name, "/[") {
		return ""
	}
	if !strings.ContainsFunc(name, unicode.IsLetter) {
		return ""
	}
	return name
}
