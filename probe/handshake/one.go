package handshake

import (
	"context"

	"synscope/netraw"
)

// One makes the connection of cfg over a connection to the network that it opens
// for that, which takes CAP_NET_RAW. It fails with the errors of [netraw.Open]
// and of [Run].
func One(ctx context.Context, cfg Config) (Result, error) {
	conn, err := netraw.Open(&netraw.Config{WatchOutgoing: true})
	if err != nil {
		return Result{Target: cfg.Target}, err
	}
	defer conn.Close()
	return Run(ctx, conn, cfg)
}
