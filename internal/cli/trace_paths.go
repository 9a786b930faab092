package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"

	"synscope/internal/picture"
	"synscope/internal/plot"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/netraw"
	"synscope/probe/paths"
	"synscope/probe/trace"
)

// readPaths reads what belongs to a search for all paths.
func (j *traceJob) readPaths() error {
	o := j.options
	switch {
	case !o.Paths && o.Plot != "":
		return usagef("--plot: a trace draws its paths, with --paths")
	case !o.Paths:
		return nil
	case o.given["flow"]:
		return usagef("--flow: all paths are found by flows that vary; leave it out, or --paths")
	case o.given["g"]:
		return usagef("-g: all paths are found by many source ports; leave it out, or --paths")
	}
	if o.Plot != "" {
		if err := picture.Check(o.Plot); err != nil {
			return usagef("--plot: %w", err)
		}
	}
	return nil
}

// pathPorts is how many source ports a search for paths holds: sixteen paths take
// some three hundred, uneven ones more.
const pathPorts = netraw.MaxPorts

// leastPathPorts is with how few a search is begun.
const leastPathPorts = 64

// explore finds all paths and closes their record.
func (j *traceJob) explore(ctx context.Context, s *session) (route trace.Path, err error) {
	cfg := paths.Config{
		Target: j.cfg.Target, MaxHops: j.cfg.MaxHops, Timeout: j.cfg.Timeout, Rate: j.cfg.Rate, Queries: j.cfg.Queries,
		Profile: j.cfg.Profile, TOS: j.cfg.TOS,
	}
	if s.progress != nil {
		cfg.OnProgress = func(p paths.Progress) { s.progress.Show(explored(p)...) }
	}
	m, err := paths.Run(ctx, s.network, cfg)
	if m == nil {
		return route, err
	}
	route.Verdict, route.Summary = m.Verdict, m.Summary
	names := j.namesOf(ctx, m)
	for _, step := range []func() error{
		func() error { return s.Record(record.NewPaths(j.word, m, names)) },
		func() error { return s.Record(record.NewPort(j.word, &m.Verdict)) },
		func() error { return j.drawPaths(m, names) },
	} {
		err = cmp.Or(err, step())
	}
	return route, s.conclude(&m.Summary, err)
}

// explored is the line of progress of a search for paths.
func explored(p paths.Progress) []string {
	parts := []string{units.CountOf(uint64(p.Nodes), "node") + " known",
		units.CountOf(uint64(p.Probes), "SYN") + " of about " + units.Count(uint64(p.Asked)), units.Duration(p.Elapsed)}
	if p.Limited > 0 {
		parts = append(parts, "slow: "+units.CountOf(uint64(p.Limited), "rate-limited hop"))
	}
	return parts
}

// namesOf are the names of those who answered.
func (j *traceJob) namesOf(ctx context.Context, m *paths.Map) map[netip.Addr]string {
	names := map[netip.Addr]string{}
	if j.options.NoNames {
		return names
	}
	var unknown []netip.Addr
	for _, n := range m.Nodes {
		if _, known := names[n.Addr]; n.Addr.IsValid() && !known {
			names[n.Addr] = ""
			unknown = append(unknown, n.Addr)
		}
	}
	found := make(chan [2]string, len(unknown))
	for _, a := range unknown {
		go func() { found <- [2]string{a.String(), reverse(ctx, a)} }()
	}
	for range unknown {
		f := <-found
		names[netip.MustParseAddr(f[0])] = f[1]
	}
	return names
}

// drawPaths makes the picture.
func (j *traceJob) drawPaths(m *paths.Map, names map[netip.Addr]string) error {
	if j.options.Plot == "" || len(m.Nodes) == 0 {
		return nil
	}
	title := fmt.Sprintf("Paths to %s: %d", j.cfg.Target, len(m.Paths))
	if m.Confidence > 0 {
		title += fmt.Sprintf(", %.1f %% sure that none is missing", 100*min(m.Confidence, 0.999))
	}
	return written(plot.Paths(j.options.Plot, title, m, names))
}
