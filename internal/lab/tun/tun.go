//go:build linux

// Package tun makes a tun device in the network namespace of the calling
// process, which must be a lab's: hosts that live in this process are at its
// far end. Opening /dev/net/tun needs root on most machines.
package tun

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Device is an interface whose packets are read and written as a file's, whole
// IP packets without anything before them: Documentation/networking/tuntap.rst.
// It goes when the file is closed.
type Device struct {
	*os.File
	Interface string
}

// Open makes a device and gives this end of it the addresses of near, with
// their prefixes on the link.
func Open(near ...netip.Prefix) (*Device, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	name, err := attach(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	d := &Device{os.NewFile(uintptr(fd), "/dev/net/tun"), name}
	if err := d.raise(near); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func attach(fd int) (name string, err error) {
	request, err := unix.NewIfreq("tun%d")
	if err != nil {
		return "", err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TUNSETIFF, uintptr(unsafe.Pointer(request)))
	if errno != 0 {
		return "", os.NewSyscallError("TUNSETIFF", errno)
	}
	return request.Name(), nil
}

// raise gives the device its addresses and brings it up.
func (d *Device) raise(near []netip.Prefix) error {
	link, err := netlink.LinkByName(d.Interface)
	if err != nil {
		return err
	}
	for _, p := range near {
		ipnet := &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: ipnet, Flags: unix.IFA_F_NODAD}); err != nil {
			return fmt.Errorf("address %v: %w", p, err)
		}
	}
	return netlink.LinkSetUp(link)
}
