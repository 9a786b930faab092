package handshake

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Config says what one connection of [Run] does. Target is required; the zero
// value of the rest opens, listens for DefaultQuiet, closes by FIN, and looks
// like Linux.
type Config struct {
	Target netip.AddrPort

	Data     []byte
	DataOn   DataOn
	Close    Ending
	Withhold Withhold
	// Watch is how long the peer is watched; see [Plan]. Default: while
	// something is withheld DefaultWatch, else not at all.
	Watch time.Duration
	Quiet time.Duration // 0 is DefaultQuiet

	FastOpen  bool   // ask for a cookie, or present Cookie (RFC 7413)
	Cookie    []byte // from an earlier connection
	ECN       bool   // offer RFC 3168
	AccECN    bool   // offer RFC 9768, which includes RFC 3168
	Multipath bool   // offer RFC 8684

	Profile  craft.Profile // the zero value is the first of craft.Profiles
	TTL, TOS uint8         // 0 is the profile's
	Timeout  time.Duration // first retransmission timeout; 0 is DefaultTimeout
	Retries  int           // of each segment; 0 is DefaultRetries, below 0 none

	// Limits of what the peer may send: bytes, segments, and the time for which
	// it may go on until it is quiet. Beyond them it is an endless sender, and
	// the connection is ended. 0 is the default, below 0 no limit.
	MaxBytes, MaxSegments int
	MaxTime               time.Duration

	// Rate is how many segments a second leave at most; acknowledgements that wait for each
	// other are sent as one (RFC 5681 §4.2). The SYN waits for its turn too, so that one
	// connection may follow another. 0: no bound.
	Rate float64

	// Port is the source port, one of those that the network holds; 0 is the
	// first.
	Port  uint16
	Known Known // from earlier connections to the same host
	// OnSegment is told of every segment as it leaves or arrives. The line
	// is valid during the call.
	OnSegment func(Line)
	// Random is where ISN and offsets come from; nil is crypto/rand.
	Random io.Reader

	past *oldNumbers // that those of the SYN have to follow; nil: none
}

// Defaults of Config. DefaultWatch outlasts Linux's half-open connections,
// which are forgotten after 63 s (tcp(7), tcp_synack_retries).
const (
	DefaultQuiet   = 250 * time.Millisecond
	DefaultWatch   = 70 * time.Second
	DefaultTimeout = time.Second
	DefaultRetries = 2

	DefaultMaxBytes    = 1 << 20
	DefaultMaxSegments = 4096
	DefaultMaxTime     = 30 * time.Second
)

// settleTime bounds how long a refusal waits for a contradiction.
const settleTime = 200 * time.Millisecond

