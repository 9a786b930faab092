package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"synscope/internal/check"
	"synscope/internal/report/record"
	"synscope/netraw"
	"synscope/probe"

	words "synscope/internal/explain"
)

// phase is one command that a check runs, over some of its targets.
type phase struct {
	command string
	flags   []string
	lines   []string // targets with their ports
}

// args are the command line without targets.
func (p *phase) args() []string { return append([]string{p.command}, p.flags...) }

// beside is how many connections, and traces, are followed at the same time.
const beside = 12

// phases are the commands to run. Connections are followed one after the other by
// the command that does so, hence several of them run beside each other.
func (j *checkJob) phases() (all []phase) {
	add := func(command string, lines []string, parts int, flags ...string) {
		for _, some := range parted(lines, parts) {
			all = append(all, phase{command, append(slices.Clone(flags), j.shared()...), some})
		}
	}
	p := &j.expected.Probing
	add("scan", j.needs.Scan, 1, "--discover", "none")
	add("ping", j.needs.Ping, 1, "-c", strconv.Itoa(p.Count), "-i", p.Interval.String())
	add("handshake", j.needs.Handshake, beside)
	add("isn", j.needs.ISN, 1)
	add("isn", j.needs.QuickISN, 1, "--quick")
	for _, line := range j.needs.Trace {
		add("trace", []string{line}, 1, "-n")
	}
	j.share(all)
	return all
}

// shared are the flags that all commands have.
func (j *checkJob) shared() (flags []string) {
	p := &j.expected.Probing
	if p.Timeout > 0 {
		flags = append(flags, "--timeout", p.Timeout.String())
	}
	if p.Retries >= 0 {
		flags = append(flags, "--max-retries", strconv.Itoa(p.Retries))
	}
	if iface := j.options.Interface; iface != "" {
		flags = append(flags, "-e", iface)
	}
	return flags
}

// share divides the rate among the commands that have one. The others wait for each
// answer.
func (j *checkJob) share(all []phase) {
	paced := 0
	for _, p := range all {
		if p.command == "scan" || p.command == "isn" {
			paced++
		}
	}
	for i := range all {
		if p := &all[i]; j.rate > 0 && (p.command == "scan" || p.command == "isn") {
			p.flags = append(p.flags, "--rate", strconv.FormatFloat(max(1, j.rate/float64(paced)), 'f', -1, 64))
		}
	}
}

// parted divides lines into parts, at most that many.
func parted(lines []string, parts int) (all [][]string) {
	if len(lines) == 0 {
		return nil
	}
	all = make([][]string, min(parts, len(lines)))
	for i, line := range lines {
		all[i%len(all)] = append(all[i%len(all)], line)
	}
	return all
}

// probe runs all commands and gathers what they find.
func (j *checkJob) probe(ctx context.Context, d *display) (*check.Facts, probe.Summary, error) {
	g := &gathering{facts: check.NewFacts()}
	g.facts.Unasked = j.unasked
	err := j.gather(ctx, g, d)
	return g.facts, g.summary, err
}

// gather scans first: the other commands then meet neighbours that the kernel
// knows, and no packet of theirs waits for an address.
func (j *checkJob) gather(ctx context.Context, g *gathering, d *display) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var scans, others []phase
	for _, p := range j.phases() {
		if p.command == "scan" {
			scans = append(scans, p)
		} else {
			others = append(others, p)
		}
	}
	for _, some := range [][]phase{scans, others} {
		j.together(ctx, cancel, some, g, d)
	}
	return g.err
}

// together runs commands beside each other, but no more at a time than may be; the
// first that fails ends the others.
func (j *checkJob) together(ctx context.Context, cancel func(), some []phase, g *gathering, d *display) {
	places := make(chan struct{}, beside+2)
	var running sync.WaitGroup
	for _, p := range some {
		running.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if err := j.runPhase(ctx, &p, g, d); err != nil {
				g.fail(err)
				cancel()
			}
		})
	}
	running.Wait()
}

// gathering is what the commands have found so far.
type gathering struct {
	mu      sync.Mutex
	facts   *check.Facts
	summary probe.Summary
	err     error
}

// fail keeps the first error, but for those of commands that the first has cancelled.
func (g *gathering) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil || exitCode(g.err) == exitInterrupted {
		g.err = err
	}
}

