package netraw

import "testing"

// Of the ports that are held as many are even as odd, though the kernel gives
// those that bind odd ones.
func TestPortsOfBothParities(t *testing.T) {
	p := holdPorts(t, 64, nil)
	defer p.Close()
	even, seen := 0, map[uint16]bool{}
	for _, port := range p.List() {
		seen[port] = true
		if port%2 == 0 {
			even++
		}
	}
	if len(seen) != 64 || even < 24 || even > 40 {
		t.Errorf("%d ports, %d of them even", len(seen), even)
	}
}
