package target

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// servicesText lists the ports on which TCP services commonly wait, the most
// common first, in the judgement of this project. A line is a port, its name
// (IANA's where one is registered and in use) and other names it goes by.
//
//go:embed services.txt
var servicesText string

// services is servicesText, read.
type services struct {
	order  []uint16          // the most commonly served first
	name   map[uint16]string // the first name of each port
	byName map[string]uint16 // every name
}

// catalogue reads the list once, when first asked.
var catalogue = sync.OnceValue(func() *services {
	s := &services{name: map[uint16]string{}, byName: map[string]uint16{}}
	for line := range strings.Lines(servicesText) {
		text, _, _ := strings.Cut(line, "#")
		if fields := strings.Fields(text); len(fields) > 0 {
			s.add(fields)
		}
	}
	return s
})

// add takes a line's port and names. The list is part of the program, so a bad
// line is a defect of the program.
func (s *services) add(fields []string) {
	n, err := strconv.ParseUint(fields[0], 10, 16)
	if err != nil || len(fields) < 2 {
		panic(fmt.Sprintf("target: services.txt: %q", fields))
	}
	port := uint16(n)
	s.order = append(s.order, port)
	s.name[port] = fields[1]
	for _, name := range fields[1:] {
		s.byName[name] = port
	}
}

// Service returns the name of the service that commonly waits on a TCP port, or
// "" where none is known. It says nothing about what really answers there.
func Service(port uint16) string { return catalogue().name[port] }

// DefaultPorts returns what is probed when nobody says: every port of the
// project's list.
func DefaultPorts() Ports { return PortsOf(catalogue().order...) }

// TopPorts returns the n most commonly served ports, 1 <= n <= 65535. Where the
// project's list ends, the remaining ports follow in ascending order from 1.
func TopPorts(n int) (Ports, error) {
	if n < 1 || n > 65535 {
		return Ports{}, badPort(strconv.Itoa(n), "the number of top ports runs from 1 to 65535")
	}
	order := catalogue().order
	if n <= len(order) {
		return PortsOf(order[:n]...), nil
	}
	var set PortBits
	set.AddAll(PortsOf(order...))
	for port, missing := uint16(1), n-len(order); missing > 0; port++ {
		if _, listed := catalogue().name[port]; !listed {
			set.Add(port)
			missing--
		}
	}
	return set.Ports(), nil
}
