// Command confusion prints, as Markdown, how package isn does on model hosts:
// the confusion matrix, the calibration and the clock intervals, at three
// jitters. The documentation's numbers come from it:
//
//	go run ./probe/isn/internal/confusion
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"synscope/probe/isn/internal/evaluate"
)

func main() {
	hosts := flag.Int("hosts", 10000, "hosts at each jitter")
	first := flag.Uint64("first", 1, "the first seed; odd seeds report, even seeds are for tuning")
	quick := flag.Bool("quick", false, "the quick plan of 4 + 4 SYNs")
	blind := flag.Bool("blind", false, "forget what our SYNs offered")
	jitter := flag.Duration("jitter", 0, "only this jitter")
	wrong := flag.Int("wrong", 0, "list so many wrong answers on stderr")
	foreign := flag.Bool("foreign", false, "plans and files that are not ours")
	unusual := flag.Bool("unusual", false, "hosts of unusual parameters, so many of each kind")
	strange := flag.Bool("strange", false, "generators that there is no model of, so many hosts of each")
	stacks := flag.Bool("stacks", false, "generators of old stacks and small devices, so many hosts of each")
	faulty := flag.Bool("faulty", false, "generators and pools with faults, so many hosts of each")
	mishaps := flag.Bool("mishaps", false, "files whose sampler did something wrong, so many hosts of each")
	limit := flag.Duration("limit", time.Hour, "end the hosts of foreign plans after so long, and report those that were tried")
	flag.Parse()
	if *strange || *stacks || *faulty {
		kinds, draw := evaluate.Unmodelled(), evaluate.DrawKind
		switch {
		case *stacks:
			kinds, draw = evaluate.Stacks(), evaluate.DrawStack
		case *faulty:
			kinds, draw = evaluate.Faulty(), evaluate.DrawStack
		}
		left := *wrong
		evaluate.GeneratorKindsMarkdown(os.Stdout, kinds, *first, *hosts, draw, func(f *evaluate.Foreign) {
			if left--; left >= 0 {
				fmt.Fprintln(os.Stderr, f)
			}
		})
		return
	}
	if *mishaps {
		left := *wrong
		evaluate.MishapsMarkdown(os.Stdout, *first, *hosts, func(f *evaluate.Foreign) {
			if left--; left >= 0 {
				fmt.Fprintln(os.Stderr, f)
			}
		})
		return
	}
	if *foreign {
		tellForeign(*first, *hosts, *wrong, time.Now().Add(*limit))
		return
	}
	jitters := []time.Duration{300 * time.Microsecond, 5 * time.Millisecond, 30 * time.Millisecond}
	if *jitter > 0 {
		jitters = []time.Duration{*jitter}
	}
	for _, j := range jitters {
		cfg := evaluate.Config{Hosts: *hosts, First: *first, Stride: 2, Jitter: j, Quick: *quick, Blind: *blind}
		if *unusual {
			evaluate.KindsMarkdown(os.Stdout, cfg, fmt.Sprintf("Jitter %v each way, loss 0–5 %%", j))
			continue
		}
		r := evaluate.Run(cfg)
		r.Markdown(os.Stdout, fmt.Sprintf("Jitter %v each way, loss 0–5 %%", j))
		list(r.Wrong[:min(*wrong, len(r.Wrong))])
	}
}

// tellForeign prints how hosts of foreign plans are told, and lists some of those
// that are told wrongly at 0.9 or more, or not told though the oracle could.
func tellForeign(first uint64, hosts, wrong int, end time.Time) {
	var all evaluate.Tally
	for i := range hosts {
		if time.Now().After(end) {
			break
		}
		f := evaluate.DrawForeign(first+uint64(2*i), time.Duration(300+i%3*2000)*time.Microsecond)
		before, missed := all.Sure, all.Missed()
		if all.Add(&f); all.Sure+all.Missed() > before+missed && all.Sure+all.Missed() <= wrong {
			fmt.Fprintln(os.Stderr, &f)
		}
	}
	fmt.Printf("%s\n\n", &all)
	all.Markdown(os.Stdout)
}

// list prints wrong answers with what led to them.
func list(wrong []evaluate.Outcome) {
	for _, o := range wrong {
		fmt.Fprintf(os.Stderr, "seed %d: %s %s hz %.6g step %d rtt %v loss %.3f -> %s %s %.3f", o.Seed, o.Truth.Class,
			o.Truth.Kind, o.Truth.Hz, o.Truth.Step, o.Path.RTT, o.Path.Loss, o.Report.Class, o.Report.Variant, o.Report.Confidence)
		for _, f := range o.Report.Findings {
			fmt.Fprintf(os.Stderr, " [%s: %s]", f.Code, f.Evidence)
		}
		fmt.Fprintln(os.Stderr)
	}
}
