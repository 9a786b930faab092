package probe

import (
	"errors"
	"net/netip"
	"time"
)

// Defaults of every engine.
const (
	DefaultRate    = 10_000 // packets a second
	DefaultRetries = 3
	DefaultTimeout = time.Second
	MaxRetries     = 60
)

// Errors that end a scan before every target has its verdict. What was found
// until then has been handed out, and the summary tells how far it came.
var (
	// ErrNetworkDown means that packets could not leave any more.
	ErrNetworkDown = errors.New("the network went down during the run")
	// ErrInterrupted means that the context was cancelled.
	ErrInterrupted = errors.New("interrupted")
)

// A Sink takes the results of a scan as they come, from one goroutine. An
// error ends the scan.
type Sink interface {
	Port(Verdict) error
	Host(HostReport) error
}

// HostReport is what was noticed about a host as a whole.
type HostReport struct {
	Addr     netip.Addr
	Findings []Finding
}