// unable notes why a command could not run: what rests on it is not judged.
func (g *gathering) unable(command string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	why := err.Error()
	if errors.Is(err, netraw.ErrPermission) {
		why = "it takes raw sockets: run as root, or see `synscope doctor`"
	}
	g.facts.Unable[command] = why
}

// runPhase runs one command and takes its records.
func (j *checkJob) runPhase(ctx context.Context, p *phase, g *gathering, d *display) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w", probe.ErrInterrupted)
	}
	var said bytes.Buffer
	began := time.Now()
	out := &recordLines{take: func(line []byte) error { return g.take(p.command, line, time.Since(began)) }}
	s := Streams{
		In: strings.NewReader(strings.Join(p.lines, "\n") + "\n"), Out: out, Err: &said,
		Env: j.streams.Env, Resolver: j.streams.Resolver,
	}
	args := append(p.args(), "-o", "json")
	if p.command == "trace" {
		args = append(args, p.lines...)
	} else {
		args = append(args, "-iL", "-")
	}
	err := run(ctx, args, s)
	if d.level > 0 {
		d.remark(strings.Split(strings.TrimSpace(strings.ReplaceAll(said.String(), "synscope: ", "")), "\n")...)
	}
	switch {
	case err == nil, exitCode(err) == exitNo:
		return nil
	case exitCode(err) == exitUnable:
		g.unable(p.command, err)
		return nil
	}
	return &exit{exitCode(err), fmt.Errorf("%s: %w", p.command, err)}
}

// take gives a record to the facts, with how long its command had run, and adds up
// the counts of summaries.
func (g *gathering) take(command string, line []byte, took time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if bytes.HasPrefix(line, []byte(`{"type":"summary"`)) {
		var s record.Summary
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		g.summary.Add(s.Traffic())
		return nil
	}
	return g.facts.Add(command, line, took)
}

// recordLines is a writer that passes on whole lines.
type recordLines struct {
	take func(line []byte) error
	rest []byte
}

func (r *recordLines) Write(b []byte) (int, error) {
	r.rest = append(r.rest, b...)
	for {
		line, rest, whole := bytes.Cut(r.rest, []byte{'\n'})
		if !whole {
			return len(b), nil
		}
		if err := r.take(line); err != nil {
			return 0, err
		}
		r.rest = rest
	}
}

// writeExplanations writes entries in the format of standard output; where that is
// no format for them, they are left out.
func (j *checkJob) writeExplanations(entries []words.Entry) error {
	switch j.options.Format {
	case "", "text":
		if _, err := io.WriteString(j.streams.Out, "\n"); err != nil {
			return err
		}
		return words.WriteText(j.streams.Out, entries, readable(j.streams.Out))
	case "json":
		return writeEntries(j.streams, entries)
	}
	return nil
}

// explain explains the words in failed expectations, and runs why on their ports.
func (j *checkJob) explain(ctx context.Context, failed []check.Result) error {
	var seen, ports []string
	var entries []words.Entry
	for _, r := range failed {
		for _, w := range r.Words {
			if w != "" && !slices.Contains(seen, w) {
				seen = append(seen, w)
				entries = append(entries, explanations(w)...)
			}
		}
		if strings.Contains(r.Target, ":") && !slices.Contains(ports, r.Target) {
			ports = append(ports, r.Target)
		}
	}
	if err := j.writeExplanations(entries); err != nil {
		return err
	}
	if len(ports) == 0 {
		return nil
	}
	args := append([]string{"why"}, ports[:min(len(ports), mostWhys)]...)
	if j.options.Format == "json" {
		args = append(args, "-o", "json")
	}
	s := j.streams
	s.Confine = nil // it has been done, and cannot be done twice
	err := run(ctx, args, s)
	if err != nil && exitCode(err) != exitNo {
		return err
	}
	return nil
}

// explanations are those of a reason, finding or class, or, of a word that is
// none, of what it is.
func explanations(word string) []words.Entry {
	all := words.Of(word)
	verdicts := slices.DeleteFunc(slices.Clone(all), func(e words.Entry) bool {
		return e.Kind != words.Reason && e.Kind != words.Finding && e.Kind != words.Class
	})
	if len(verdicts) == 0 {
		return all
	}
	return verdicts
}

// mostWhys is on how many ports why is run, since each takes its time.
const mostWhys = 5
