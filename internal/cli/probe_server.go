package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"synscope/internal/check"
	"synscope/internal/plainhttp"
	"synscope/internal/target"
)

// Bounds of /probe.
const (
	probersAlone   = 4   // runs at once, where only the targets of the run may be asked for
	probersAllowed = 16  // and where --probe-allow says what may be
	proberPorts    = 4   // source ports of each
	proberRate     = 500 // SYNs a second of all together, without --rate
	proberHeld     = 96  // requests at work or waiting: the server's other connections are for /metrics
	proberBuffer   = 256 << 10

	// scrapeMargin is left of the scraper's patience for its own work, as
	// blackbox_exporter does.
	scrapeMargin = 500 * time.Millisecond
	// proberPatience is how long a request may take whose scraper does not say.
	proberPatience = 90 * time.Second
)

// prober answers /probe?target=HOST:PORT&module=NAME with the metrics of one run of
// a module, as blackbox_exporter does.
type prober struct {
	options *pingOptions
	streams Streams
	probing probing
	allow   *allowance // nil: the targets of the run
	own     atomic.Pointer[ownTargets]
	modules atomic.Pointer[map[string]check.Module]
	idle    chan *opened // engines without work
	engines []*opened
	held    atomic.Int32
	pace    slots
	count   func(result string) // takes note of a request
}

// newProber reads what /probe is to do, before anything is opened.
func newProber(j *pingJob) (*prober, error) {
	p := &prober{options: j.options, streams: j.streams, probing: j.probing, count: func(string) {}}
	p.probing.sourcePort, p.probing.device = 0, 0
	p.pace.rate = proberRate
	if j.probing.rate > 0 {
		p.pace.rate = j.probing.rate
	}
	var err error
	if p.allow, err = j.options.allowance(); err != nil {
		return nil, err
	}
	return p, p.readModules()
}

// readModules reads the file of modules, for the first time or again.
func (p *prober) readModules() error {
	all := check.BuiltIn()
	if path := p.options.ProbeModules; path != "" {
		var err error
		all, err = check.LoadModules(path, check.Source{Read: os.ReadFile, Env: func(name string) (string, bool) {
			v := p.streams.Env(name)
			return v, v != ""
		}})
		if err != nil {
			return usagef("--probe-modules: %w", err)
		}
	}
	p.modules.Store(&all)
	return nil
}

// open opens engines like that of the run: once rights are given up, none can be.
func (p *prober) open(like *opened) error {
	n := probersAlone
	if p.allow != nil {
		n = probersAllowed
	}
	p.idle = make(chan *opened, n)
	for range n {
		e := &opened{name: engineConnect}
		if like.conn != nil {
			one, err := p.probing.openSmall(proberPorts, proberBuffer)
			if err != nil {
				return err
			}
			e = &one
		}
		p.engines = append(p.engines, e)
		p.idle <- e
	}
	if p.allow != nil {
		p.allow.ours = p.engines[0].ours
	}
	return nil
}

func (p *prober) close() {
	if p == nil {
		return
	}
	for _, e := range p.engines {
		e.close()
	}
}

// refusal is a request that is not answered with metrics.
type refusal struct {
	status int
	result string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refused(status int, result string, err error) error { return &refusal{status, result, err} }

// serve answers one request.
func (p *prober) serve(ctx context.Context, request *plainhttp.Request) plainhttp.Answer {
	start := time.Now()
	ctx, cancel := context.WithDeadline(ctx, start.Add(patienceOf(request)))
	defer cancel()
	run, err := p.answer(ctx, request)
	var no *refusal
	if errors.As(err, &no) {
		p.count(no.result)
		return no.answer()
	}
	run.took = time.Since(start)
	p.count(map[bool]string{true: "success", false: "failure"}[run.success()])
	return run.registry().Answer(request)
}

func (r *refusal) answer() plainhttp.Answer {
	a := plainhttp.Text(r.status, r.Error())
	if r.status == plainhttp.Unavailable {
		return a.With("Retry-After", "1")
	}
	return a
}

// patienceOf is how long a scraper waits, less what it takes itself.
func patienceOf(request *plainhttp.Request) time.Duration {
	seconds, err := strconv.ParseFloat(request.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || !(seconds > 0 && seconds < proberPatience.Seconds()) {
		return proberPatience
	}
	all := time.Duration(seconds * float64(time.Second))
	return max(all-scrapeMargin, all/2)
}

// answer does what a request asks for. A name that does not resolve is a failure
// of the target, and no refusal.
func (p *prober) answer(ctx context.Context, request *plainhttp.Request) (*probeRun, error) {
	run, err := p.asked(request)
	if err != nil {
		return nil, err
	}
	defer p.held.Add(-1)
	if p.held.Add(1) > proberHeld {
		return nil, refused(plainhttp.Unavailable, "busy", errors.New("too many probes are at work or wait"))
	}
	e, err := p.place(ctx, run.module.SYNs())
	if err != nil {
		return nil, err
	}
	defer func() { p.idle <- e }()
	if err := p.resolve(ctx, run); err != nil {
		return nil, err
	}
	if run.unresolved == nil {
		run.probe(ctx, e, p)
	}
	return run, nil
}

// asked reads a request.
func (p *prober) asked(request *plainhttp.Request) (*probeRun, error) {
	query, err := url.ParseQuery(request.URL.RawQuery)
	if err == nil {
		err = onlyOnce(query)
	}
	if err != nil {
		return nil, refused(plainhttp.BadRequest, "bad-request", err)
	}
	word, name := query.Get("target"), query.Get("module")
	name = cmp.Or(name, "syn")
	m, known := (*p.modules.Load())[name]
	switch {
	case word == "" || len(word) > 300:
		return nil, refused(plainhttp.BadRequest, "bad-request", errors.New("target is missing: /probe?target=HOST:PORT&module=NAME"))
	case !known:
		return nil, refused(plainhttp.BadRequest, "bad-request", fmt.Errorf("module %q is not known", name))
	}
	return &probeRun{word: word, module: m}, nil
}

// onlyOnce refuses what would be ignored: an unknown parameter, and a second value of
// one. A misspelt "module" would otherwise be answered by the default module.
func onlyOnce(query url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case name != "target" && name != "module":
			return fmt.Errorf("parameter %q is not known: /probe?target=HOST:PORT&module=NAME", name)
		case len(query[name]) > 1:
			return fmt.Errorf("%s is there %d times", name, len(query[name]))
		}
	}
	return nil
}

