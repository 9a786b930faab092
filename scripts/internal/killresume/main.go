//go:build linux

// Killresume kills stateless runs at random moments and resumes them, and holds
// what they leave against the truth.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"synscope/internal/lab"
)

func main() { os.Exit(lab.Command("kill-and-resume", run)) }

const (
	ports     = 3000
	openEvery = 10
)

var engines = []string{"raw", "packet", "xdp"}

// field is the network, and what all rounds share.
type field struct {
	program string
	addr    netip.Addr
	seed    uint64
	alone   sync.Mutex // an interface takes one XDP program
	mu      sync.Mutex
	rounds  map[string]int
	kills   int
	failed  []string
}

func run() error {
	program := flag.String("program", "synscope", "the program")
	rounds := flag.Int("rounds", 6, "how many runs are killed and resumed")
	atOnce := flag.Int("at-once", 2, "how many at a time")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which they are killed")
	flag.Parse()
	l, err := newLab()
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("seed", *seed)
	f := &field{program: *program, addr: l.Host("victim").Addr4(), seed: *seed, rounds: map[string]int{}}
	var all sync.WaitGroup
	places := make(chan struct{}, *atOnce)
	for n := range *rounds {
		places <- struct{}{}
		all.Go(func() {
			f.round(n)
			<-places
		})
	}
	all.Wait()
	fmt.Printf("%d rounds %v, %d kills: %d failed\n", *rounds, f.rounds, f.kills, len(f.failed))
	if len(f.failed) > 0 {
		return errors.New(strings.Join(f.failed, "\n"))
	}
	return nil
}

func newLab() (*lab.Lab, error) {
	spec := lab.HostSpec{Name: "victim"}
	for p := uint16(openEvery); p <= ports; p += openEvery {
		spec.Services = append(spec.Services, lab.Service{Ports: []uint16{p}, Manner: lab.NeverAccept})
	}
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{spec}})
	if err != nil {
		return nil, err
	}
	err = l.Host("victim").Do(func() error { return lab.AcceptRedirects("eth0") })
	return l, err
}

// round is one run, killed a few times, resumed, and judged.
func (f *field) round(n int) {
	engine := engines[n%len(engines)]
	if engine == "xdp" {
		f.alone.Lock()
		defer f.alone.Unlock()
	}
	dir, err := os.MkdirTemp("", "round")
	if err == nil {
		defer os.RemoveAll(dir)
		err = f.play(dir, engine, rand.New(rand.NewPCG(f.seed, uint64(n))))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rounds[engine]++
	if err != nil {
		f.failed = append(f.failed, fmt.Sprintf("round %d, %s: %v", n, engine, err))
		fmt.Println(f.failed[len(f.failed)-1])
	}
}

// mostKills is how often a run is killed before it is let be.
const mostKills = 6

func (f *field) play(dir, engine string, chance *rand.Rand) error {
	kills := chance.IntN(mostKills + 1)
	for try := 0; ; try++ {
		if try > mostKills+3 {
			return errors.New("it does not end")
		}
		ended, err := f.once(dir, engine, try < kills, time.Duration(chance.Int64N(int64(1500*time.Millisecond))))
		if err != nil {
			return err
		}
		if ended {
			return f.judge(dir)
		}
	}
}

// once runs until the end, or kills after a while.
func (f *field) once(dir, engine string, kill bool, after time.Duration) (ended bool, err error) {
	cmd := exec.Command(f.program, "scan", "-q", "--stateless", "--engine", engine, "--rate", "3000", "--timeout", "200ms",
		"--max-retries", "1", "-p", fmt.Sprintf("1-%d", ports), f.addr.String(),
		"--resume", filepath.Join(dir, "ckpt"), "-oJ", filepath.Join(dir, "out.jsonl"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		return false, err
	}
	patience := time.Minute
	if kill {
		patience = after
	}
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	err = cmd.Wait()
	timer.Stop()
	switch code := cmd.ProcessState.ExitCode(); {
	case code == 0:
		return true, nil
	case code == -1 && kill: // killed
		f.mu.Lock()
		f.kills++
		f.mu.Unlock()
		return false, nil
	}
	return false, fmt.Errorf("%w: %s", err, &errs)
}

// judge merges what was written and compares.
func (f *field) judge(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "out.jsonl*"))
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := whole(name); err != nil {
			return err
		}
	}
	cmd := exec.Command(f.program, append([]string{"merge", "-o", "json"}, files...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("merge: %w: %s", err, &errs)
	}
	return f.compare(out)
}

// whole checks that every line that ends is a record; the last may have been cut.
func whole(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(b) {
		if bytes.HasSuffix(line, []byte("\n")) && !json.Valid(line) {
			return fmt.Errorf("%s has a torn line: %.80q", filepath.Base(name), line)
		}
	}
	return nil
}

func (f *field) compare(out []byte) error {
	seen := map[int]string{}
	complete := false
	for line := range bytes.Lines(out) {
		var r struct {
			Type, State string
			Port        int
			Complete    bool
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		switch r.Type {
		case "port":
			if seen[r.Port] != "" {
				return fmt.Errorf("port %d is told twice", r.Port)
			}
			seen[r.Port] = r.State
		case "summary":
			complete = r.Complete
		}
	}
	missed := 0
	for port := 1; port <= ports; port++ {
		switch want, got := port%openEvery == 0, seen[port]; {
		case want && got != "open":
			missed++
		case !want && got == "open":
			return fmt.Errorf("port %d is not open", port)
		}
	}
	if missed > 0 || !complete {
		return fmt.Errorf("%d open ports missed, complete %v", missed, complete)
	}
	return nil
}
