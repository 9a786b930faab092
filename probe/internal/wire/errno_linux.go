package wire

import "syscall"

// errNoNet is what connect(2) makes of "source host isolated" (net/ipv4/icmp.c).
const errNoNet = syscall.ENONET
