package netraw

import (
	"fmt"
	"slices"

	"golang.org/x/net/bpf"
)

// leafPorts is how many ports are compared one by one. Each leaf has returns of
// its own, because a conditional jump could not reach those of the others; with
// so many ports to a leaf MaxPorts take about 1,300 instructions, of the 4,096
// that the kernel allows (BPF_MAXINSNS, linux/bpf_common.h) and of the 20 KiB
// that kernels before 6.7 let a socket spend on its filter
// (net.core.optmem_max), and a look-up at most 29.
const leafPorts = 16

// amongPorts is the end of a filter: it passes the packet if register A is one
// of the ports, which must be sorted and not none, and drops it otherwise. It
// bisects: for the ports 1 to 32 it reads
//
//	        jlt #17, below
//	        ja above
//	below:  jeq #1, pass
//	        ...
//	        jeq #16, pass
//	        ret #0
//	pass:   ret #262144
//	above:  jeq #17, ...
func amongPorts(label string, ports []uint16) []line {
	if len(ports) <= leafPorts {
		return oneOf(label, ports)
	}
	lower, upper := ports[:len(ports)/2], ports[len(ports)/2:]
	left, right := fmt.Sprint("to ", upper[0], label), fmt.Sprint("from ", upper[0], label)
	tree := []line{
		{label: label, op: bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: uint32(upper[0])}, no: left},
		{op: bpf.Jump{}, yes: right}, // further than a conditional jump reaches
	}
	return slices.Concat(tree, amongPorts(left, lower), amongPorts(right, upper))
}

// oneOf compares register A with each of the ports.
func oneOf(label string, ports []uint16) []line {
	pass := label + ": pass"
	var leaf []line
	for _, port := range ports {
		leaf = append(leaf, line{op: equal(uint32(port)), yes: pass})
	}
	leaf[0].label = label
	return append(leaf,
		line{op: bpf.RetConstant{Val: 0}},
		line{label: pass, op: bpf.RetConstant{Val: passLength}},
	)
}

// sorted is a sorted copy.
func sorted(ports []uint16) []uint16 { return slices.Sorted(slices.Values(ports)) }
