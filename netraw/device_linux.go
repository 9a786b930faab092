package netraw

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// flags are those of SO_TIMESTAMPING for the sending and for the receiving
// sockets: which stamps to take, and which of them to tell.
// Documentation/networking/timestamping.rst §1.3.1 and §1.3.2.
func (s DeviceStamps) flags() (send, receive int) {
	if s == DeviceHardware {
		return unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE,
			unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE
	}
	return unix.SOF_TIMESTAMPING_TX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE,
		unix.SOF_TIMESTAMPING_RX_SOFTWARE | unix.SOF_TIMESTAMPING_SOFTWARE
}

// of reads the data of SCM_TIMESTAMPING, struct scm_timestamping in
// include/uapi/linux/errqueue.h: the software stamp, one that is not used any
// more, and the hardware's raw one. The zero time: that stamp was not taken.
func (s DeviceStamps) of(data []byte) time.Time {
	if len(data) < int(unsafe.Sizeof(unix.ScmTimestamping{})) {
		return time.Time{}
	}
	stamps := (*unix.ScmTimestamping)(unsafe.Pointer(unsafe.SliceData(data)))
	ts := stamps.Ts[0]
	if s == DeviceHardware {
		ts = stamps.Ts[2]
	}
	if ts == (unix.Timespec{}) {
		return time.Time{}
	}
	return time.Unix(ts.Unix())
}

// hardwareStamps asks the driver, through any socket: netdevice(7). What is
// switched on cannot be asked of old drivers, which know only how to set it
// (SIOCSHWTSTAMP); they are believed.
func hardwareStamps(ifname string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	info, err := unix.IoctlGetEthtoolTsInfo(fd, ifname)
	switch {
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("%q: %w", ifname, ErrNoInterface)
	case errors.Is(err, unix.EOPNOTSUPP):
		info = &unix.EthtoolTsInfo{}
	case err != nil:
		return fmt.Errorf("%s: %w", ifname, os.NewSyscallError("ioctl ETHTOOL_GET_TS_INFO", err))
	}
	if lacking := lackingStamps(info); lacking != "" {
		return fmt.Errorf("%s has no hardware stamps %s: %w", ifname, lacking, ErrNoHardwareStamps)
	}
	set, err := unix.IoctlGetHwTstamp(fd, ifname)
	if err != nil {
		return nil
	}
	if off := stampsOff(set); off != "" {
		return fmt.Errorf("%s has hardware stamps, but they are switched off %s: %w", ifname, off, ErrHardwareStampsOff)
	}
	return nil
}

// lackingStamps names the directions for which an interface has no stamps of TCP
// segments, "" if it lacks none: struct ethtool_ts_info in
// include/uapi/linux/ethtool.h. Many interfaces stamp PTP's packets only.
func lackingStamps(info *unix.EthtoolTsInfo) string {
	var lacking []string
	has := func(flags uint32) bool { return info.So_timestamping&flags == flags }
	if !has(unix.SOF_TIMESTAMPING_TX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE) {
		lacking = append(lacking, "for departures")
	}
	switch {
	case !has(unix.SOF_TIMESTAMPING_RX_HARDWARE | unix.SOF_TIMESTAMPING_RAW_HARDWARE):
		lacking = append(lacking, "for arrivals")
	case info.Rx_filters&(1<<unix.HWTSTAMP_FILTER_ALL) == 0:
		lacking = append(lacking, "for arrivals other than PTP's")
	}
	return strings.Join(lacking, " and ")
}

// stampsOff names the directions for which the stamps are switched off, "" if none:
// struct hwtstamp_config in include/uapi/linux/net_tstamp.h.
func stampsOff(set *unix.HwTstampConfig) string {
	var off []string
	if set.Tx_type != unix.HWTSTAMP_TX_ON {
		off = append(off, "for departures")
	}
	switch set.Rx_filter {
	case unix.HWTSTAMP_FILTER_ALL:
	case unix.HWTSTAMP_FILTER_NONE:
		off = append(off, "for arrivals")
	default:
		off = append(off, "for arrivals other than PTP's")
	}
	return strings.Join(off, " and ")
}
