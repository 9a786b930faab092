package htmlreport

import (
	"fmt"
	"time"

	"synscope/internal/report/text"
	"synscope/internal/report/units"
	"synscope/probe/loss"
)

// mostOutages is how many outages of a target are named.
const mostOutages = 100

// windowRecord is an outage, by itself or in a summary.
type windowRecord struct {
	From   time.Time `json:"from"`
	Last   time.Time `json:"last"`
	To     time.Time `json:"to"`
	Probes uint64    `json:"probes"`
	Unsent uint64    `json:"unsent"`
	Absent uint64    `json:"absent"`
}

func (w *windowRecord) window() loss.Window { return loss.Window(*w) }

// outageRecord is an outage as it is told while the run goes on.
type outageRecord struct {
	place
	windowRecord
}

// clusterRecord is what losses have in common.
type clusterRecord struct {
	By            loss.By   `json:"by"`
	Port          uint16    `json:"sport"`
	Even          bool      `json:"even"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`
	Second        int       `json:"second"`
	Runs          uint64    `json:"runs"`
	Longest       uint64    `json:"longest"`
	Sent          uint64    `json:"sent"`
	Lost          uint64    `json:"lost"`
	ElsewhereSent uint64    `json:"elsewhere_sent"`
	ElsewhereLost uint64    `json:"elsewhere_lost"`
	P             float64   `json:"p"`
}

func (c *clusterRecord) cluster() loss.Cluster { return loss.Cluster(*c) }

// takeOutage keeps an outage for where the summary of its target is missing.
func (b *tripBook) takeOutage(o *outageRecord) {
	if t := b.get(o.place.String()); t != nil && len(t.outages) < mostOutages {
		t.outages = append(t.outages, o.windowRecord)
	}
}

// losses say, a sentence each, when the target was down and what other losses have
// in common. Times are UTC, as everywhere on the page.
func (t *trips) losses() (lines []string) {
	windows, told := t.outages, uint64(len(t.outages))
	if t.summary != nil {
		windows, told = t.summary.Windows, max(t.summary.Outages, uint64(len(t.summary.Windows)))
	}
	windows = windows[max(len(windows)-mostOutages, 0):]
	if more := told - uint64(len(windows)); more > 0 && len(windows) > 0 {
		lines = append(lines, fmt.Sprintf("%s: %s", t.name, units.CountOf(more, "earlier outage")))
	}
	for _, w := range windows {
		window := w.window()
		lines = append(lines, t.name+": "+text.OutageWords(&window, time.UTC))
	}
	if t.summary == nil {
		return lines
	}
	for _, c := range t.summary.Clusters {
		cluster := c.cluster()
		lines = append(lines, t.name+": "+text.ClusterWords(&cluster, time.UTC))
	}
	return lines
}
