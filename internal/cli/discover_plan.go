package cli

import (
	"fmt"
	"math"
	"time"

	"synscope/probe"
	"synscope/probe/discover"
)

// planSearches reports whether a run of this job would look for hosts, given that
// it may use raw sockets.
func (j *scanJob) planSearches() bool {
	switch {
	case j.discovery == "": // another command's preview
		return false
	case j.hostsOnly():
		return true
	case j.connects():
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
	absentWait   = 1050 * time.Millisecond
)

// searchSpan is how long the search takes at most.
func (j *scanJob) searchSpan(pace planPace) string {
	n := j.set.Addresses()
	link := saturated(math.Ceil(float64(n)/absentAtOnce) * float64(absentWait))
	elsewhere := "as fast as it goes"
	if !pace.unbounded() {
		most, _ := j.mostSearched()
		sending := pace.takes(times(n, most), probe.RoutedRate)
		all := float64(sending) + 2*float64(j.cfg.Timeout) + float64(discover.Crowded(n))
		elsewhere = "up to " + spanWord(saturated(all))
	}
	return fmt.Sprintf("up to %s on the link, %s elsewhere", spanWord(link), elsewhere)
}
