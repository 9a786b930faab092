//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"synscope/internal/lab/responderbpf"
)

// Responder answers for a [World] at a host's interface, in an XDP program:
// millions of SYNs a second, and before the host's kernel sees them. TCP
// segments other than a SYN are counted and dropped. All that is not TCP, ARP
// for one, is left to the host's kernel.
type Responder struct {
	objects responderbpf.ResponderObjects
	hook    link.Link
}

// Answered counts what a responder saw.
type Answered struct {
	Open, Refused, Silent uint64 // SYNs by the fate of their port
	Resets                uint64 // RSTs that arrived
	Others                uint64 // other segments
}

// Respond lets the host answer for w, at all addresses routed to it: see
// [HostSpec.Prefixes]. It needs a native XDP hook, CAP_BPF and CAP_NET_ADMIN.
//
// It turns generic receive offload on at the prober's end of the link, which
// makes that end accept what an XDP program on the other one sends
// (veth_xdp_xmit in drivers/net/veth.c).
func (h *Host) Respond(w World) (*Responder, error) {
	r := &Responder{}
	if err := r.load(w); err != nil {
		return nil, fmt.Errorf("lab: responder: %w", errors.Join(err, r.Close()))
	}
	err := h.Do(func() error { return r.attach(towardsProber) })
	if err == nil {
		err = AcceptRedirects(h.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("lab: host %s: responder: %w", h.Name, errors.Join(err, r.Close()))
	}
	return r, nil
}

func (r *Responder) load(w World) error {
	spec, err := responderbpf.LoadResponder()
	if err != nil {
		return err
	}
	open, answered := w.limits()
	world := responderbpf.ResponderWorld{Seed: w.Seed, Open: open, Answered: answered}
	if err := spec.Variables[responderbpf.ResponderVarWorld].Set(world); err != nil {
		return err
	}
	return spec.LoadAndAssign(&r.objects, nil)
}

// attach hooks the program to an interface of the calling thread's namespace.
func (r *Responder) attach(ifname string) error {
	ifindex, err := interfaceIndex(ifname)
	if err != nil {
		return err
	}
	r.hook, err = link.AttachXDP(link.XDPOptions{
		Program: r.objects.Internet, Interface: ifindex, Flags: link.XDPDriverMode,
	})
	return err
}

// Answered reads the counters.
func (r *Responder) Answered() (Answered, error) {
	var sums [5]uint64
	for i := range sums {
		var each []uint64
		if err := r.objects.Counts.Lookup(uint32(i), &each); err != nil {
			return Answered{}, err
		}
		for _, n := range each {
			sums[i] += n
		}
	}
	return Answered{Open: sums[0], Refused: sums[1], Silent: sums[2], Resets: sums[3], Others: sums[4]}, nil
}

// Close takes the program from the interface.
func (r *Responder) Close() error {
	var err error
	if r.hook != nil {
		err = r.hook.Close()
	}
	return errors.Join(err, r.objects.Close())
}

// interfaceRequest is struct ifreq of netdevice(7), with a pointer.
type interfaceRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// AcceptRedirects makes one end of a veth accept the frames that an XDP program
// at the other end redirects to it: generic receive offload does (veth_xdp_xmit in
// drivers/net/veth.c).
func AcceptRedirects(ifname string) error { return setOffload(ifname, unix.ETHTOOL_SGRO, 1) }

// setOffload turns an offload of an interface in the calling thread's namespace on
// or off (linux/ethtool.h).
func setOffload(ifname string, command, on uint32) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	value := struct{ command, data uint32 }{command, on}
	request := interfaceRequest{data: unsafe.Pointer(&value)}
	copy(request.name[:unix.IFNAMSIZ-1], ifname)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return fmt.Errorf("%s: %w", ifname, os.NewSyscallError("ioctl SIOCETHTOOL", errno))
	}
	return nil
}

// interfaceIndex is SIOCGIFINDEX in the calling thread's namespace.
func interfaceIndex(name string) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request); err != nil {
		return 0, os.NewSyscallError("ioctl SIOCGIFINDEX", err)
	}
	return int(request.Uint32()), nil
}
