package craft

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ErrNoProfile says that no stack is known by a name.
var ErrNoProfile = errors.New("no such profile")

// A Profile is the SYN of one family of TCP stacks: everything in it that does
// not depend on the connection. The zero Profile sends no options, a window of
// zero and a TTL of zero: start from [Profiles] or [ProfileByName].
type Profile struct {
	Name        string
	Source      string // where the layout comes from
	TTL         uint8
	DF          bool
	Window      uint16
	WholeMSS    bool         // the window is rounded down to a multiple of the MSS
	WindowScale uint8        // shift count, where Layout has the option
	Layout      []OptionKind // in wire order; fixed-content kinds, MSS, scale, timestamps
}

// Profiles returns all profiles, the default one first. The slice is the
// caller's own.
func Profiles() []Profile {
	list := slices.Clone(profiles[:])
	for i := range list {
		list[i].Layout = slices.Clone(list[i].Layout)
	}
	return list
}

// ProfileByName returns the profile of that name, in any case, or an error
// that wraps [ErrNoProfile] and names those there are.
func ProfileByName(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if strings.EqualFold(p.Name, name) {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("%w: %q; there are %s", ErrNoProfile, name, strings.Join(names, ", "))
}

// SYN returns the segment with which such a stack opens a connection. An mss
// of zero stands for what fits into Ethernet: 1460 over IPv4, 1440 over IPv6.
// tsval is ignored by layouts without timestamps. The IP ID is left zero.
func (p Profile) SYN(src, dst netip.AddrPort, isn Seq, mss uint16, tsval uint32) Segment {
	mss = cmp.Or(mss, ethernetMSS(dst.Addr()))
	return Segment{
		Src: src, Dst: dst,
		TTL:     p.TTL,
		DF:      p.DF && dst.Addr().Is4(),
		Seq:     isn,
		Flags:   SYN,
		Window:  p.window(mss),
		Options: p.options(mss, tsval),
	}
}

func (p Profile) window(mss uint16) uint16 {
	if p.WholeMSS && mss <= p.Window {
		return p.Window - p.Window%mss
	}
	return p.Window
}

// options encodes the layout; kinds with contents that a profile does not
// define are sent empty. A layout of more than [MaxOptions] bytes, which none
// of the profiles here has, is cut to none.
func (p Profile) options(mss uint16, tsval uint32) Options {
	var list []Option
	for _, kind := range p.Layout {
		switch kind {
		case KindMSS:
			list = append(list, MSS(mss))
		case KindWindowScale:
			list = append(list, WindowScale(p.WindowScale))
		case KindTimestamps:
			list = append(list, Timestamps(tsval, 0))
		default:
			list = append(list, Option{Kind: kind})
		}
	}
	o, err := NewOptions(list...)
	if err != nil {
		return nil
	}
	return o
}

func ethernetMSS(a netip.Addr) uint16 {
	if a.Is4() {
		return 1500 - ipv4HeaderLen - tcpHeaderLen
	}
	return 1500 - ipv6HeaderLen - tcpHeaderLen
}
