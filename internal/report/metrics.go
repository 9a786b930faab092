package report

import (
	"net/netip"
	"strconv"
	"time"

	"synscope/internal/openmetrics"
	"synscope/internal/plainhttp"
	"synscope/probe"
	"synscope/probe/ping"
)

// Metrics are the counters of a long ping for Prometheus. Their number depends on the targets alone, never
// on how long the run lasts. Observe and the handler may run at once.
type Metrics struct {
	registry *openmetrics.Registry
	sent     openmetrics.Counter
	answers  openmetrics.Counter
	lost     openmetrics.Counter
	failed   openmetrics.Counter
	doubtful openmetrics.Counter
	resolve  openmetrics.Counter
	outages  openmetrics.Counter
	up       openmetrics.Gauge

	reloaded, reloadedAt openmetrics.Gauge
	requests             openmetrics.Counter
	rtt                  openmetrics.Histogram
}

// rttBuckets are the ends of the buckets, in seconds: from a veth's RTT to a
// timeout, five a decade.
var rttBuckets = []float64{
	10e-6, 15e-6, 20e-6, 30e-6, 50e-6, 70e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 700e-6,
	1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7e-3, 10e-3, 15e-3, 20e-3, 30e-3, 50e-3, 70e-3,
	0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5,
}

// NewMetrics makes counters without a value yet.
func NewMetrics(version, engine string) *Metrics {
	r := &openmetrics.Registry{}
	r.Gauge("synscope_build_info", "Always 1; the labels say what runs.", "engine", "version").Set(1, engine, version)
	counter := func(name, help string, more ...string) openmetrics.Counter {
		return r.Counter("synscope_ping_"+name, help, append([]string{"target", "addr", "port"}, more...)...)
	}
	return &Metrics{
		registry:   r,
		sent:       counter("probes_sent_total", "SYNs that left, or would have if there had been a route."),
		answers:    counter("answers_total", "Probes that the port answered, by what it said: open or refused.", "state"),
		lost:       counter("probes_lost_total", "Probes that the port did not answer, by the reason.", "reason"),
		failed:     counter("send_errors_total", "Probes that this machine could not send; they are among the lost ones."),
		doubtful:   counter("doubtful_total", "Answers whose time was not counted, by the reason.", "reason"),
		resolve:    counter("resolve_failures_total", "Times that the target's name did not resolve."),
		outages:    counter("outages_total", "Times in which nothing was answered, longer than chance explains, that are over."),
		up:         r.Gauge("synscope_ping_up", "Whether the latest probe found the port open.", "target", "addr", "port"),
		reloaded:   r.Gauge("synscope_config_last_reload_successful", "Whether the lists of targets could be read when they last were."),
		reloadedAt: r.Gauge("synscope_config_last_reload_success_timestamp_seconds", "When they last could be."),
		requests:   r.Counter("synscope_probe_requests_total", "Requests to /probe, by how they ended.", "result"),
		rtt: r.Histogram("synscope_ping_rtt_seconds", "Round-trip time of the handshake, SYN to SYN-ACK or RST.",
			rttBuckets, "target", "addr", "port"),
	}
}

// Watch makes the counters of a target that cannot be absent start from zero,
// so that the first loss is seen as an increase. Each address of a target has
// its own: word is what the user typed.
func (m *Metrics) Watch(word string, target netip.AddrPort) {
	of := pinged(word, target)
	m.sent.Touch(of()...)
	m.failed.Touch(of()...)
	m.resolve.Touch(of()...)
	m.outages.Touch(of()...)
	m.answers.Touch(of(probe.StateOpen.String())...)
	m.answers.Touch(of(probe.StateRefused.String())...)
	m.lost.Touch(of(string(probe.ReasonNoResponse))...)
	m.rtt.Touch(of()...)
	m.up.Touch(of()...)
}

// pinged gives the labels of a target, and more behind them. The address of a name
// that has not resolved yet is empty.
func pinged(word string, target netip.AddrPort) func(more ...string) []string {
	addr := ""
	if target.Addr().IsValid() {
		addr = target.Addr().String()
	}
	labels := []string{word, addr, strconv.Itoa(int(target.Port()))}
	return func(more ...string) []string { return append(labels[:3:3], more...) }
}

// Observe counts one probe of a target.
func (m *Metrics) Observe(word string, s *ping.Sample) {
	if s.Doubt == probe.DoubtSkipped {
		return
	}
	of := pinged(word, s.Target)
	m.sent.Add(float64(1+s.Vain()), of()...)
	up := 0.0
	if s.State == probe.StateOpen {
		up = 1
	}
	m.up.Set(up, of()...)
	if s.Err != nil {
		m.failed.Add(1, of()...)
	}
	if n := s.Vain(); n > 0 {
		m.lost.Add(float64(n), of(string(probe.ReasonNoResponse))...)
	}
	switch {
	case !s.Answered():
		m.lost.Add(1, of(string(s.Reason))...)
		return
	case s.Timed():
		m.rtt.Observe(s.RTT.Seconds(), of()...)
	case s.Doubt != probe.DoubtNone:
		m.doubtful.Add(1, of(string(s.Doubt))...)
	}
	m.answers.Add(1, of(s.State.String())...)
}

// Outage counts a time in which a target answered nothing.
func (m *Metrics) Outage(word string, target netip.AddrPort) {
	m.outages.Add(1, pinged(word, target)()...)
}

// Unresolved counts a target whose name did not resolve; it is the address of
// before that goes on being probed.
func (m *Metrics) Unresolved(word string, target netip.AddrPort) {
	m.resolve.Add(1, pinged(word, target)()...)
}

// Moved ends the counters of an address that a target has no more, and begins
// those of another: an address that nobody probes is neither up nor down.
func (m *Metrics) Moved(word string, from, to netip.AddrPort) {
	m.Forget(word, from)
	m.Watch(word, to)
}

// Forget ends the counters of a target that is probed no more.
func (m *Metrics) Forget(word string, target netip.AddrPort) {
	of := pinged(word, target)()
	for _, c := range []openmetrics.Counter{m.sent, m.answers, m.lost, m.failed, m.doubtful, m.resolve, m.outages} {
		c.Delete(of...)
	}
	m.up.Delete(of...)
	m.rtt.Delete(of...)
}

// Reloaded says that the lists of targets were read; ReloadFailed, that the latest
// reading of them failed.
func (m *Metrics) Reloaded(at time.Time) {
	m.reloaded.Set(1)
	m.reloadedAt.Set(float64(at.Unix()))
}

func (m *Metrics) ReloadFailed() { m.reloaded.Set(0) }

// Requested counts a request to /probe and its result.
func (m *Metrics) Requested(result string) { m.requests.Add(1, result) }

// Handler answers scrapes.
func (m *Metrics) Handler() plainhttp.Handler { return m.registry.Handler() }
