//go:build linux

// Killresume kills stateless runs at random moments of their whole life and resumes
// them, and holds what they leave against the truth.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"synscope/internal/lab"
)

func main() { os.Exit(lab.Command("kill-and-resume", run)) }

// What every victim is like: of its ports each tenth is open, and those behind the
// last of answering keep silent, so that a run over them makes all its passes.
const (
	ports     = 600
	answering = 550
	openEvery = 10
)

var allEngines = []string{"raw", "packet", "xdp"}

// field is the network, and what all rounds share.
type field struct {
	program string
	seed    uint64
	engines []string
	victims chan netip.Addr // that are free: an interface takes one XDP program
	lives   lives

	mu     sync.Mutex
	rounds map[string]int
	kills  map[moment]int
	runs   int
	spent  spent
	failed []string
}

// spent is what the rounds have taken, together.
type spent struct{ running, judging time.Duration }

func run() error {
	program := flag.String("program", "synscope", "the program")
	rounds := flag.Int("rounds", 6, "how many runs are killed and resumed")
	atOnce := flag.Int("at-once", 2, "how many at a time")
	engines := flag.String("engines", strings.Join(allEngines, ","), "which of them, in turns")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments at which they are killed")
	every := flag.Duration("progress", 10*time.Second, "how often it is told how far this is")
	flag.Parse()
	l, err := newLab(*atOnce)
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("seed", *seed)
	f := &field{program: *program, seed: *seed, engines: strings.Split(*engines, ","), rounds: map[string]int{}, kills: map[moment]int{}}
	f.victims = make(chan netip.Addr, *atOnce)
	for _, h := range l.Hosts() {
		f.victims <- h.Addr4()
	}
	f.all(*rounds, *every)
	fmt.Println(f.told(*rounds))
	if len(f.failed) > 0 {
		return errors.New(strings.Join(f.failed, "\n"))
	}
	return nil
}

// all plays all rounds, as many at a time as there are victims.
func (f *field) all(rounds int, every time.Duration) {
	quit := make(chan struct{})
	var told, played sync.WaitGroup
	told.Go(func() { f.tell(rounds, every, quit) })
	for n := range rounds {
		victim := <-f.victims
		played.Go(func() {
			f.round(n, victim)
			f.victims <- victim
		})
	}
	played.Wait()
	close(quit)
	told.Wait()
}

// tell says from time to time how far this is, and how long it will take.
func (f *field) tell(rounds int, every time.Duration, quit <-chan struct{}) {
	begun, ticks := time.Now(), time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-quit:
			return
		case <-ticks.C:
		}
		took, done := time.Since(begun), f.done()
		left := "no round has ended yet"
		if done > 0 {
			left = fmt.Sprintf("about %s left", (took * time.Duration(rounds-done) / time.Duration(done)).Round(time.Second))
		}
		fmt.Printf("%s: %s, %s\n", took.Round(time.Second), f.told(done), left)
	}
}

func (f *field) done() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rounds := range f.rounds {
		n += rounds
	}
	return n
}

// told is a line about the rounds so far.
func (f *field) told(rounds int) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	each := time.Duration(max(rounds, 1))
	return fmt.Sprintf("%d rounds %v, %d runs, killed %v, %d failed; a round takes %.2f s, and %.2f s to judge",
		rounds, f.rounds, f.runs, f.kills, len(f.failed), (f.spent.running / each).Seconds(), (f.spent.judging / each).Seconds())
}

func newLab(victims int) (*lab.Lab, error) {
	var spec lab.Spec
	for n := range victims {
		h := lab.HostSpec{Name: fmt.Sprintf("victim%d", n), Rules: []lab.Rule{{Ports: lab.PortRange{First: answering + 1, Last: ports}, Do: lab.Drop}}}
		for p := uint16(openEvery); p <= answering; p += openEvery {
			h.Services = append(h.Services, lab.Service{Ports: []uint16{p}, Manner: lab.NeverAccept})
		}
		spec.Hosts = append(spec.Hosts, h)
	}
	l, err := lab.New(spec)
	if err != nil {
		return nil, err
	}
	for _, h := range l.Hosts() {
		if err := h.AcceptRedirects(); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// fail keeps what went wrong in a round.
func (f *field) fail(n int, engine string, err error) {
	f.failed = append(f.failed, fmt.Sprintf("round %d, %s: %v", n, engine, err))
	fmt.Println(f.failed[len(f.failed)-1])
}

// engine is that of a round.
func (f *field) engine(n int) string { return f.engines[n%len(f.engines)] }
