package cli

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/internal/spelling"
	"synscope/netraw"
	"synscope/probe/isn"
	"synscope/probe/sample"
)

// seriesNames are the series that --series knows.
func seriesNames() []string {
	return []string{isn.SeriesSameTuple, isn.SeriesVariedPort, isn.SeriesVariedAddress, isn.SeriesOptions, isn.SeriesLong, isn.SeriesMany}
}

const (
	// maxSamples is the most SYNs of one target.
	maxSamples = 1_000_000
	// wholePlan is below how many SYNs nothing is added to what was asked for:
	// no ladder, no further addresses.
	wholePlan = 22
)

// readPlan lays out the SYNs.
func (j *isnJob) readPlan() error {
	n := j.options.Samples
	if err := j.options.within("samples", n, 1, maxSamples); err != nil {
		return err
	}
	series, err := seriesOf(strings.Join(j.options.Series, ","))
	if err != nil {
		return err
	}
	if j.options.Quick {
		j.cfg.Plan = isn.QuickPlan()
		return nil
	}
	cfg := isn.PlanConfig{Samples: n, Series: series, Offer: sample.OfferOf(j.cfg.Profile), Addresses: maxSources}
	if slices.Contains(series, isn.SeriesMany) {
		cfg.Samples, cfg.Ports = 0, n
	}
	if cfg.Budget, err = j.budget(); err != nil {
		return err
	}
	small := n > 0 && n < wholePlan
	if small {
		cfg.Addresses = 1
	}
	j.cfg.Plan = isn.NewPlan(cfg)
	if slices.Contains(series, isn.SeriesOptions) {
		j.cfg.Plan.Steps = append(j.cfg.Plan.Steps, isn.LadderSteps(cfg.Offer)...)
	}
	j.cfg.WithoutLadder = series != nil || small
	return nil
}

// budget is what the pauses may come to.
func (j *isnJob) budget() (time.Duration, error) {
	word := j.options.Budget
	if word == "" {
		return 0, nil
	}
	d, err := parseDuration(word)
	if err != nil {
		return 0, usagef("--budget: %w", err)
	}
	if d < time.Millisecond || d > 24*time.Hour {
		return 0, usagef("--budget: %s: want 1ms to 24h", word)
	}
	return d, nil
}

// seriesOf reads a list of series, nil where there is none.
func seriesOf(list string) (names []string, err error) {
	if list == "" {
		return nil, nil
	}
	for _, name := range strings.Split(list, ",") {
		if !slices.Contains(seriesNames(), name) {
			return nil, usagef("--series: %q: %s", name, spelling.Hint(name, seriesNames()))
		}
		names = append(names, name)
	}
	return names, nil
}

// maxSources is how many of our addresses the plan varies.
const maxSources = 4

// findSources looks for further addresses of ours on the interface towards the
// first target, in the same subnet, so that answers come back the same way.
func (j *isnJob) findSources(e *opened) {
	if j.probing.source.IsValid() || len(j.cfg.Targets) == 0 {
		return
	}
	for _, t := range j.cfg.Targets {
		route, err := e.conn.Route(t.Addr())
		if err != nil || route.Local {
			continue
		}
		for _, a := range neighbouring(route) {
			if len(j.cfg.Sources) < maxSources && !slices.Contains(j.cfg.Sources, a) {
				j.cfg.Sources = append(j.cfg.Sources, a)
			}
		}
	}
}

// neighbouring are the interface's other addresses in the subnet of the route's
// source.
func neighbouring(route netraw.Route) (list []netip.Addr) {
	ifi, err := net.InterfaceByName(route.Interface)
	if err != nil {
		return nil
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil
	}
	var prefixes []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			prefixes = append(prefixes, p)
		}
	}
	for _, home := range prefixes {
		if home.Addr() != route.Source {
			continue
		}
		for _, p := range prefixes {
			if p.Addr() != route.Source && home.Contains(p.Addr()) {
				list = append(list, p.Addr())
			}
		}
	}
	return list
}
