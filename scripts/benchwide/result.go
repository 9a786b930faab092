//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// result is one scan of one contender.
type result struct {
	name         string
	sent         uint64
	took         time.Duration // from the first SYN to the last
	cpu          time.Duration // user and system time of the process
	memory       int64         // the largest resident set, in bytes
	found, wrong int           // of the open addresses; reported, but not open
	recall       float64
	note         string
	answers      float64 // that the world gave
}

func (r *result) judge(found, want map[netip.Addr]bool) {
	for a := range found {
		if want[a] {
			r.found++
		} else {
			r.wrong++
		}
	}
	r.recall = float64(r.found) / float64(len(want))
}

func (r result) rate() float64 { return float64(r.sent) / r.took.Seconds() }
func (r result) cost() float64 { return float64(r.cpu) / float64(r.sent) }

func (r result) better(than result) bool { return than.sent == 0 || r.rate() > than.rate() }

const heading = "contender      probes  M probes/s  ns CPU/probe  MiB   recall  wrong"

func (r result) String() string {
	return fmt.Sprintf("%-9s %11d  %10.2f  %12.0f  %3d  %.5f  %5d  %s",
		r.name, r.sent, r.rate()/1e6, r.cost(), r.memory>>20, r.recall, r.wrong, r.note)
}

// compared prints how every contender compares with the peers.
func compared(contenders []contender, best map[string]result) {
	for _, peer := range []string{"zmap", "masscan"} {
		p, ran := best[peer]
		if !ran {
			continue
		}
		fmt.Printf("\nagainst %s: probes a second, and CPU a probe, times as good\n", peer)
		for _, c := range contenders {
			if r := best[c.name]; c.name != peer {
				fmt.Printf("%-9s %6.1f x %6.1f x   recall %.5f\n", c.name, r.rate()/p.rate(), p.cost()/r.cost(), r.recall)
			}
		}
	}
}

// reportAnswers prints what an answer costs more than silence, from a world where
// few answer and one where many do.
func (o options) reportAnswers(few, many map[string]result) {
	fmt.Println("what an answer costs, from the difference of the two worlds")
	for _, c := range o.contenders() {
		a, b := few[c.name], many[c.name]
		fmt.Printf("%-9s %6.0f ns CPU\n", c.name, float64(b.cpu-a.cpu)/(b.answers-a.answers))
	}
}

// chosen leaves out what was not asked for, or is not installed.
func (o options) chosen(list []contender) []contender {
	return slices.DeleteFunc(list, func(c contender) bool {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), c.name) {
			return true
		}
		_, err := exec.LookPath(c.args[0])
		return err != nil
	})
}

// lastLine is what a program said in the end.
func lastLine(text []byte) string {
	lines := strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) == 0 {
		return ""
	}
	return lines[len(lines)-1]
}
