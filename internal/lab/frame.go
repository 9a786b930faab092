//go:build linux

package lab

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Layout of a frame as a packet socket with PACKET_VNET_HDR gives and takes it.
const (
	vnetHeader = 10 // struct virtio_net_hdr, linux/virtio_net.h
	etherType  = vnetHeader + 12
	netHeader  = vnetHeader + 14
	largest    = netHeader + 1<<16 // the longest GSO packet of IPv4, and of IPv6 without jumbograms
	smallFrame = 2048
)

// network is the part of a frame from the network header on.
func network(frame []byte) []byte { return frame[min(netHeader, len(frame)):] }

// neighbourly tells what a link must not lose if only IP packets may suffer:
// anything that is not IP (ARP), IPv6 neighbour discovery (RFC 4861 §4, ICMPv6
// types 133 to 137) and link-scope multicast (RFC 4291 §2.7).
func neighbourly(frame []byte) bool {
	if len(frame) < netHeader {
		return true
	}
	ip := network(frame)
	switch binary.BigEndian.Uint16(frame[etherType:]) {
	case unix.ETH_P_IP:
		return false
	case unix.ETH_P_IPV6:
		const header = 40
		if len(ip) <= header {
			return false
		}
		linkScope := ip[24] == 0xff && ip[25]&0x0f == 2
		discovery := ip[6] == unix.IPPROTO_ICMPV6 && ip[header] >= 133 && ip[header] <= 137
		return linkScope || discovery
	}
	return true
}
