package cli

import (
	"context"
	"net/netip"

	"synscope/internal/report/units"
	"synscope/internal/target"
)

// wideAddresses is how many addresses may be scanned without a confirmation: a /16 is
// typed deliberately.
const wideAddresses = 1 << 16

// specialRanges are the special-purpose addresses of RFC 6890 and its registries, and
// multicast: nobody who scans a wide range means them. 64:ff9b::/96 is not among them,
// since it leads to public addresses.
var specialRanges = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
	"2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "ff00::/8",
}

// guardedTargets are the targets of a command line without the special-purpose addresses
// in wider ranges; a range of nothing else is left as it is. remarks say what was left
// out. More public addresses than wideAddresses are refused, unless exclusions or
// --yes-wide were given, or nothing is sent.
func (o *scanOptions) guardedTargets(ctx context.Context, s Streams) (set *target.Set, remarks []string, err error) {
	set, err = o.targetsWith(ctx, s, func(t *target.Options) {
		t.Reserved, t.ReserveAbove = specialPrefixes(), wideAddresses
		if o.shown.HostList { // which looks for hosts by ports of its own
			t.Ports, t.ExcludePorts = target.PortsOf(1), target.Ports{}
		}
	})
	if err != nil || set.Addresses() <= wideAddresses && set.LeftOut() == 0 {
		return set, nil, err
	}
	if n := set.Unreserved(); n > wideAddresses && !o.deliberate() {
		return nil, nil, usagef("%s public addresses: for more than %s, name those that must not be probed with --exclude-file, or say --yes-wide",
			units.Count(n), units.Count(wideAddresses))
	}
	if left := set.LeftOut(); left > 0 {
		remarks = []string{units.Count(left) + " special-purpose addresses (RFC 6890) are left out, " +
			"since no target names them by themselves"}
	}
	return set, remarks, nil
}

func specialPrefixes() (list []netip.Prefix) {
	for _, text := range specialRanges {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

// deliberate reports whether a wide scan is intended, or sends nothing.
func (o *scanOptions) deliberate() bool {
	return o.YesWide || len(o.ExcludeFiles) > 0 || o.Plan || o.DryRun
}
