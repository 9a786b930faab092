package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"synscope/internal/plainhttp"
	"synscope/internal/report"
	"synscope/probe/ping"
)

// metricsServer serves the counters of a long ping, and probes on request (/probe).
// A nil one serves nothing.
type metricsServer struct {
	listener net.Listener
	metrics  *report.Metrics
	prober   *prober
	http     *plainhttp.Server
}

// serves reports whether there is a server; servesOnly, whether there is nothing
// else.
func (j *pingJob) serves() bool { return j.options.Metrics != "" }

func (j *pingJob) servesOnly() bool {
	return j.serves() && j.options.given["probe-allow"] && len(j.options.words) == 0 && len(j.options.Lists) == 0
}

// readServing refuses what belongs to a server without one.
func (j *pingJob) readServing() (err error) {
	for _, name := range []string{"probe-allow", "probe-modules"} {
		if j.options.given[name] && !j.serves() {
			return usagef("%s has no effect without --metrics", dashed(name))
		}
	}
	if j.serves() {
		j.prober, err = newProber(j)
	}
	return err
}

// serve opens the address of --metrics, if one was given: what is wrong with it
// is reported before anything is sent.
func (j *pingJob) serve() (*metricsServer, error) {
	addr := j.options.Metrics
	if addr == "" {
		return nil, nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return nil, usagef("--metrics: %q is no address to listen on, such as :9115 or 127.0.0.1:9115", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &exit{exitUnable, fmt.Errorf("--metrics: %w", err)}
	}
	return &metricsServer{listener: l, prober: j.prober}, nil
}

// scrapePatience bounds every step of a scrape, so that no client holds a
// connection for good.
const scrapePatience = 15 * time.Second

// mostScrapers is how many connections may be open at a time, so that clients cannot use up
// the file descriptors that the run needs.
const mostScrapers = 128

// open opens what probes that are asked for take.
func (m *metricsServer) open(e *opened) error {
	if m == nil {
		return nil
	}
	return m.prober.open(e)
}

// start begins to answer scrapes for the targets of a job.
func (m *metricsServer) start(engine string, j *pingJob) {
	if m == nil {
		return
	}
	m.metrics = report.NewMetrics(Version, engine)
	m.metrics.Reloaded(time.Now())
	m.watch(j.series)
	m.prober.count = m.metrics.Requested
	m.prober.follow(j.set, j.series)
	m.http = &plainhttp.Server{Handler: m.route(m.metrics.Handler()), Patience: scrapePatience, Idle: plainhttp.DefaultIdle, MaxConns: mostScrapers}
	go m.http.Serve(m.listener)
}

// route answers a request by its path.
func (m *metricsServer) route(scrape plainhttp.Handler) plainhttp.Handler {
	return func(ctx context.Context, r *plainhttp.Request) plainhttp.Answer {
		switch r.URL.Path {
		case "/metrics":
			return scrape(ctx, r)
		case "/probe":
			return m.prober.serve(ctx, r)
		case "/", "":
			return plainhttp.Text(plainhttp.OK, "synscope ping: the metrics are at /metrics, one probe is at /probe?target=HOST:PORT&module=NAME")
		}
		return plainhttp.Text(plainhttp.NotFound, "there is no such page: the metrics are at /metrics")
	}
}

// readModules reads the modules of /probe again.
func (m *metricsServer) readModules() error {
	if m == nil {
		return nil
	}
	return m.prober.readModules()
}

func (m *metricsServer) observe(word string, s *ping.Sample) {
	if m != nil {
		m.metrics.Observe(word, s)
	}
}

func (m *metricsServer) outage(s *pingSeries) {
	if m != nil {
		m.metrics.Outage(s.word, s.target)
	}
}

func (m *metricsServer) unresolved(n *name) {
	if m != nil {
		m.metrics.Unresolved(n.word, netip.AddrPortFrom(n.addr, n.port))
	}
}

// moved follows a name to another address than old.
func (m *metricsServer) moved(n *name, old netip.Addr) {
	if m != nil {
		m.metrics.Moved(n.word, netip.AddrPortFrom(old, n.port), netip.AddrPortFrom(n.addr, n.port))
	}
}

// changed follows the series of a run from before a reload to those after it.
func (m *metricsServer) changed(j *pingJob, gone, come []*pingSeries) {
	if m == nil {
		return
	}
	m.prober.follow(j.set, j.series)
	for _, s := range gone {
		m.metrics.Forget(s.word, s.target)
	}
	m.watch(come)
}

// watch begins the counters of series; a name that has no address failed to
// resolve once.
func (m *metricsServer) watch(series []*pingSeries) {
	for _, s := range series {
		m.metrics.Watch(s.word, s.target)
		if !s.target.Addr().IsValid() {
			m.metrics.Unresolved(s.word, s.target)
		}
	}
}

func (m *metricsServer) reloaded(err error) {
	switch {
	case m == nil:
	case err != nil:
		m.metrics.ReloadFailed()
	default:
		m.metrics.Reloaded(time.Now())
	}
}

// close ends the server, after the scrapes under way.
func (m *metricsServer) close() error {
	switch {
	case m == nil:
		return nil
	case m.http == nil:
		m.prober.close()
		return m.listener.Close()
	}
	defer m.prober.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := m.http.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
