package target

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"
)

// Family restricts targets to one version of IP. The zero value accepts both.
type Family uint8

const (
	AnyFamily Family = iota
	IPv4             // -4
	IPv6             // -6
)

// String returns "IP", "IPv4" or "IPv6".
func (f Family) String() string {
	return [...]string{"IP", "IPv4", "IPv6"}[f]
}

// network is f as net.Resolver.LookupNetIP wants it.
func (f Family) network() string {
	return [...]string{"ip", "ip4", "ip6"}[f]
}

// accepts reports whether a belongs to f.
func (f Family) accepts(a netip.Addr) bool {
	return f == AnyFamily || f == familyOf(a)
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// A Resolver turns a host name into addresses, the preferred one first.
// network is "ip", "ip4" or "ip6". *net.Resolver is one. Lookups run
// concurrently.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options says what beside the words themselves makes up a Set. The zero value
// asks for the default ports of every address, of either family, with nothing
// excluded.
type Options struct {
	// Ports are probed at every target that names none of its own.
	// The zero Ports means DefaultPorts.
	Ports Ports

	// Family refuses targets of the other family and chooses among the
	// addresses of a host name.
	Family Family

	// Lists are files of further targets; "-" reads Stdin.
	Lists []string

	// Exclude holds target words, or several separated by commas, that are
	// not probed whoever else asks for them; ExcludeFiles are lists of such
	// words. A word with ports excludes only those. An address without a zone
	// is excluded in every zone, a name with all its addresses.
	Exclude      []string
	ExcludeFiles []string

	// ExcludePorts are probed nowhere.
	ExcludePorts Ports

	// Reserved are ranges that nobody means who names a wider one. A Set of more
	// than ReserveAbove addresses leaves them out, but for those of words that
	// lie wholly in them.
	Reserved     []netip.Prefix
	ReserveAbove uint64

	// SkipBad turns a target that does not parse or resolve into a Warning.
	// A bad exclusion stays an error: skipping it would probe what must not be.
	SkipBad bool

	// Stdin is what the list named "-" reads.
	Stdin io.Reader

	// Patience is how long the names of targets are waited for, all together; 0:
	// for as long as the resolver takes. Exclusions are always waited for.
	Patience time.Duration

	// Resolver defaults to net.DefaultResolver.
	Resolver Resolver
}

func (o *Options) resolver() Resolver {
	if o.Resolver == nil {
		return net.DefaultResolver
	}
	return o.Resolver
}

func (o *Options) ports() Ports {
	if o.Ports.Len() == 0 {
		return DefaultPorts()
	}
	return o.Ports
}
