package probe

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"synscope/netraw"
)

// What engines do where it is left to them, unless the field of their configuration
// says otherwise: package scan begins slower, and retransmits as often as the loss asks.
const (
	DefaultRate    = 10_000      // packets a second
	DefaultRetries = 3           // transmissions after the first
	DefaultTimeout = time.Second // wait for one answer
	MaxRetries     = 60          // that a configuration may ask for
)

// Rates of a scan whose configuration names none, in packets a second. It begins at
// FirstRate and grows to one of the others, by where most care is needed of the targets
// that it has begun: so many of its packets a second at most stay without an answer. Every
// answer lets one more leave, up to LocalRate in all.
const (
	FirstRate  = 2_000
	RoutedRate = 1 * DefaultRate  // through a router: what a home router's connection tracking and uplink survive
	LinkRate   = 5 * DefaultRate  // on a link of this machine
	LocalRate  = 20 * DefaultRate // to this machine itself
)

// Errors that end a scan before every target has its verdict. What was found
// until then has been handed out, and the summary tells how far it came.
var (
	// ErrNetworkDown means that packets could not leave any more.
	ErrNetworkDown = errors.New("the network went down during the run")
	// ErrNothingSent means that this machine let none of a run's packets out.
	ErrNothingSent = errors.New("no packet could leave")
	// ErrWentSilent means that every host of a run that had answered answers nothing
	// any more, not even on a port that had answered.
	ErrWentSilent = errors.New("the targets went silent during the run: nothing answers any more, not even what had answered")
	// ErrInterrupted means that the context was cancelled.
	ErrInterrupted = errors.New("interrupted")
)

// A Sink takes the results of a scan as they come, from one goroutine. An
// error ends the scan.
type Sink interface {
	Port(Verdict) error
	Host(HostReport) error
}

// HostReport is what a run found out about a host as a whole.
type HostReport struct {
	Addr   netip.Addr
	State  HostState
	Reason Reason // what the host answered first; why it is down; "" unless State is known

	// RTT is the round trip of that first answer; zero where none was measured.
	RTT   time.Duration
	Clock netraw.Clock     // behind RTT
	TTL   uint8            // with which that answer arrived; 0 where it was none of IP, or was not seen
	MAC   net.HardwareAddr // where it is on the link, nil elsewhere

	Began time.Time // when it was first asked
	Time  time.Time // of the answer or of giving up; after a scan, of its last verdict

	Ports    int      // ports probed
	Loss     HostLoss // measured while its ports were probed
	Findings []Finding
	Err      error // why it could not be asked, nil otherwise
}

// HostLoss counts transmissions to ports that answered in the end: silent ports
// say nothing of loss, since a filter is silent too.
type HostLoss struct {
	Sent       uint64 // until the one that was answered
	Unanswered uint64 // of those
}

// Share is the measured share of transmissions without an answer, 0 to 1; ok is
// false where nothing was measured.
func (l HostLoss) Share() (share float64, ok bool) {
	if l.Sent == 0 {
		return 0, false
	}
	return float64(l.Unanswered) / float64(l.Sent), true
}
