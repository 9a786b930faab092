//go:build linux

package main

import (
	"errors"
	"os"
	"strconv"
	"strings"
)

// kernelResets is how many RSTs the kernel of this network namespace has sent by
// itself, to what came to ports that nobody holds: OutRsts of /proc/net/snmp,
// proc_pid_net(5). Those of raw sockets are not among them.
func kernelResets() (uint64, error) {
	b, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return 0, err
	}
	var names []string
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "Tcp:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, name := range names {
			if name == "OutRsts" && i < len(fields) {
				return strconv.ParseUint(fields[i], 10, 64)
			}
		}
	}
	return 0, errors.New("no OutRsts in /proc/self/net/snmp")
}
