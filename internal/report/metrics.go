package report

import (
	"net/http"
	"strconv"

	"synscope/internal/openmetrics"
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
	up       openmetrics.Gauge
	rtt      openmetrics.Histogram
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
		return r.Counter("synscope_ping_"+name, help, append([]string{"target", "port"}, more...)...)
	}
	return &Metrics{
		registry: r,
		sent:     counter("probes_sent_total", "SYNs that left, or would have if there had been a route."),
		answers:  counter("answers_total", "Probes that the port answered, by what it said: open or refused.", "state"),
		lost:     counter("probes_lost_total", "Probes that the port did not answer, by the reason.", "reason"),
		failed:   counter("send_errors_total", "Probes that this machine could not send; they are among the lost ones."),
		doubtful: counter("doubtful_total", "Answers whose time was not counted, by the reason.", "reason"),
		resolve:  counter("resolve_failures_total", "Times that the target's name did not resolve."),
		up:       r.Gauge("synscope_ping_up", "Whether the latest probe found the port open.", "target", "port"),
		rtt: r.Histogram("synscope_ping_rtt_seconds", "Round-trip time of the handshake, SYN to SYN-ACK or RST.",
			rttBuckets, "target", "port"),
	}
}

// Watch makes the counters of a target that cannot be absent start from zero,
// so that the first loss is seen as an increase.
func (m *Metrics) Watch(target string, port uint16) {
	p := strconv.Itoa(int(port))
	m.sent.Touch(target, p)
	m.failed.Touch(target, p)
	m.resolve.Touch(target, p)
	m.answers.Touch(target, p, probe.StateOpen.String())
	m.answers.Touch(target, p, probe.StateRefused.String())
	m.lost.Touch(target, p, string(probe.ReasonNoResponse))
	m.rtt.Touch(target, p)
	m.up.Touch(target, p)
}

// Observe counts one probe of a target.
func (m *Metrics) Observe(target string, s *ping.Sample) {
	if s.Doubt == probe.DoubtSkipped {
		return
	}
	port := strconv.Itoa(int(s.Target.Port()))
	m.sent.Add(float64(1+s.Repeats), target, port)
	up := 0.0
	if s.State == probe.StateOpen {
		up = 1
	}
	m.up.Set(up, target, port)
	if s.Err != nil {
		m.failed.Add(1, target, port)
	}
	if s.Repeats > 0 {
		m.lost.Add(float64(s.Repeats), target, port, string(probe.ReasonNoResponse))
	}
	switch {
	case !s.Answered():
		m.lost.Add(1, target, port, string(s.Reason))
		return
	case s.Timed():
		m.rtt.Observe(s.RTT.Seconds(), target, port)
	case s.Doubt != probe.DoubtNone:
		m.doubtful.Add(1, target, port, string(s.Doubt))
	}
	m.answers.Add(1, target, port, s.State.String())
}

// Unresolved counts a target whose name did not resolve.
func (m *Metrics) Unresolved(target string, port uint16) {
	m.resolve.Add(1, target, strconv.Itoa(int(port)))
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler { return m.registry.Handler() }
