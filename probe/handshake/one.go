package handshake

import (
	"context"
	"net/netip"

	"synscope/netraw"
)

// One makes one connection to target as cfg says, whose Target does not count, over a connection to the network
// that it opens for that, which takes CAP_NET_RAW. It fails with the errors of [netraw.Open] and of [Run]; the
// result names the target then too.
func One(ctx context.Context, target netip.AddrPort, cfg Config) (Result, error) {
	cfg.Target = target
	conn, err := netraw.Open(&netraw.Config{WatchOutgoing: true})
	if err != nil {
		return Result{Target: target}, err
	}
	defer conn.Close()
	return Run(ctx, conn, cfg)
}
