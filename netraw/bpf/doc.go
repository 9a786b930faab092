// Package bpf holds the kernel programs of the xdp engine: their sources in
// C, and the objects made of them, so that building needs only Go.
//
// send.c makes frames of probes and redirects them to the interface; recv.c
// takes the replies, validates them and answers SYN-ACKs. Each opens with
// what it does. The Go files and the objects are made by bpf2go:
//
//	scripts/regenerate-bpf
package bpf
