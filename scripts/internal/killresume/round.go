//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// round is one run, killed a few times, resumed, and judged.
func (f *field) round(n int, victim netip.Addr) {
	engine := f.engine(n)
	dir, err := os.MkdirTemp("", "round")
	if err == nil {
		defer os.RemoveAll(dir)
		err = f.play(dir, engine, victim, rand.New(rand.NewPCG(f.seed, uint64(n))))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rounds[engine]++
	if err != nil {
		f.fail(n, engine, err)
	}
}

// mostKills is how often a run is killed before it is let be.
const mostKills = 6

// play kills a run once to six times, and lets it end. Every second run is over ports
// that all answer, and ends when they have.
func (f *field) play(dir, engine string, victim netip.Addr, chance *rand.Rand) error {
	kills, last := 1+chance.IntN(mostKills), []int{ports, answering}[chance.IntN(2)]
	begun := time.Now()
	for try := 0; ; try++ {
		k := kill{moment: never}
		if try < kills {
			k = f.lives.choose(engine, chance)
		}
		if ended, err := f.once(dir, engine, victim, last, k); ended || err != nil {
			f.spend(&f.spent.running, begun)
			return errors.Join(err, f.judge(dir, last))
		}
	}
}

func (f *field) spend(on *time.Duration, since time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*on += time.Since(since)
}

// patience is more than a run takes on any machine.
const patience = 2 * time.Minute

// once runs until the end, or until it is killed.
func (f *field) once(dir, engine string, victim netip.Addr, last int, k kill) (ended bool, err error) {
	cmd := exec.Command(f.program, "scan", "-q", "--stateless", "--engine", engine, "--rate", "3000", "--timeout", "200ms",
		"--max-retries", "1", "-p", fmt.Sprintf("1-%d", last), victim.String(),
		"--resume", filepath.Join(dir, "ckpt"), "--resume-every", "20ms", "-oJ", filepath.Join(dir, "out.jsonl"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	files, err := newWatch(dir)
	if err != nil {
		return false, err
	}
	begun := time.Now()
	if err = cmd.Start(); err != nil {
		close(files.ended)
		files.close()
		return false, err
	}
	slay := func() { cmd.Process.Kill() }
	go files.run(k.events, func() {
		time.Sleep(k.after)
		slay()
	})
	limit := patience
	if k.moment != never && k.events == 0 {
		limit = k.after
	}
	timer := time.AfterFunc(limit, slay)
	err = cmd.Wait()
	timer.Stop()
	took, events := time.Since(begun), files.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs++
	switch code := cmd.ProcessState.ExitCode(); {
	case code == 0:
		f.lives.note(engine, took, events)
		return true, nil
	case code == -1 && k.moment != never:
		f.kills[k.moment]++
		return false, nil
	}
	return false, fmt.Errorf("%w after %s: %s", err, took, &errs)
}
