package wire

import (
	"fmt"
	"math"
	"time"

	"synscope/probe"
)

// Defaults fills in what was left to us: negative retries are none.
func Defaults(rate *float64, retries *int, timeout *time.Duration) {
	if *rate == 0 {
		*rate = probe.DefaultRate
	}
	switch {
	case *retries == 0:
		*retries = probe.DefaultRetries
	case *retries < 0:
		*retries = 0
	}
	if *timeout <= 0 {
		*timeout = probe.DefaultTimeout
	}
}

// Check tells what of a configuration cannot work; who is the command that says so.
func Check(who string, n probe.Network, rate float64, retries int) error {
	switch {
	case len(n.Ports()) == 0:
		return fmt.Errorf("%s: no source port is held", who)
	case retries > probe.MaxRetries:
		return fmt.Errorf("%s: %d retries: at most %d", who, retries, probe.MaxRetries)
	case rate < 0 || math.IsNaN(rate):
		return fmt.Errorf("%s: a rate of %v packets a second", who, rate)
	}
	return nil
}