// place waits for an engine, and for the rate to let n SYNs pass.
func (p *prober) place(ctx context.Context, n int) (*opened, error) {
	busy := refused(plainhttp.Unavailable, "busy", errors.New("no place for a probe became free in time"))
	select {
	case e := <-p.idle:
		wait := p.pace.take(n, time.Now())
		if deadline, _ := ctx.Deadline(); time.Now().Add(wait).After(deadline) {
			p.pace.give(n)
			p.idle <- e
			return nil, busy
		}
		select {
		case <-time.After(wait):
			return e, nil
		case <-ctx.Done():
			p.idle <- e
		}
	case <-ctx.Done():
	}
	return nil, busy
}

// resolve finds the one address and port that a request is about, and whether it
// may be probed.
func (p *prober) resolve(ctx context.Context, run *probeRun) error {
	if !p.resolves(run.word) {
		return refused(plainhttp.Forbidden, "forbidden", p.forbidden(run.word))
	}
	opts, err := p.options.targets(p.streams)
	if err != nil {
		return refused(plainhttp.InternalError, "bad-request", err)
	}
	opts.Lists, opts.Stdin, opts.SkipBad = nil, strings.NewReader(""), false
	opts.Ports = target.PortsOf(run.module.Port)
	if run.module.Family != "ip" {
		opts.Family = map[string]target.Family{"ip4": target.IPv4, "ip6": target.IPv6}[run.module.Family]
	}
	start := time.Now()
	set, err := target.Parse(ctx, []string{run.word}, opts)
	run.resolving = time.Since(start)
	switch {
	case errors.Is(err, target.ErrResolve), errors.Is(err, target.ErrResolver), ctx.Err() != nil:
		run.unresolved = errors.Join(err, ctx.Err())
		return nil
	case errors.Is(err, target.ErrEmpty):
		return refused(plainhttp.Forbidden, "forbidden", err)
	case err != nil:
		return refused(plainhttp.BadRequest, "bad-request", err)
	case set.Count() != 1:
		return refused(plainhttp.BadRequest, "bad-request", fmt.Errorf("target %q: one address and one port, please", run.word))
	}
	return p.permit(run, set.At(0))
}

func (p *prober) permit(run *probeRun, pair netip.AddrPort) error {
	switch {
	case pair.Port() == 0:
		return refused(plainhttp.BadRequest, "bad-request", fmt.Errorf("target %q names no port, and neither does module %s", run.word, run.module.Name))
	case !p.allows(run.word, pair):
		return refused(plainhttp.Forbidden, "forbidden", p.forbidden(run.word))
	}
	run.target = pair
	return nil
}

// slots lets a rate of SYNs pass, up to a second of it at once.
type slots struct {
	mu   sync.Mutex
	rate float64
	free time.Time // when all that passed so far have, at the rate
}

// take books n, and returns how long to wait for them.
func (s *slots) take(n int, now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if earliest := now.Add(-time.Second); s.free.Before(earliest) {
		s.free = earliest
	}
	s.free = s.free.Add(s.cost(n))
	return max(s.free.Sub(now), 0)
}

// give takes a booking back.
func (s *slots) give(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = s.free.Add(-s.cost(n))
}

func (s *slots) cost(n int) time.Duration {
	if math.IsInf(s.rate, 1) {
		return 0
	}
	return time.Duration(float64(n) / s.rate * float64(time.Second))
}
