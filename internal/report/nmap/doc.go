// Package nmap writes nmap's formats, its XML and its grepable lines. They tell
// of hosts, one after the other, where records tell of probes as they end: a
// hostbook gathers records by host until a host is told of. What of a record has
// no element of its own goes into a script element in full.
package nmap
