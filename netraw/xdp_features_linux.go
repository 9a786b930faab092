package netraw

import (
	"encoding/binary"
	"fmt"
	"strings"

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

// isMetal reports whether frames come in by an interface from outside of this
// machine, and of the one that it is a guest of: then their checksums are
// complete. The driver names the bus that the interface is on, such as
// "0000:00:03.0" or "usb-0000:00:14.0-1" (struct ethtool_drvinfo in
// include/uapi/linux/ethtool.h); veth, tun, bridges and the like are on none,
// and virtio lets a host's unfinished frames in.
func isMetal(ifname string) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolDrvinfo(fd, ifname)
	return err == nil && strings.Contains(unix.ByteSliceToString(info.Bus_info[:]), ":")
}
