package netraw

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Of include/uapi/linux/netdev.h: what an interface's driver can do.
const (
	netdevGet       = 1 // NETDEV_CMD_DEV_GET
	netdevIndex     = 1 // NETDEV_A_DEV_IFINDEX
	netdevFeatures  = 3 // NETDEV_A_DEV_XDP_FEATURES
	netdevTransmits = 4 // NETDEV_XDP_ACT_NDO_XMIT
)

// needTransmit fails with ErrXDPInterface where redirected frames would be
// refused. Linux knows since 6.3; before, the first Blast finds out.
func needTransmit(ifindex int) error {
	family, err := netlink.GenlFamilyGet("netdev")
	if err != nil {
		return nil
	}
	request := nl.NewNetlinkRequest(int(family.ID), unix.NLM_F_ACK)
	// Not nl.Genlmsg, whose two reserved bytes are whatever lies behind it.
	header := []byte{netdevGet, 1, 0, 0}
	request.AddRawData(append(header, nl.NewRtAttr(netdevIndex, nl.Uint32Attr(uint32(ifindex))).Serialize()...))
	replies, err := request.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return nil
	}
	for _, reply := range replies {
		attrs, err := nl.ParseRouteAttr(reply[nl.SizeofGenlmsg:])
		if err != nil {
			continue
		}
		for _, a := range attrs {
			if a.Attr.Type == netdevFeatures && binary.NativeEndian.Uint64(a.Value)&netdevTransmits == 0 {
				return fmt.Errorf("no ndo_xdp_xmit: %w", ErrXDPInterface)
			}
		}
	}
	return nil
}
