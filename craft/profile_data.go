package craft

// profiles are SYN layouts of real stacks, the default one first. Windows and
// scales are those of the stacks' default settings.
var profiles = [...]Profile{
	{
		Name:   "linux",
		Source: "captured from Linux 6.18 (testdata/linux-syn.txt), whose default tcp_rmem of 32 MiB makes the scale 10; it was 7 with 6 MiB",
		TTL:    64, DF: true,
		Window: 65535, WholeMSS: true, WindowScale: 10,
		Layout: []OptionKind{KindMSS, KindSACKPermitted, KindTimestamps, KindNOP, KindWindowScale},
	},
	{
		Name:   "windows",
		Source: "Windows 10 and 11 with default settings; order, TTL and DF as p0f 3 signs Windows 7 and later",
		TTL:    128, DF: true,
		Window: 65535, WholeMSS: true, WindowScale: 8,
		Layout: []OptionKind{KindMSS, KindNOP, KindWindowScale, KindNOP, KindNOP, KindSACKPermitted},
	},
	{
		Name:   "macos",
		Source: "macOS 11 and later with default settings; order, TTL, DF and window as p0f 3 signs Mac OS X 10.9 and later",
		TTL:    64, DF: true,
		Window: 65535, WindowScale: 6,
		Layout: []OptionKind{
			KindMSS, KindNOP, KindWindowScale, KindNOP, KindNOP, KindTimestamps, KindSACKPermitted, KindEOL,
		},
	},
	{
		Name:   "bsd",
		Source: "FreeBSD as p0f 3 signs 9.x and later: order, scale, window, TTL and DF",
		TTL:    64, DF: true,
		Window: 65535, WindowScale: 6,
		Layout: []OptionKind{KindMSS, KindNOP, KindWindowScale, KindSACKPermitted, KindTimestamps},
	},
	{
		Name:   "minimal",
		Source: "no one stack: RFC 9293 §3.7.1, the only option a SYN should always carry",
		TTL:    64, DF: true,
		Window: 65535,
		Layout: []OptionKind{KindMSS},
	},
}
