//go:build linux

// Bench measures whole scans of a private network, beside nmap in the same run
// where it is installed, and prints ratios. See scripts/bench.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"slices"

	"synscope/internal/lab"
)

// measurement is one thing that is compared.
type measurement struct {
	name string
	what string
	run  func(b *bench) error
}

var measurements = []measurement{
	{"refused", "one host, 65,535 ports, refused by RST", (*bench).refused},
	{"silent", "one host, 65,535 ports, all dropped silently", (*bench).silent},
	{"lossy", "256 addresses × 1,000 ports, 5 % loss each way", (*bench).lossy},
	{"memory", "a /16 × 1 port, as fast as it goes", (*bench).memory},
	{"send", "processor time to send one probe", (*bench).send},
}

// bench is one run of the program.
type bench struct {
	binary string
	rounds int
}

func main() {
	b := &bench{}
	flag.StringVar(&b.binary, "binary", "./synscope", "the program to measure")
	flag.IntVar(&b.rounds, "rounds", 3, "how often each is measured; medians are printed")
	cpuprofile := flag.String("cpuprofile", "", "write a profile of this process to a file")
	flag.Parse()
	inside, code, err := lab.Enter(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	if !inside {
		os.Exit(code)
	}
	if *cpuprofile != "" {
		f, err := os.Create(*cpuprofile)
		if err == nil {
			pprof.StartCPUProfile(f)
			defer pprof.StopCPUProfile()
		}
	}
	if err := b.all(flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) all(names []string) error {
	for _, m := range measurements {
		if len(names) > 0 && !slices.Contains(names, m.name) {
			continue
		}
		fmt.Printf("\n%s: %s\n", m.name, m.what)
		if err := m.run(b); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}
