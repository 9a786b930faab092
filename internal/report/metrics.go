package report

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"synscope/probe"
	"synscope/probe/ping"
)

// Metrics are the counters of a long ping for Prometheus, in the OpenMetrics
// text format or as protobuf. Their number depends on the targets alone, never
// on how long the run lasts. Observe and the handler may run at once.
type Metrics struct {
	registry *prometheus.Registry
	sent     *prometheus.CounterVec
	answers  *prometheus.CounterVec
	lost     *prometheus.CounterVec
	failed   *prometheus.CounterVec
	doubtful *prometheus.CounterVec
	resolve  *prometheus.CounterVec
	up       *prometheus.GaugeVec
	rtt      *prometheus.HistogramVec
}

// rttBuckets are the classic buckets, in seconds: from a veth's RTT to a
// timeout, three a decade. Scrapers of native histograms get finer ones.
var rttBuckets = []float64{
	10e-6, 20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.2, 0.5, 1, 2, 5,
}

// NewMetrics makes counters without a value yet.
func NewMetrics(version, engine string) *Metrics {
	target := []string{"target", "port"}
	counter := func(name, help string, more ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "synscope", Subsystem: "ping", Name: name, Help: help}, append(target[:2:2], more...))
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		sent:     counter("probes_sent_total", "SYNs that left, or would have if there had been a route."),
		answers:  counter("answers_total", "Probes that the port answered, by what it said: open or refused.", "state"),
		lost:     counter("probes_lost_total", "Probes that the port did not answer, by the reason.", "reason"),
		failed:   counter("send_errors_total", "Probes that this machine could not send; they are among the lost ones."),
		doubtful: counter("doubtful_total", "Answers whose time was not counted, by the reason.", "reason"),
		resolve:  counter("resolve_failures_total", "Times that the target's name did not resolve."),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "synscope", Subsystem: "ping", Name: "up",
			Help: "Whether the latest probe found the port open."}, target),
		rtt: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "synscope", Subsystem: "ping", Name: "rtt_seconds",
			Help:    "Round-trip time of the handshake, SYN to SYN-ACK or RST.",
			Buckets: rttBuckets, NativeHistogramBucketFactor: 1.1,
			NativeHistogramMaxBucketNumber: 160, NativeHistogramMinResetDuration: time.Hour,
		}, target),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "synscope", Name: "build_info",
		Help: "Always 1; the labels say what runs."}, []string{"version", "engine"})
	build.WithLabelValues(version, engine).Set(1)
	m.registry.MustRegister(build, m.sent, m.answers, m.lost, m.failed, m.doubtful, m.resolve, m.up, m.rtt)
	return m
}

// Watch makes the counters of a target that cannot be absent start from zero,
// so that the first loss is seen as an increase.
func (m *Metrics) Watch(target string, port uint16) {
	p := strconv.Itoa(int(port))
	m.sent.WithLabelValues(target, p)
	m.failed.WithLabelValues(target, p)
	m.resolve.WithLabelValues(target, p)
	m.answers.WithLabelValues(target, p, probe.StateOpen.String())
	m.answers.WithLabelValues(target, p, probe.StateRefused.String())
	m.lost.WithLabelValues(target, p, string(probe.ReasonNoResponse))
	m.rtt.WithLabelValues(target, p)
	m.up.WithLabelValues(target, p)
}

// Observe counts one probe of a target.
func (m *Metrics) Observe(target string, s *ping.Sample) {
	if s.Doubt == probe.DoubtSkipped {
		return
	}
	port := strconv.Itoa(int(s.Target.Port()))
	m.sent.WithLabelValues(target, port).Add(float64(1 + s.Repeats))
	up := 0.0
	if s.State == probe.StateOpen {
		up = 1
	}
	m.up.WithLabelValues(target, port).Set(up)
	if s.Err != nil {
		m.failed.WithLabelValues(target, port).Inc()
	}
	if s.Repeats > 0 {
		m.lost.WithLabelValues(target, port, string(probe.ReasonNoResponse)).Add(float64(s.Repeats))
	}
	switch {
	case !s.Answered():
		m.lost.WithLabelValues(target, port, string(s.Reason)).Inc()
		return
	case s.Timed():
		m.rtt.WithLabelValues(target, port).Observe(s.RTT.Seconds())
	case s.Doubt != probe.DoubtNone:
		m.doubtful.WithLabelValues(target, port, string(s.Doubt)).Inc()
	}
	m.answers.WithLabelValues(target, port, s.State.String()).Inc()
}

// Unresolved counts a target whose name did not resolve.
func (m *Metrics) Unresolved(target string, port uint16) {
	m.resolve.WithLabelValues(target, strconv.Itoa(int(port))).Inc()
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	})
}
