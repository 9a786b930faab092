package cli

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"time"

	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/scan"
)

// beginSearch prepares the search for the hosts, which reports the hosts whose ports
// will not be probed.
func (j *scanJob) beginSearch(network probe.Polled, r *results) (*discover.Search, error) {
	r.search = newHostSearch()
	cfg := j.discoverConfig()
	if r.progress != nil {
		cfg.OnProgress = r.progress.UpdateHosts
	}
	return discover.Begin(network, cfg, func(h discover.Host) error {
		ports := discover.Ports()
		if cfg.Port != nil {
			ports = j.portsOf(h.Addr)
		}
		r.tap.host(h.Addr, h.Up, h.Reason, ports)
		return j.found(h.Report(), r)
	})
}

// searchAll looks for all hosts; done says that nothing is left to be probed.
func (j *scanJob) searchAll(ctx context.Context, network probe.Polled, r *results) (done bool, err error) {
	s, err := j.beginSearch(network, r)
	if err != nil {
		return true, err
	}
	defer s.Close()
	for more := true; more && err == nil; {
		more, err = s.Next(ctx)
	}
	r.search.summary = s.Summary()
	r.remark(r.search.proxied()...)
	r.remark(limited(s.Limit())...)
	if err == nil && !j.hostsOnly() {
		_, total := j.targetsAt(r.search.probed)
		j.tellFound(r, r.search.counts[probe.HostUp], total, searchedAll)
	}
	return err != nil || len(r.search.probed) == 0, err
}

// How far a search has come when it says what it has found.
type searched string

const (
	searchedSome searched = " so far"
	searchedAll  searched = ""
)

// tellFound says how many hosts were found, and how many ports of them are probed.
func (j *scanJob) tellFound(r *results, up, ports uint64, s searched) {
	if r.level > 0 {
		r.remark(units.Count(up) + " of " + hostsWord(j.set.Addresses()) + " answered" + string(s) + ": probing " + units.Count(ports) + " ports")
	}
	if len(r.search.probed) == 0 {
		r.remark("no address answered, so no port was probed: --discover none probes them all the same")
	}
}

// probeFound looks for the hosts and probes the ports of those that are there: all at
// once, or some while others wait for a place in the table of their router.
func (j *scanJob) probeFound(ctx context.Context, r *results) (probe.Summary, error) {
	s, err := j.beginSearch(r.network, r)
	if err != nil {
		return probe.Summary{}, err
	}
	defer s.Close()
	all, met := parts{total: probe.Summary{Complete: true}}, discover.Limit{}
	noteLimit(&j.cfg, &met)
	for more, done := true, 0; more && err == nil; {
		more, err = s.Next(ctx)
		r.search.summary = s.Summary()
		if err != nil || j.hostsOnly() || more && j.shard.count > 1 { // whose order is that of the whole plan
			continue
		}
		hosts := r.search.probed[done:]
		done = len(r.search.probed)
		if l := s.Limit(); l.Rate > 0 {
			met = l
		}
		j.cfg.Loss, j.cfg.Earlier, j.cfg.Passing = s.Loss(), s.Earlier(), met.Rate
		err = j.probePart(ctx, r, hosts, more, &all)
	}
	r.remark(r.search.proxied()...)
	r.remark(limited(met)...)
	return all.total, all.outcome(err)
}

// noteLimit lets a scan know of a rate limit before all hosts.
func noteLimit(cfg *scan.Config, met *discover.Limit) {
	cfg.OnLimit = func(rate float64, kept bool) { *met = discover.Limit{Rate: rate, Kept: kept} }
}

// scanUnlooked probes all targets without a search for the hosts, and reports a rate limit before all of them.
func scanUnlooked(ctx context.Context, r *results, cfg scan.Config, sink probe.Sink) (probe.Summary, error) {
	var met discover.Limit
	noteLimit(&cfg, &met)
	sum, err := scan.Run(ctx, r.network, cfg, sink)
	r.remark(limited(met)...)
	return sum, err
}

// limited is a sentence about a rate limit before all hosts. It rests on the share of all probes that passed: where each host has a
// limit of its own, that looks the same.
func limited(l discover.Limit) []string {
	if l.Rate == 0 {
		return nil
	}
	did := "the run was slowed down to that (--rate R sets a pace)"
	if !l.Kept {
		did = "at that pace the run would take more than ten minutes, so hosts and ports may be missing: --rate R sets a pace"
	}
	return []string{"something on the way lets through about " + units.Rate(l.Rate) + " in all, be it for all hosts together or for each, " +
		"and drops the rest: " + did}
}

// probePart probes the ports of some hosts.
func (j *scanJob) probePart(ctx context.Context, r *results, hosts []netip.Addr, more bool, all *parts) error {
	cfg := j.cfg
	cfg.HostsKnown = true
	cfg.RoundTrip = func(a netip.Addr) time.Duration { return r.search.up[a].RTT }
	cfg.Targets, cfg.Total = j.targetsAt(hosts)
	so := searchedAll
	if more {
		so = searchedSome
	}
	j.tellFound(r, r.search.counts[probe.HostUp], cfg.Total, so)
	if len(hosts) == 0 {
		return nil
	}
	if show := cfg.OnProgress; show != nil {
		cfg.OnProgress = func(p probe.Progress) { show(all.beside(p)) }
	}
	part, err := scan.Run(ctx, r.network, cfg, r)
	return all.add(&part, err)
}

// targetsAt are the targets at some hosts. The parts of a split plan keep its order,
// so that they stay apart whatever each has found.
func (j *scanJob) targetsAt(hosts []netip.Addr) (targets iter.Seq[netip.AddrPort], total uint64) {
	if j.shard.count <= 1 {
		set := j.set.Narrow(hosts)
		return set.Foremost(j.seed), set.Count()
	}
	chosen := map[netip.Addr]bool{}
	for _, a := range hosts {
		chosen[a] = true
		total += j.inShard(a)
	}
	return func(yield func(netip.AddrPort) bool) {
		for pair := range j.cfg.Targets {
			if chosen[pair.Addr()] && !yield(pair) {
				return
			}
		}
	}, total
}

// parts are the scans of a run that was done in several.
type parts struct {
	total   probe.Summary
	lasting error // how a part ended that says nothing of the others
	well    bool  // a part ended well that was answered
}

// add takes in how a part ended, and returns what ends the run.
func (p *parts) add(part *probe.Summary, err error) error {
	t := &p.total
	t.Rate = rateOfBoth(t, part)
	t.Add(part)
	t.Took += part.Took
	t.Loss.Sent += part.Loss.Sent
	t.Loss.Unanswered += part.Loss.Unanswered
	switch {
	case errors.Is(err, probe.ErrWentSilent), err != nil && part.Sent == 0 && errors.Is(err, part.Refusal):
		p.lasting = err
		return nil
	case part.Matched > 0:
		p.well = true
	}
	t.Complete = t.Complete && part.Complete
	return err
}

// outcome is how the run ended: hosts of one part that went silent, or that nothing
// could be sent to, are no outage where those of another answered.
func (p *parts) outcome(err error) error {
	if err == nil && p.lasting != nil && !p.well {
		p.total.Complete = false
		return p.lasting
	}
	return err
}

// beside is the progress of a part beside those that are done.
func (p *parts) beside(now probe.Progress) probe.Progress {
	now.Done += p.total.Probes
	now.Total += p.total.Probes
	now.Sent += p.total.Sent
	now.Received += p.total.Received
	now.KernelDrops += p.total.KernelDrops
	now.Elapsed += p.total.Took
	return now
}
