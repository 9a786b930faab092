package netraw

import "errors"

// ErrOutputFirewall: the engine's frames would leave without passing the output
// rules of this machine's firewall.
var ErrOutputFirewall = errors.New("frames of the packet and xdp engines pass by this machine's output firewall: use --engine raw, which obeys it")

// OutputTranslated reports whether this machine may translate the addresses of what it
// sends: published ports of containers, cluster addresses, masquerading.
func OutputTranslated() bool { return outputTranslated() }
