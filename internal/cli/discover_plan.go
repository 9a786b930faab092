package cli

import (
	"fmt"
	"math"
	"time"

	"synscope/internal/report/units"
	"synscope/probe/discover"
)

// planSearches tells whether a run of this job would look for hosts, given that
// it may use raw sockets.
func (j *scanJob) planSearches() bool {
	switch {
	case j.discovery == "": // another command's preview
		return false
	case j.hostsOnly():
		return true
	case j.connect || j.probing.engine == engineConnect:
		return false
	case j.keepsNoState():
		return j.looksFirstStateless()
	}
	return j.many()
}

// planNotes says why hosts are not looked for, where that could be expected.
func (j *scanJob) planNotes() []string {
	engine := j.probing.engine
	if j.connect {
		engine = engineConnect
	}
	if note := j.discoverNote(engine, j.keepsNoState()); note != "" {
		return []string{note}
	}
	return nil
}

const (
	// absentAtOnce are looked for on the link at a time, absentWait long each;
	// see netraw.NeighbourConfig.
	absentAtOnce = 256
	absentWait   = 750 * time.Millisecond
)

// searchSpan is how long the search takes at most.
func (j *scanJob) searchSpan(rate float64) string {
	n := float64(j.set.Addresses())
	link := time.Duration(min(math.Ceil(n/absentAtOnce)*float64(absentWait), math.MaxInt64))
	elsewhere := "as fast as it goes"
	if !math.IsInf(rate, 1) {
		most, _ := j.mostSearched()
		seconds := n*float64(most)/rate + 2*j.cfg.Timeout.Seconds() + discover.Crowded(j.set.Addresses()).Seconds()
		elsewhere = "up to " + units.Duration(time.Duration(min(seconds*float64(time.Second), math.MaxInt64)))
	}
	return fmt.Sprintf("up to %s on the link, %s elsewhere", units.Duration(link), elsewhere)
}
