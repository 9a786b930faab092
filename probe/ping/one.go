package ping

import (
	"context"
	"net/netip"

	"synscope/netraw"
)

// One times count handshakes with one port, a second apart, over a connection
// that it opens for that, which takes CAP_NET_RAW. It fails with the errors of
// [netraw.Open] and of [Run].
func One(ctx context.Context, target netip.AddrPort, count uint64) (samples []Sample, err error) {
	conn, err := netraw.Open(&netraw.Config{Ports: 4, WatchOutgoing: true})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_, err = Run(ctx, conn, Config{Targets: []netip.AddrPort{target}, Count: count}, func(s Sample) error {
		samples = append(samples, s)
		return nil
	})
	return samples, err
}
