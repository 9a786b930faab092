package simnet

import (
	"cmp"
	"time"
)

// App is what the program behind a Listener does with a connection. The zero
// value reads everything, says nothing, and closes when the peer does.
type App struct {
	Banner []byte // sent as soon as the connection is accepted
	Echo   bool   // sends back what it receives
	Hangup bool   // closes as soon as the banner is sent

	OnFIN OnFIN
	// Linger is how long the program takes to close after the peer's FIN. At
	// 0 the two segments merge into one FIN-ACK: a close in three steps.
	Linger time.Duration

	// RTO is the first retransmission timeout, doubled each time (RFC 6298
	// §5.5); 0 is one second. After Retries of them, 0 being 5, the
	// connection is given up.
	RTO     time.Duration
	Retries int
	// NoTimeWait forgets a connection that we closed as soon as the peer's
	// FIN is acknowledged.
	NoTimeWait bool
}

// OnFIN is what the program does when the peer has closed its half.
type OnFIN uint8

// CloseToo closes the other half, HalfClosed never does, ResetOnFIN aborts.
const (
	CloseToo OnFIN = iota
	HalfClosed
	ResetOnFIN
)

func (a *App) rto(tries int) time.Duration {
	first := cmp.Or(a.RTO, time.Second)
	return first << tries
}

func (a *App) retries() int {
	if a.Retries == 0 {
		return 5
	}
	return a.Retries
}
