package report

import "time"

// smoothed are the round-trip times of a host in the three figures that nmap
// gives of them, by the recurrences of RFC 6298 §2. The zero value has no time.
type smoothed struct{ srtt, rttvar time.Duration }

// add takes a time in: the first sets both figures (§2.2), each further one
// moves them (§2.3).
func (s *smoothed) add(rtt time.Duration) {
	if s.srtt == 0 {
		s.srtt, s.rttvar = max(rtt, 1), rtt/2
		return
	}
	s.rttvar += ((s.srtt - rtt).Abs() - s.rttvar) / 4
	s.srtt = max(s.srtt+(rtt-s.srtt)/8, 1)
}

// timeout is how long to wait for an answer, without the floor of a second
// that §2.4 puts below it: it is a figure here, nobody waits for it.
func (s *smoothed) timeout() time.Duration { return s.srtt + 4*s.rttvar }
