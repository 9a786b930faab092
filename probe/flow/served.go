package flow

import "synscope/craft"

// asClient guesses whether the sender of the first segment that was captured is the
// client: it sends a SYN, or to a port that servers have, or from the higher port.
func asClient(s *craft.Segment) bool {
	switch s.Flags & (craft.SYN | craft.ACK | craft.RST) {
	case craft.SYN, 0: // without any it is a probe: all segments of a connection have ACK
		return true
	case craft.SYN | craft.ACK:
		return false
	case craft.RST | craft.ACK:
		if s.Seq == 0 {
			return false // refuses a SYN
		}
	}
	if served(s.Src.Port()) != served(s.Dst.Port()) {
		return served(s.Dst.Port())
	}
	return s.Src.Port() >= s.Dst.Port()
}

// served are ports above the well-known ones that servers have more often than
// clients.
func served(port uint16) bool {
	switch port {
	case 1433, 1521, 1723, 2049, 3128, 3268, 3306, 3389, 5060, 5061, 5222, 5432, 5671, 5672, 5900, 5985, 6379, 6443, 8000, 8080,
		8081, 8443, 8888, 9000, 9090, 9092, 9200, 9418, 11211, 20000, 27017, 50051:
		return true
	}
	return port < 1024
}
