//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// cost is what one process took.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes of resident memory, at most
	out       []byte
}

// run executes a program to its end.
func run(name string, args ...string) (cost, error) {
	cmd := exec.Command(name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{}, err
	}
	ended := make(chan struct{})
	highest := make(chan int64, 1)
	go func() { highest <- watchMemory(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	c := cost{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), out: out.Bytes()}
	close(ended)
	c.peak = <-highest
	if err != nil {
		return cost{}, fmt.Errorf("%s: %w: %s", name, err, errs.String())
	}
	return c, nil
}

// watchMemory follows VmHWM of proc(5) until the process has ended. The resource
// usage that wait4(2) gives would not do: it counts the memory of the process
// that forked, from before execve(2).
func watchMemory(pid int, ended <-chan struct{}) (highest int64) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
			var kib int64
			fmt.Sscan(rest, &kib)
			highest = max(highest, kib<<10)
		}
		select {
		case <-ended:
			return highest
		case <-tick.C:
		}
	}
}

// alternate measures things in turn, so that all meet the same machine. nil stands for what is not here.
func (b *bench) alternate(runs ...func() (cost, error)) (costs [][]cost, err error) {
	costs = make([][]cost, len(runs))
	for range b.rounds {
		for i, run := range runs {
			if run == nil {
				continue
			}
			c, err := run()
			if err != nil {
				return nil, err
			}
			costs[i] = append(costs[i], c)
		}
	}
	return costs, nil
}

func median[T int64 | time.Duration](list []cost, of func(cost) T) T {
	values := make([]T, len(list))
	for i, c := range list {
		values[i] = of(c)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func wall(c cost) time.Duration { return c.wall }
func cpu(c cost) time.Duration  { return c.cpu }
func peak(c cost) int64         { return c.peak }

// table prints both sides, what neither can go below, and ratios.
func table(ours, theirs, floor []cost) {
	line := func(name string, list []cost) {
		fmt.Printf("  %-9s wall %8v  processor %8v  memory %4d MiB\n", name,
			median(list, wall).Round(time.Millisecond), median(list, cpu).Round(time.Millisecond), median(list, peak)>>20)
	}
	line("synscope", ours)
	if len(theirs) == 0 {
		fmt.Println("  nmap      not installed")
	} else {
		line("nmap", theirs)
	}
	line("floor", floor)
	ratios("to nmap", ours, theirs)
	ratios("to floor", ours, floor)
}

func ratios(name string, ours, others []cost) {
	if len(others) > 0 {
		fmt.Printf("  %-9s wall %8.3f  processor %8.3f\n", name,
			ratio(median(ours, wall), median(others, wall)), ratio(median(ours, cpu), median(others, cpu)))
	}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// record is what the measurements look at in a JSON line.
type record struct {
	Type        string            `json:"type"`
	Addr        string            `json:"addr"`
	Port        uint16            `json:"port"`
	State       string            `json:"state"`
	RTT         int64             `json:"rtt_ns"`
	Sent        uint64            `json:"sent"`
	Again       uint64            `json:"retransmitted"`
	KernelDrops uint64            `json:"kernel_drops"`
	States      map[string]uint64 `json:"states"`
}

// records parses a run's JSON lines; the last is the summary.
func records(out []byte) (list []record, err error) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	if len(list) == 0 || list[len(list)-1].Type != "summary" {
		return nil, fmt.Errorf("no summary among %d records", len(list))
	}
	return list, lines.Err()
}
