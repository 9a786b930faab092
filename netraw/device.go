package netraw

// DeviceStamps says which stamps Packet.DeviceTime holds. They are taken
// nearer to the wire than Packet.Time, on both ends of a round trip by one
// clock. The zero value asks for none.
type DeviceStamps uint8

const (
	DeviceNone DeviceStamps = iota
	// DeviceDriver: the driver stamps in software, CLOCK_REALTIME: departures
	// as it hands them to its hardware. Every driver of the kernel's own does.
	DeviceDriver
	// DeviceHardware: the interface stamps by a clock of its own, which need
	// not agree with any other; [HardwareStamps] says which interfaces do. A packet
	// that was not stamped has no DeviceTime: many interfaces can hold the stamp of
	// one departure at a time.
	DeviceHardware
)

// HardwareStamps reports whether an interface stamps TCP packets in hardware, both
// ways, here and now: nil, or why not and what to do, as ErrNoHardwareStamps,
// ErrHardwareStampsOff or ErrNoInterface. It changes nothing: switching the
// stamps on changes the whole machine's setting, which other programs, such as
// ptp4l, rely upon, and which would outlive a program that is killed.
func HardwareStamps(ifname string) error { return hardwareStamps(ifname) }
