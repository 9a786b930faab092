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
	"syscall"
	"time"

	"synscope/internal/lab"
)

// contender is a program that scans the target and writes what is open to a
// file, or to standard output.
type contender struct {
	name string
	args []string
	file string // empty: standard output
}

// contenders lists synscope's engines and the peers that are installed.
//
// The peers get what they need to send at once: masscan's own limits are off,
// zmap's cooldown is a second. The router's address is any: the world answers
// whatever reaches it.
func (o options) contenders() []contender {
	file := func(name string) string { return fmt.Sprintf("%s/bench-wide-%d-%s", os.TempDir(), os.Getpid(), name) }
	var list []contender
	for _, name := range []string{"xdp", "packet", "raw"} {
		list = append(list, contender{name, []string{
			"/proc/self/exe", "-contender", name, "-bits", fmt.Sprint(o.bits), "-source", o.source,
			"-results", file(name), "-format", o.format,
		}, file(name)})
	}
	const router = "02:00:00:00:00:01"
	list = append(list, contender{"zmap", []string{
		"zmap", "-q", "-v", "0", "-i", ifname, "-S", o.source, "-G", router, "-p", fmt.Sprint(port),
		"-r", "100000000", "-c", "1", "-b", "/dev/null", "-o", file("zmap"), o.target(),
	}, file("zmap")})
	list = append(list, contender{"masscan", []string{
		"masscan", "--adapter", ifname, "--adapter-ip", o.source, "--router-mac", router, "-p", fmt.Sprint(port),
		"--rate", "100000000", "--wait", "1", "-oL", file("masscan"), o.target(),
	}, file("masscan")})
	return o.chosen(list)
}

// arena is where contenders are measured.
type arena struct {
	responder *lab.Responder
	want      map[netip.Addr]bool
	probes    int
	answering float64 // share of the addresses
}

// deadline ends a contender that does not end itself, as masscan may.
const deadline = time.Minute

// measure runs a contender. The world itself counts its SYNs, every few
// milliseconds, so the rate is that between the first and the last.
func (a *arena) measure(c contender) (result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	before, err := a.syns()
	if err != nil {
		return result{}, err
	}
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	watched := make(chan time.Duration)
	ended := make(chan struct{})
	go func() { watched <- a.watch(before, ended) }()
	waitErr := cmd.Wait()
	close(ended)
	took := <-watched
	after, err := a.syns()
	if err != nil {
		return result{}, err
	}
	if after == before {
		return result{}, fmt.Errorf("%s sent nothing: %w\n%s", c.name, errors.Join(waitErr, ctx.Err()), stderr.Bytes())
	}
	text := stdout.Bytes()
	if c.file != "" {
		if text, err = os.ReadFile(c.file); err != nil {
			return result{}, err
		}
		os.Remove(c.file)
	}
	r := result{name: c.name, sent: after - before, took: took, note: lastLine(stderr.Bytes())}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memory = usage.Maxrss << 10 // getrusage(2): kilobytes
	}
	r.judge(addresses(string(text)), a.want)
	return r, nil
}

func (a *arena) syns() (uint64, error) {
	n, err := a.responder.Answered()
	return n.Open + n.Refused + n.Silent, err
}

// watch returns the time from the first SYN beyond before to the last.
func (a *arena) watch(before uint64, ended <-chan struct{}) time.Duration {
	var first, last time.Time
	seen := before
	for tick := time.NewTicker(5 * time.Millisecond); ; {
		select {
		case <-ended:
			tick.Stop()
			return last.Sub(first)
		case now := <-tick.C:
			n, err := a.syns()
			if err != nil || n == seen {
				continue
			}
			if seen == before {
				first = now
			}
			seen, last = n, now
		}
	}
}
