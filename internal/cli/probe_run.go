package cli

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"synscope/internal/check"
	"synscope/internal/openmetrics"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/ping"
	"synscope/probe/rtt"
)

// probeRun is one request to /probe and what came of it.
type probeRun struct {
	word       string
	module     check.Module
	target     netip.AddrPort
	engine     string
	unresolved error // why the name has no address; nil: it has
	series     *pingSeries
	reason     probe.Reason
	err        error // how the run failed, nil where it did not
	complete   bool
	resolving  time.Duration
	took       time.Duration
}

// probe runs the module. Of attempts the first that is answered is enough. Sending
// ends so early that the last answer is waited for within the time of ctx.
func (r *probeRun) probe(ctx context.Context, e *opened, p *prober) {
	cfg := r.config(p)
	deadline, _ := ctx.Deadline()
	cfg.Timeout = max(min(cfg.Timeout, time.Until(deadline)/2), time.Millisecond)
	if r.module.Attempts > 0 {
		cfg.Interval = max(cfg.Timeout, ping.MinInterval)
	}
	ctx, enough := context.WithDeadline(ctx, deadline.Add(-cfg.Timeout))
	defer enough()
	r.engine, r.series = e.name, newPingSeries(r.word, r.target, 1, 8)
	sink := func(s ping.Sample) error {
		r.series.add(&s)
		r.reason = s.Reason
		if r.module.Attempts > 0 && s.Reason != probe.ReasonNoResponse && s.Err == nil {
			enough()
		}
		return nil
	}
	if e.conn != nil {
		_, r.err = ping.Run(ctx, e.conn, cfg, sink)
	} else {
		_, r.err = ping.RunConnect(ctx, netraw.Dialer{Interface: p.probing.iface, Source: p.probing.source}, cfg, sink)
	}
	counts := r.series.Summary()
	r.complete = r.err == nil || r.module.Attempts > 0 && counts.Received > 0
}

// config is the module as the engine takes it.
func (r *probeRun) config(p *prober) ping.Config {
	m := &r.module
	return ping.Config{
		Targets: []netip.AddrPort{r.target}, Count: uint64(max(m.Attempts, m.Count)), Interval: m.Interval, Timeout: m.Timeout,
		Profile: p.probing.profile, TTL: p.probing.ttl, TOS: p.probing.tos,
	}
}

// limits are what the module expects.
func (r *probeRun) limits() *limits {
	l := &limits{expect: &r.module.Expect, maxLoss: 1}
	if r.module.Loss != nil {
		l.maxLoss = *r.module.Loss
	}
	for _, b := range r.module.RTT {
		if s, err := rtt.ParseStatistic(b.Of); err == nil {
			l.maxRTT = append(l.maxRTT, maxRTT{s, b.Most})
		}
	}
	return l
}

func (r *probeRun) success() bool {
	return r.unresolved == nil && r.series != nil && len(r.limits().check([]*pingSeries{r.series})) == 0
}

// registry are the metrics of the run: the names that blackbox_exporter has where
// it has them. What was not measured is absent.
func (r *probeRun) registry() *openmetrics.Registry {
	g := &openmetrics.Registry{}
	g.Gauge("probe_success", "Whether what the module expects was found.").Set(truth(r.success()))
	g.Gauge("probe_duration_seconds", "How long the probe took.").Set(r.took.Seconds())
	g.Gauge("probe_dns_lookup_time_seconds", "How long it took to resolve the target's name.").Set(r.resolving.Seconds())
	if !r.target.IsValid() {
		return g
	}
	protocol := 6.0
	if r.target.Addr().Is4() {
		protocol = 4
	}
	g.Gauge("probe_ip_protocol", "The version of IP.").Set(protocol)
	if r.series != nil {
		r.found(g)
	}
	return g
}

// found are the metrics of what was found.
func (r *probeRun) found(g *openmetrics.Registry) {
	s := r.series.record()
	g.Gauge("synscope_probe_info", "Always 1; the labels say what was probed, how, and why the last answer means what it does.",
		"addr", "port", "engine", "reason", "rtt_clock").Set(1, r.target.Addr().String(), strconv.Itoa(int(r.target.Port())), r.engine, string(r.reason), s.Clock)
	state := g.Gauge("synscope_probe_state", "1 for the state of the port, 0 for the others.", "state")
	for _, one := range probe.States() {
		state.Set(truth(one == r.series.state), one.String())
	}
	g.Gauge("synscope_probe_complete", "Whether every SYN of the module was sent, or one that is enough was answered.").Set(truth(r.complete))
	g.Gauge("synscope_probe_sent", "SYNs that were sent.").Set(float64(s.Sent))
	g.Gauge("synscope_probe_received", "SYNs that were answered.").Set(float64(s.Received))
	g.Gauge("synscope_probe_unsent", "SYNs that this machine could not send.").Set(float64(s.Unsent))
	if s.Sent > 0 {
		g.Gauge("synscope_probe_loss_ratio", "The share of the SYNs sent that was not answered.").Set(s.Loss)
	}
	if s.Measured > 0 {
		times := g.Gauge("synscope_probe_rtt_seconds", "Round-trip times of the handshake.", "stat")
		for name, d := range map[string]time.Duration{"min": s.Min, "mean": s.Mean, "p50": s.P50, "p90": s.P90, "p95": s.P95, "p99": s.P99, "max": s.Max} {
			times.Set(d.Seconds(), name)
		}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
