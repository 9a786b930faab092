package probe

import (
	"context"
	"net/netip"

	"synscope/netraw"
)

// Dialer makes a whole connection through the kernel's own TCP and closes it
// at once. [netraw.Dialer] is the real one.
type Dialer interface {
	Dial(ctx context.Context, dst netip.AddrPort) (netraw.Handshake, error)
}

// ConnectTechnique is the name of what package connect does. It is none of
// [Techniques], since it crafts no segment.
const ConnectTechnique = "connect"

// Reasons of a connect.
const (
	ReasonConnected   Reason = "connected"
	ReasonConnReset   Reason = "conn-reset" // opened, and reset before connect(2) returned
	ReasonConnRefused Reason = "conn-refused"
)
