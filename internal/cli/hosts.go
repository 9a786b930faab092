package cli

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"synscope/internal/target"
)

// hostsVariable names a file in the manner of hosts(5) whose names go before the
// system's: the demo's shell has one.
const hostsVariable = "SYNSCOPE_HOSTS"

// hostNames resolves names of a file, and leaves others to the system.
type hostNames map[string][]netip.Addr

// systemResolver is that of the process, nil for the system's own.
func systemResolver() target.Resolver {
	f, err := os.Open(os.Getenv(hostsVariable))
	if err != nil {
		return nil
	}
	defer f.Close()
	names := hostNames{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		if a, err := netip.ParseAddr(words[0]); err == nil {
			for _, name := range words[1:] {
				names[name] = append(names[name], a)
			}
		}
	}
	return names
}

func (h hostNames) LookupNetIP(ctx context.Context, network, name string) ([]netip.Addr, error) {
	known := slices.DeleteFunc(slices.Clone(h[name]), func(a netip.Addr) bool {
		return network == "ip4" && !a.Is4() || network == "ip6" && a.Is4()
	})
	if len(known) > 0 {
		return known, nil
	}
	return net.DefaultResolver.LookupNetIP(ctx, network, name)
}
