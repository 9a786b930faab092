package cli

import (
	"net/netip"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
)

// probeFlags say how packets look and leave; every probing command has them.
func probeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "e", Usage: "leave through `IFACE` (default: what the route says)"},
		&cli.StringFlag{Name: "S", Usage: "source `ADDR`, one of this machine's own (default: what the route says)"},
		&cli.IntFlag{Name: "g", Usage: "source `PORT` (default: free ones, held for the run)"},
		&cli.IntFlag{Name: "ttl", Usage: "time to live or hop limit `N`"},
		&cli.IntFlag{Name: "tos", Usage: "type of service or traffic class `N`: 184 or 0xb8 is DSCP EF"},
		&cli.StringFlag{Name: "profile", Value: "linux", Usage: "`STACK` that the SYN looks like: " + profileNames()},
		&cli.StringFlag{Name: "timeout", Value: "1s", Usage: "wait at most `D` for the answer to one packet"},
		&cli.IntFlag{Name: "max-retries", Value: probe.DefaultRetries, Usage: "retransmit up to `N` times"},
		&cli.StringFlag{Name: "rate", Usage: "packets a second `R`: 1000, 50k, 2M, max (default: 10k, less while replies are lost here)"},
		&cli.StringFlag{Name: "engine", Value: "auto", Usage: "`HOW` packets leave: auto, raw or connect"},
	}
}

func profileNames() string {
	var names []string
	for _, p := range craft.Profiles() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// probeOptions are the values of probeFlags.
type probeOptions struct {
	Interface  string `flag:"e"`
	Source     string `flag:"S"`
	SourcePort int    `flag:"g"`
	TTL        int    `flag:"ttl"`
	TOS        int    `flag:"tos"`
	Profile    string `flag:"profile"`
	Timeout    string `flag:"timeout"`
	Retries    int    `flag:"max-retries"`
	Rate       string `flag:"rate"`
	Engine     string `flag:"engine"`
}

// probing is what probeOptions mean.
type probing struct {
	iface      string
	source     netip.Addr
	sourcePort uint16
	ttl, tos   uint8
	profile    craft.Profile
	timeout    time.Duration
	retries    int
	rate       float64 // 0: the default
	engine     string
	device     netraw.DeviceStamps
	looks      []string // the flags given that say how packets look

	load load
	dead deadHops // next hops that do not answer
}

func (o *common) probing() (p probing, err error) {
	p = probing{iface: o.Interface, engine: o.Engine}
	if err = p.checkLooks(o); err != nil {
		return p, err
	}
	if p.source, err = sourceOf(o.Source); err != nil {
		return p, err
	}
	err = inOrder(
		func() error { return o.within("g", o.SourcePort, 1, 65535) },
		func() error { return o.within("ttl", o.TTL, 1, 255) },
		func() error { return o.within("tos", o.TOS, 0, 255) },
		func() error { return o.within("max-retries", o.Retries, 0, probe.MaxRetries) },
	)
	if err != nil {
		return p, err
	}
	p.sourcePort, p.ttl, p.tos, p.retries = uint16(o.SourcePort), uint8(o.TTL), uint8(o.TOS), o.Retries
	if p.profile, err = craft.ProfileByName(o.Profile); err != nil {
		return p, usagef("--profile: %w", err)
	}
	return p, p.times(&o.probeOptions)
}

// checkLooks refuses what the engine cannot do: the kernel's own connections look
// as the kernel makes them.
func (p *probing) checkLooks(o *common) error {
	for _, name := range []string{"profile", "ttl", "tos"} {
		if o.given[name] {
			p.looks = append(p.looks, dashed(name))
		}
	}
	if p.engine == engineConnect {
		return p.plain("--engine connect")
	}
	return nil
}

// plain refuses flags about looks, for a way of probing without any.
func (p *probing) plain(how string) error {
	if len(p.looks) == 0 {
		return nil
	}
	return usagef("%s: %s leaves the packets to the kernel", p.looks[0], how)
}

func (p *probing) times(o *probeOptions) (err error) {
	if p.timeout, err = parseDuration(o.Timeout); err != nil {
		return usagef("--timeout: %w", err)
	}
	if p.timeout < time.Millisecond || p.timeout > time.Hour {
		return usagef("--timeout: %s: want 1ms to 1h", o.Timeout)
	}
	if o.Rate != "" {
		if p.rate, err = parseRate(o.Rate); err != nil {
			return usagef("--rate: %w", err)
		}
	}
	return nil
}

func sourceOf(word string) (netip.Addr, error) {
	if word == "" {
		return netip.Addr{}, nil
	}
	a, err := netip.ParseAddr(word)
	if err != nil {
		return a, usagef("-S: %q is no address", word)
	}
	return a, nil
}

// apply puts the values into a scan's configuration.
func (p *probing) apply(cfg *scan.Config) {
	cfg.Profile, cfg.TTL, cfg.TOS = p.profile, p.ttl, p.tos
	cfg.Timeout, cfg.Rate, cfg.FixedRate = p.timeout, p.rate, p.rate != 0
	cfg.Retries = noneOf(p.retries)
}

// network is the configuration of the raw connection for that many attempts a probe. Up to
// a rate at which that costs little, departures are time-stamped too, for better RTTs.
func (p *probing) network(attempts int) *netraw.Config {
	return &netraw.Config{
		Interface: p.iface, Source: p.source, SourcePort: p.sourcePort, TOS: p.tos,
		Ports:         min(attempts, netraw.MaxPorts),
		WatchOutgoing: p.rate <= watchedRate,
		DeviceStamps:  p.device,
	}
}

const watchedRate = 20_000

// flowPorts is how many source ports a series holds whose probes use many in turn: more
// than there are probes in flight, and than equal paths to a target.
const flowPorts = 64
