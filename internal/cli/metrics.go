package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"synscope/internal/report"
	"synscope/probe/ping"
)

// metricsServer serves the counters of a long ping. A nil one serves nothing.
type metricsServer struct {
	listener net.Listener
	metrics  *report.Metrics
	http     *http.Server
}

// serve opens the address of --metrics, if one was given: what is wrong with it
// is told before anything is sent.
func (j *pingJob) serve() (*metricsServer, error) {
	addr := j.c.String("metrics")
	if addr == "" {
		return nil, nil
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, usagef("--metrics: %q is no address to listen on, such as :9115 or 127.0.0.1:9115", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &exit{exitUnable, fmt.Errorf("--metrics: %w", err)}
	}
	return &metricsServer{listener: l}, nil
}

// scrapePatience bounds every step of a scrape, so that no client holds a
// connection for good.
const scrapePatience = 15 * time.Second

// start begins to answer scrapes for the targets of a job.
func (m *metricsServer) start(engine string, j *pingJob) {
	if m == nil {
		return
	}
	m.metrics = report.NewMetrics(Version, engine)
	for _, s := range j.series {
		m.metrics.Watch(s.word, s.target)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.metrics.Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "synscope ping: the metrics are at /metrics")
	})
	m.http = &http.Server{Handler: mux, ReadTimeout: scrapePatience, WriteTimeout: scrapePatience, IdleTimeout: 2 * time.Minute}
	go m.http.Serve(m.listener)
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

// close ends the server, after the scrapes under way.
func (m *metricsServer) close() error {
	switch {
	case m == nil:
		return nil
	case m.http == nil:
		return m.listener.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := m.http.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return m.http.Close()
}
