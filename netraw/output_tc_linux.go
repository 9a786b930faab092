package netraw

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// firstOutputFilter names an interface with a filter for what leaves by it, as tc(8) and
// BPF programs are one (tcx): frames that leave past the queueing discipline are not shown
// to it. Name "" means any interface that is up, but for lo, which frames never take.
func firstOutputFilter(ifname string) (string, error) {
	var links []netlink.Link
	err := whole(func() (err error) { links, err = netlink.LinkList(); return err })
	if err != nil {
		return "", err
	}
	for _, l := range links {
		a := l.Attrs()
		if a.Index == loopbackIndex || a.RawFlags&unix.IFF_UP == 0 || ifname != "" && a.Name != ifname {
			continue
		}
		what, err := outputFilterOf(a.Index)
		if err != nil {
			return "", fmt.Errorf("interface %s: %w", a.Name, err)
		}
		if what != "" {
			return fmt.Sprintf("%s for what leaves by %s", what, a.Name), nil
		}
	}
	return "", nil
}

func outputFilterOf(ifindex int) (string, error) {
	n, err := programs(ifindex, ebpf.AttachTCXEgress, 0)
	if err = unseenPrograms(err); n > 0 || err != nil {
		return "a BPF program (tcx)", err
	}
	parents, err := filterParents(ifindex)
	if err != nil {
		return "", err
	}
	for _, parent := range parents {
		found, err := trafficControl(unix.RTM_GETTFILTER, nl.TcMsg{Ifindex: int32(ifindex), Parent: parent})
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			return "a filter of tc", nil
		}
	}
	return "", nil
}

// filterParents are what filters for output hang on: queueing disciplines, and of clsact
// the hook for egress.
func filterParents(ifindex int) (parents []uint32, err error) {
	msgs, err := trafficControl(unix.RTM_GETQDISC, nl.TcMsg{Ifindex: int32(ifindex)})
	for _, m := range msgs {
		head := nl.DeserializeTcMsg(m)
		attrs, err := nl.ParseRouteAttr(m[head.Len():])
		if err != nil {
			return nil, err
		}
		if head.Ifindex != int32(ifindex) { // older kernels tell of all
			continue
		}
		switch kind := disciplineOf(attrs); {
		case kind == "clsact":
			parents = append(parents, netlink.HANDLE_MIN_EGRESS)
		case kind != "ingress" && head.Handle != 0:
			parents = append(parents, head.Handle)
		}
	}
	return parents, err
}

// trafficControl dumps what there is: rtnetlink(7).
func trafficControl(command int, of nl.TcMsg) ([][]byte, error) {
	of.Family = nl.FAMILY_ALL
	req := nl.NewNetlinkRequest(command, unix.NLM_F_DUMP)
	req.AddData(&of)
	var msgs [][]byte
	err := whole(func() (err error) { msgs, err = req.Execute(unix.NETLINK_ROUTE, 0); return err })
	switch {
	case isErrno(err, unix.EOPNOTSUPP, unix.ENODEV, unix.EINVAL), errors.Is(err, netlink.ErrDumpInterrupted):
		return msgs, nil // a kernel without, or an interface that has gone
	case err != nil:
		return nil, os.NewSyscallError("netlink", err)
	}
	return msgs, nil
}

// disciplineOf is the kind of a queueing discipline.
func disciplineOf(attrs []syscall.NetlinkRouteAttr) string {
	for _, a := range attrs {
		if a.Attr.Type == unix.TCA_KIND {
			return unix.ByteSliceToString(a.Value)
		}
	}
	return ""
}
