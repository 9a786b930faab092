package rtt

import "time"

// Smoothed is how RFC 6298 remembers round-trip times for the sake of a timeout.
// The zero value has taken none in.
type Smoothed struct {
	SRTT   time.Duration // §2: the smoothed time; zero only where there is none
	RTTVAR time.Duration // how much the times vary about it
}

// Sample takes a time in: the first sets both figures (§2.2), each further one
// moves them (§2.3).
func (s *Smoothed) Sample(rtt time.Duration) {
	if !s.Known() {
		s.SRTT, s.RTTVAR = max(rtt, 1), rtt/2
		return
	}
	s.RTTVAR += ((s.SRTT - rtt).Abs() - s.RTTVAR) / 4
	s.SRTT = max(s.SRTT+(rtt-s.SRTT)/8, 1)
}

// Known tells whether a time was taken in.
func (s *Smoothed) Known() bool { return s.SRTT > 0 }

// Timeout is how long to wait for an answer, before the floor of §2.4, of which
// each user has another.
func (s *Smoothed) Timeout() time.Duration { return s.SRTT + 4*s.RTTVAR }
