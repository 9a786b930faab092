//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"synscope/internal/lab"
)

// rate is what every command is allowed to send a second; a scan under attack sends six
// packets a port, questions and RSTs included.
const rate = 1000

// trial is a command line, with {target}, {addr}, {ports}, {n} and {file} to be
// filled in, and how it ends where nothing is believed.
type trial struct {
	name, line string
	exit       int
	mayFail    string // what standard error says where this machine cannot do it
}

const wide = "scan --stateless --max-retries 1 --timeout 500ms -p {ports} {addr} --engine "

var trials = []trial{
	{name: "scan", line: "scan --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "scan-fin", line: "scan -sF --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "scan-ack", line: "scan -sA --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "scan-window", line: "scan -sW --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "scan-null", line: "scan -sN --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "scan-xmas", line: "scan -sX --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "scan-maimon", line: "scan -sM --max-retries 1 --timeout 500ms -p {ports} {addr}"},
	{name: "discover", line: "scan -sn {addr}", exit: 0},
	{name: "raw", line: wide + "raw"},
	{name: "packet", line: wide + "packet", mayFail: "packet"},
	{name: "xdp", line: wide + "xdp", mayFail: "xdp"},
	{name: "ping", line: "ping -c {n} -i 50ms --timeout 500ms {target}", exit: 1},
	{name: "handshake", line: "handshake --max-retries 1 --timeout 300ms {target}", exit: 1},
	{name: "withhold", line: "handshake --withhold synack-ack --watch 1s --max-retries 1 --timeout 300ms {target}", exit: 1},
	{name: "isn", line: "isn --timeout 300ms {target}", exit: 1},
	{name: "trace", line: "trace -n --max-hops 4 --timeout 500ms {target}", exit: 1},
	{name: "watch", line: "trace --watch -n -c 3 --max-hops 4 --timeout 500ms {target}", exit: 1},
	{name: "paths", line: "trace --paths -n --max-hops 4 --timeout 500ms {target}", exit: 1},
	{name: "why", line: "why {target}", exit: 1},
	{name: "send", line: "send --flags S --seq 12345 --timeout 500ms {target}", exit: 1},
	{name: "send-ack", line: "send --flags A --seq 12345 --ack 54321 --timeout 500ms {target}", exit: 1},
	{name: "check", line: "check {file}"},
}

// expectations is what check is asked: that the host keeps silent.
const expectations = "probing: {timeout: 300ms, retries: 1, rate: 1000}\nexpect:\n  - {targets: %s, not-open: \"1-200\"}\n"

// field is the network of all trials.
type field struct {
	*lab.Lab
	program, dir string
	host         netip.Addr
	pps          float64
}

func newField(program string, pps float64, version lab.Family) (*field, error) {
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: "silent", Rules: []lab.Rule{{Do: lab.Drop}}}}})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "attack")
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := l.Host("silent").Do(func() error { return lab.AcceptRedirects("eth0") }); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	f := &field{Lab: l, program: program, dir: dir, host: l.Host("silent").Addr4(), pps: pps}
	if version == lab.IPv6 {
		f.host = l.Host("silent").Addr6()
	}
	return f, os.WriteFile(filepath.Join(dir, "silent.yaml"), fmt.Appendf(nil, expectations, f.host), 0o600)
}

func (f *field) close() error { return errors.Join(f.Close(), os.RemoveAll(f.dir)) }

// try runs a command again and again under attack until the time is up.
func (f *field) try(t *trial, each time.Duration) (*outcome, error) {
	o := &outcome{trial: t}
	a, err := f.Host("silent").Attack(lab.Attack{Rate: f.pps, Seed: 1})
	if err != nil {
		return nil, err
	}
	before, err := kernelResets()
	if err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	begun := time.Now()
	for o.runs == 0 || time.Since(begun) < each && o.unable == "" {
		if err := f.once(t, each, o); err != nil {
			return nil, errors.Join(err, a.Stop())
		}
	}
	o.took = time.Since(begun)
	o.forged = a.Sent()
	o.heard, o.resets = a.Heard()
	after, err := kernelResets()
	kernels := after - before
	o.heard -= min(o.heard, kernels)
	o.resets -= min(o.resets, kernels)
	return o, errors.Join(err, a.Stop())
}

// patience is how much longer than planned a run may take before it is asked to end,
// and ending how long that may take.
const (
	patience = 30 * time.Second
	ending   = 15 * time.Second
)

func (f *field) once(t *trial, each time.Duration, o *outcome) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*each+patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, f.program, f.arguments(t, each)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, ending
	begun := time.Now()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		return err
	}
	if ctx.Err() != nil {
		o.late(cmd.ProcessState, time.Since(begun))
	}
	o.runs++
	o.longest = max(o.longest, time.Since(begun))
	o.memory = max(o.memory, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss>>10)
	o.judge(cmd.ProcessState.ExitCode(), out.Bytes(), errs.String())
	return nil
}

// late counts a run that was not over in time. One that ends when it is asked to is
// slow, and says here how much of a processor it had; another hangs.
func (o *outcome) late(p *os.ProcessState, took time.Duration) {
	if p.ExitCode() < 0 {
		o.hung++
		return
	}
	share := 100 * (p.UserTime() + p.SystemTime()).Seconds() / took.Seconds()
	o.odd = append(o.odd, fmt.Sprintf("not over after %.0f s, with %.0f %% of a processor; ended when it was asked to", took.Seconds(), share))
}

func (f *field) arguments(t *trial, each time.Duration) []string {
	seconds := max(int(each/time.Second), 1)
	target := netip.AddrPortFrom(f.host, 443)
	line := strings.NewReplacer(
		"{target}", target.String(), "{addr}", f.host.String(),
		"{ports}", fmt.Sprintf("1-%d", min(seconds*rate/6, 65535)), "{n}", fmt.Sprint(seconds*20),
		"{file}", filepath.Join(f.dir, "silent.yaml"),
	).Replace(t.line)
	if t.name == "check" {
		return append(strings.Fields(line), "-o", "json")
	}
	return append(strings.Fields(line), "-o", "json", "--rate", fmt.Sprint(rate))
}
