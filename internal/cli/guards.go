package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sort"
	"sync"

	"github.com/urfave/cli/v2"

	"synscope/internal/report"
	"synscope/internal/target"
)

// wideAddresses is how many addresses a person may ask for without being asked
// back: a /16 is typed deliberately. Up to that nothing is guarded.
const wideAddresses = 1 << 16

// specialRanges are what RFC 6890 and the registries that it founded keep from
// being anybody's public address, multicast included: nobody who scans a wide
// range means them. 64:ff9b::/96 is not among them, it leads to public ones.
var specialRanges = []string{
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
	"2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "ff00::/8",
}

// guard reads the targets of a command line as often as it takes to tell what
// was asked for from what a wide range merely includes.
type guard struct {
	c        *cli.Context
	streams  Streams
	stdin    []byte // read once, where a list is read from there
	resolver remembering
}

// guardedTargets are the targets of a command line without the special-purpose
// addresses that lie in a wider word: one that lies wholly in them asks for
// them. remarks say what was left out. More public addresses than wideAddresses
// are refused, unless what must not be probed was named, or that is said to be
// intended; a plan may always be looked at.
func guardedTargets(c *cli.Context, s Streams) (set *target.Set, remarks []string, err error) {
	g := guard{c: c, streams: s, resolver: remembering{inner: s.Resolver, known: map[string]lookup{}}}
	if err := g.readStdin(); err != nil {
		return nil, nil, usage(err)
	}
	all, err := targets(c, g.rewound())
	if err != nil || all.Addresses() <= wideAddresses {
		return all, nil, err
	}
	public, err := g.parse(specialRanges)
	if err != nil && !errors.Is(err, target.ErrEmpty) {
		return nil, nil, usage(err)
	}
	if n := public.Addresses(); n > wideAddresses && !g.deliberate() {
		return nil, nil, usagef("%s public addresses: for more than %s, name those that must not be probed with --exclude-file, or say --yes-wide",
			report.Count(n), report.Count(wideAddresses))
	}
	if set, err = g.withAsked(public, asked(all, public)); err != nil {
		return nil, nil, usage(err)
	}
	if left := all.Addresses() - set.Addresses(); left > 0 {
		remarks = []string{report.Count(left) + " special-purpose addresses (RFC 6890) are left out, " +
			"since no target names them by themselves"}
	}
	return set, remarks, nil
}

// deliberate tells whether a wide scan was thought about, or sends nothing.
func (g *guard) deliberate() bool {
	return g.c.Bool("yes-wide") || len(g.c.StringSlice("exclude-file")) > 0 ||
		g.c.Bool("plan") || g.c.Bool("dry-run")
}

// asked are the words of which the special ranges leave nothing, though
// something was left before: they name such addresses themselves.
func asked(all, public *target.Set) (words []string) {
	before := map[target.Warning]bool{}
	for _, w := range all.Warnings() {
		before[w] = true
	}
	for _, w := range public.Warnings() {
		if w.Code == target.WarnExcluded && !before[w] {
			words = append(words, w.Word)
		}
	}
	return words
}

// withAsked is the public targets, and what words ask for beside them.
func (g *guard) withAsked(public *target.Set, words []string) (*target.Set, error) {
	if len(words) == 0 {
		return public, nil
	}
	var skip []netip.Prefix
	for _, text := range specialRanges {
		skip = append(skip, netip.MustParsePrefix(text))
	}
	for _, word := range words {
		set, err := target.Parse(g.c.Context, []string{word}, target.Options{Ports: target.PortsOf(1), Resolver: &g.resolver})
		if err != nil {
			return nil, err
		}
		for r := range addressRanges(set) {
			skip = allWithout(skip, r)
		}
	}
	exclude := []string{}
	for _, p := range skip {
		exclude = append(exclude, p.String())
	}
	return g.parse(exclude)
}

// parse reads the targets with further exclusions. The set is valid with
// [target.ErrEmpty] too.
func (g *guard) parse(exclude []string) (*target.Set, error) {
	s := g.rewound()
	opts, err := targetOptions(g.c, s)
	if err != nil {
		return nil, err
	}
	opts.Exclude = append(slices.Clone(opts.Exclude), exclude...)
	return target.Parse(g.c.Context, g.c.Args().Slice(), opts)
}

func (g *guard) rewound() Streams {
	s := g.streams
	s.Resolver = &g.resolver
	if g.stdin != nil {
		s.In = bytes.NewReader(g.stdin)
	}
	return s
}

func (g *guard) readStdin() (err error) {
	lists := append(g.c.StringSlice("iL"), g.c.StringSlice("exclude-file")...)
	if slices.Contains(lists, "-") && g.streams.In != nil {
		g.stdin, err = io.ReadAll(g.streams.In)
	}
	return err
}

// addressRanges walks the ranges of a set made of one word, all of whose
// addresses have equally many ports. Ends are found by doubling and halving
// steps, so a range costs the logarithm of its size.
func addressRanges(s *target.Set) func(yield func(span) bool) {
	return func(yield func(span) bool) {
		ports := uint64(sort.Search(1<<16, func(k int) bool {
			return uint64(k) >= s.Count() || s.At(uint64(k)).Addr() != s.At(0).Addr()
		}))
		for i, addresses := uint64(0), s.Count()/ports; i < addresses; {
			first := s.At(i * ports).Addr()
			n := streak(addresses-i, func(k uint64) bool { return s.At((i+k)*ports).Addr() == addressAfter(first, k) })
			last := s.At((i + n - 1) * ports).Addr()
			if !yield(span{first.WithZone(""), last.WithZone("")}) {
				return
			}
			i += n
		}
	}
}

// streak is for how many numbers from 0 on, up to limit, holds is true, given that
// it never is again once it is not.
func streak(limit uint64, holds func(uint64) bool) uint64 {
	low, high := uint64(0), uint64(1)
	for high < limit && holds(high) {
		low, high = high, min(2*high, limit)
	}
	for low+1 < high {
		if mid := low + (high-low)/2; holds(mid) {
			low = mid
		} else {
			high = mid
		}
	}
	return low + 1
}

// addressAfter is the k-th address after a.
func addressAfter(a netip.Addr, k uint64) netip.Addr {
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(k))
		return netip.AddrFrom4(b)
	}
	b := a.As16()
	low := binary.BigEndian.Uint64(b[8:]) + k
	if low < k {
		binary.BigEndian.PutUint64(b[:], binary.BigEndian.Uint64(b[:])+1)
	}
	binary.BigEndian.PutUint64(b[8:], low)
	return netip.AddrFrom16(b).WithZone(a.Zone())
}

// remembering asks a resolver once for each name, so that words which are read
// again mean the same addresses.
type remembering struct {
	inner target.Resolver // nil: the system's
	mu    sync.Mutex
	known map[string]lookup
}

type lookup struct {
	addrs []netip.Addr
	err   error
}

// LookupNetIP is that of [target.Resolver].
func (r *remembering) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	key := network + " " + host
	r.mu.Lock()
	l, known := r.known[key]
	r.mu.Unlock()
	if known {
		return l.addrs, l.err
	}
	inner := r.inner
	if inner == nil {
		inner = net.DefaultResolver
	}
	l.addrs, l.err = inner.LookupNetIP(ctx, network, host)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[key] = l
	return l.addrs, l.err
}
