package probe

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/netip"
	"time"

	"synscope/craft"
)

// ScanConfig says what to probe, and how. Only Targets must be set.
type ScanConfig struct {
	Technique *Technique               // default: syn
	Targets   iter.Seq[netip.AddrPort] // each exactly once, in the order of probing
	Total     uint64                   // how many Targets there are; 0: not known

	Rate      float64 // packets a second; 0: DefaultRate; +Inf: no bound
	FixedRate bool    // keep to Rate even while the kernel drops replies

	Retries int           // transmissions after the first; negative: none; 0: DefaultRetries
	Timeout time.Duration // longest wait for one answer; 0: DefaultTimeout

	Profile craft.Profile // look of the SYN; the zero value: the first of craft.Profiles
	TTL     uint8         // 0: the profile's
	TOS     uint8

	Key      [16]byte // of the probes' numbers; the zero value: random
	Canaries bool     // check hosts that look too good to be true

	OnProgress func(Progress) // called from the engine's goroutine, 4 times a second
}

// Scan probes every target over network and hands each verdict to sink once.
//
// Cancelling ctx stops the sending; Scan waits for the answers that are still
// due, hands them out, and returns [ErrInterrupted]. Other errors are
// [ErrNetworkDown], the sink's, and those of a configuration that cannot work.
// The summary is valid in each case.
func Scan(ctx context.Context, network Network, cfg ScanConfig, sink Sink) (Summary, error) {
	if err := cfg.complete(network); err != nil {
		return Summary{}, err
	}
	e, err := newEngine(network, &cfg, sink)
	if err != nil {
		return Summary{}, err
	}
	err = e.run(ctx)
	return e.summary(), err
}

// complete fills in what was left to us.
func (c *ScanConfig) complete(network Network) error {
	if c.Targets == nil {
		return errors.New("scan: no targets")
	}
	if len(network.Ports()) == 0 {
		return errors.New("scan: no source port is held")
	}
	if c.Retries > MaxRetries {
		return fmt.Errorf("scan: %d retries: at most %d", c.Retries, MaxRetries)
	}
	if c.Rate < 0 || math.IsNaN(c.Rate) {
		return fmt.Errorf("scan: a rate of %v packets a second", c.Rate)
	}
	c.setDefaults()
	return nil
}

func (c *ScanConfig) setDefaults() {
	if c.Rate == 0 {
		c.Rate = DefaultRate
	}
	switch {
	case c.Retries == 0:
		c.Retries = DefaultRetries
	case c.Retries < 0:
		c.Retries = 0
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	l := c.look().complete()
	c.Technique, c.Profile, c.Key = l.technique, l.profile, l.key
}

// look is what the probes have in common.
func (c *ScanConfig) look() look {
	return look{technique: c.Technique, profile: c.Profile, ttl: c.TTL, tos: c.TOS, key: c.Key}
}

// attempts is the most transmissions of one probe: one more than the retries,
// and another where an old connection stood in the way.
func (c *ScanConfig) attempts() int { return c.Retries + 2 }
