package netraw

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func linkByName(name string) (Link, error) {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return Link{}, fmt.Errorf("%s: %w: %w", name, ErrNoInterface, err)
	}
	const carrying = unix.IFF_UP | unix.IFF_LOWER_UP
	link := Link{Up: l.Attrs().RawFlags&carrying == carrying}
	if s := l.Attrs().Statistics; s != nil {
		link.Dropped = s.RxDropped + s.TxDropped + s.RxErrors + s.TxErrors + s.RxFifoErrors + s.TxFifoErrors + s.TxCarrierErrors
	}
	return link, nil
}