func (c *Config) setDefaults() {
	c.Target = wire.Unmapped(c.Target)
	if c.Profile.Name == "" {
		c.Profile = craft.Profiles()[0]
	}
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	switch {
	case c.Retries == 0:
		c.Retries = DefaultRetries
	case c.Retries < 0:
		c.Retries = 0
	}
	c.Quiet = cmp.Or(c.Quiet, DefaultQuiet)
	if c.Watch == 0 && c.Withhold != WithholdNothing {
		c.Watch = DefaultWatch
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	setLimit(&c.MaxBytes, DefaultMaxBytes)
	setLimit(&c.MaxSegments, DefaultMaxSegments)
	setLimit(&c.MaxTime, DefaultMaxTime)
}

// setLimit turns what a Config says of a limit into what a Plan does.
func setLimit[T int | time.Duration](v *T, otherwise T) {
	switch {
	case *v == 0:
		*v = otherwise
	case *v < 0:
		*v = 0
	}
}

// plan lays the connection out for a route and a source port.
func (c *Config) plan(route netraw.Route, port uint16) (*Plan, error) {
	var random [16]byte
	if _, err := io.ReadFull(c.Random, random[:]); err != nil {
		return nil, fmt.Errorf("choosing an ISN: %w", err)
	}
	p := &Plan{
		Clock: binary.BigEndian.Uint32(random[4:]), Question: ^craft.Seq(binary.BigEndian.Uint32(random[12:])),
		Data: c.Data, DataOn: c.DataOn, Close: c.Close, Withhold: c.Withhold,
		Watch: c.Watch, Quiet: c.Quiet, Settle: min(settleTime, c.Timeout),
		Timeout: c.Timeout, Retries: c.Retries,
		MaxBytes: c.MaxBytes, MaxSegments: c.MaxSegments, MaxTime: c.MaxTime,
		MSS: segmentRoom(route.MTU, c.Target.Addr()), Mark: c.ECN,
	}
	src := netip.AddrPortFrom(route.Source, port)
	dst := netip.AddrPortFrom(c.Target.Addr().WithZone(""), c.Target.Port())
	isn := craft.Seq(binary.BigEndian.Uint32(random[:]))
	if c.past != nil {
		isn, p.Clock = c.past.followedBy(isn, p.Clock)
	}
	p.SYN = c.Profile.SYN(src, dst, isn, interfaceMSS(route.MTU, dst.Addr()), p.Clock)
	p.SYN.ID = binary.BigEndian.Uint16(random[8:])
	if !dst.Addr().Is4() {
		p.SYN.ID = 0
	}
	if c.TTL != 0 {
		p.SYN.TTL = c.TTL
	}
	p.SYN.TOS = c.TOS
	return p, c.offer(&p.SYN)
}

// Preview is the SYN that [Run] would send from a source, ISN and all, without a
// network.
func Preview(cfg Config, source netip.AddrPort) (craft.Segment, error) {
	cfg.setDefaults()
	p, err := cfg.plan(netraw.Route{Source: source.Addr()}, source.Port())
	if err != nil {
		return craft.Segment{}, err
	}
	s := NewSession(p)
	_, actions := Step(s, Event{Kind: Start})
	return actions[0].Segment, nil
}

// offer adds to the SYN what was asked for beside its profile.
func (c *Config) offer(syn *craft.Segment) (err error) {
	switch {
	case c.AccECN:
		syn.Flags |= ecnFlags
	case c.ECN:
		syn.Flags |= craft.ECE | craft.CWR
	}
	var more []craft.Option
	if c.FastOpen {
		more = append(more, craft.FastOpen(c.Cookie))
	}
	if c.Multipath {
		more = append(more, craft.MPTCP([]byte{mpCapable<<4 | mpVersion, mpHMAC}))
	}
	if len(more) == 0 {
		return nil
	}
	var list []craft.Option
	for option := range syn.Options.All() {
		if option.Kind != craft.KindEOL {
			list = append(list, option)
		}
	}
	if syn.Options, err = craft.NewOptions(append(list, more...)...); errors.Is(err, craft.ErrOptionsTooLong) {
		return fmt.Errorf("the options of profile %s leave no room: try --profile minimal: %w", c.Profile.Name, err)
	}
	return err
}

// An MP_CAPABLE of version 1 on a SYN: subtype and version, and the flag for
// HMAC-SHA256 (RFC 8684 §3.1).
const (
	mpVersion = 1
	mpHMAC    = 1
)

// ethernetMTU bounds the MSS that a SYN announces, as a host on Ethernet would.
const ethernetMTU = 1500

// interfaceMSS is what our SYN to an address announces; 0 where the MTU is not known.
func interfaceMSS(mtu int, to netip.Addr) uint16 {
	if mtu == 0 {
		return 0
	}
	return uint16(min(mtu, ethernetMTU) - headersOf(to))
}

// segmentRoom is the payload of a full segment with timestamps, to an address.
func segmentRoom(mtu int, to netip.Addr) int {
	if mtu == 0 || mtu > ethernetMTU {
		mtu = ethernetMTU
	}
	return mtu - headersOf(to) - stampLen
}

// stampLen is what timestamps take in every segment, padding included.
const stampLen = 12

// headersOf is the size of the IP and TCP headers without options, between addresses
// of one version.
func headersOf(a netip.Addr) int {
	if a.Is4() {
		return 40
	}
	return 60
}

// After is what is known of the host after one more connection.
func (k Known) After(r *Result) Known {
	if r.State == probe.StateOpen && r.Reply != nil {
		k.TTL = r.Reply.TTL
		if r.RTT > 0 && (k.RTT == 0 || r.RTT < k.RTT) {
			k.RTT = r.RTT
		}
	}
	port := r.Target.Port()
	full := slices.ContainsFunc(r.Findings, func(f probe.Finding) bool {
		return f.Code == "accept-queue-full" || f.Code == "accept-queue-reset"
	})
	if full && !slices.Contains(k.FullQueues, port) {
		k.FullQueues = append(slices.Clip(k.FullQueues), port)
	}
	return k
}
