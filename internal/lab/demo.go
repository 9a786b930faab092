//go:build linux

package lab

import "time"

// Ports of the demo's hosts beside 80.
const (
	DeafPort   = 9000 // of deaf, and the one after it: nobody accepts
	MeddlePort = 8080 // of behind: refused by the middlebox
)

// Demo is [Standard] with hosts to learn from, which the tests of agreement leave
// out.
//
//	deaf      9000 and 9001 have a backlog of 1, nobody ever accepts, half a second away
//	small     80 holds at most 8 half-open connections, each for 7 s; no cookies
//	closer    80 closes first
//	guess     80 counts its initial sequence numbers up by 64,000: see package models
//	behind    80 open behind a middlebox, which refuses MeddlePort in its name
func Demo(seed uint64, logf func(format string, args ...any)) Spec {
	s := Standard(seed, logf)
	s.Hosts = append(s.Hosts,
		HostSpec{Name: "deaf", Services: []Service{{Ports: []uint16{DeafPort, DeafPort + 1}, Manner: NeverAccept, Backlog: 1}},
			Sysctls: Sysctls{"net.ipv4.tcp_syncookies": "0"},
			Link:    &Link{Out: Path{Delay: 250 * time.Millisecond}, Back: Path{Delay: 250 * time.Millisecond}}},
		HostSpec{Name: "small", Services: []Service{{Ports: []uint16{80}, Manner: Echo, Backlog: 8}},
			Sysctls: Sysctls{"net.ipv4.tcp_syncookies": "0", "net.ipv4.tcp_synack_retries": "2"}},
		HostSpec{Name: "closer", Services: []Service{{Ports: []uint16{80}, Manner: AcceptClose}}},
		HostSpec{Name: "guess", Rules: []Rule{{Do: Drop}}},
		HostSpec{Name: "behind", Services: http(), Routers: []RouterSpec{{Rules: []Rule{{Ports: Port(MeddlePort), Do: Reset}}}, {}}},
	)
	for i := range s.Hosts {
		if l := s.Hosts[i].Link; l != nil {
			l.AskNeighbours = true // as who learns from it should see
		}
	}
	return s
}
