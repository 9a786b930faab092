//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// outcome is how a command stood.
type outcome struct {
	*trial
	runs, hung    int
	unable        string // why it does not run here
	took, longest time.Duration
	memory        int64 // MiB at most
	forged        uint64
	received      uint64
	heard, resets uint64
	believed      []string
	odd           []string // ends other than expected
}

// record has of every type what could be believed.
type record struct {
	Type     string                        `json:"type"`
	State    string                        `json:"state"`
	Reason   string                        `json:"reason"`
	RTT      *int64                        `json:"rtt_ns"`
	Class    string                        `json:"class"`
	Kind     string                        `json:"kind"`
	OK       *bool                         `json:"ok"`
	ISN      *uint32                       `json:"isn"`
	Received uint64                        `json:"received"`
	Samples  int                           `json:"samples"`
	Findings []struct{ Code string }       `json:"findings"`
	Nodes    []struct{ Kind string }       `json:"nodes"`
	Causes   []struct{ Evidence []string } `json:"causes"`
}

// harmless are verdicts that claim no more than there is: silence, and a reset
// that is said to prove nothing.
var harmless = []string{"no-response", "unverified-reset", ""}

// answers are the words of a diagnosis for what came back of a segment: the host does
// answer echo requests.
var answers = regexp.MustCompile(`SYN-ACK|reset|challenge|unreachable|prohibited|rejected|works|too big`)

// claim is what a record claims of a host that never answered, "" if nothing.
func (r *record) claim() string {
	switch r.Type {
	case "port", "rtt", "handshake":
		if r.State == "open" || r.State == "unfiltered" || !slices.Contains(harmless, r.Reason) || r.RTT != nil {
			return r.State + " " + r.Reason
		}
	case "host": // its kernel does answer address resolution
		if r.State == "up" && r.Reason != "arp-response" && r.Reason != "nd-response" {
			return "host up: " + r.Reason
		}
	case "isn_sample":
		if r.ISN != nil {
			return "sample"
		}
	case "isn":
		if r.Class != "unknown" || r.Samples > 0 {
			return "class " + r.Class
		}
	case "path":
		for _, n := range r.Nodes {
			if n.Kind != "self" && n.Kind != "none" && n.Kind != "dead" {
				return "node " + n.Kind
			}
		}
	case "diagnosis":
		for _, c := range r.Causes {
			for _, e := range c.Evidence {
				if answer := answers.FindString(e); answer != "" {
					return "answered: " + answer
				}
			}
		}
	case "hop", "hop_summary":
		if r.Kind != "none" {
			return "hop " + r.Kind
		}
	case "check":
		if r.OK != nil && !*r.OK {
			return "expectation failed"
		}
	}
	return ""
}

func (o *outcome) judge(exit int, out []byte, errs string) {
	if o.mayFail != "" && exit == 3 && strings.Contains(errs, o.mayFail) {
		o.unable = errs
		return
	}
	if exit != o.exit {
		o.odd = append(o.odd, fmt.Sprintf("exit %d: %.200q", exit, errs))
	}
	for line := range bytes.Lines(out) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			o.odd = append(o.odd, err.Error())
			continue
		}
		if r.Type == "summary" {
			o.received += r.Received
		}
		if claim := r.claim(); claim != "" {
			o.believed = append(o.believed, claim)
		}
	}
}

// allowance is what may leave: the rate, and what each run may have saved up of
// it; a segment more for the neighbour's sake each.
func (o *outcome) allowance() uint64 {
	return uint64(rate*o.took.Seconds()) + uint64(o.runs)*rate/5
}

// flat is how many MiB a run may use, whatever comes in.
const flat = 256

// faults are what must not be.
func (o *outcome) faults() (list []string) {
	if o.unable != "" {
		return nil
	}
	if n := len(o.believed); n > 0 {
		list = append(list, fmt.Sprintf("BELIEVED %d times: %s", n, strings.Join(kinds(o.believed), "; ")))
	}
	if o.hung > 0 {
		list = append(list, fmt.Sprintf("%d runs did not end", o.hung))
	}
	if o.heard > o.allowance() {
		list = append(list, fmt.Sprintf("%d segments left, %d are allowed", o.heard, o.allowance()))
	}
	if o.memory > flat {
		list = append(list, fmt.Sprintf("%d MiB", o.memory))
	}
	return append(list, kinds(o.odd)...)
}

// kinds are the first few of a list, each once.
func kinds(list []string) []string {
	list = slices.Compact(slices.Sorted(slices.Values(list)))
	return list[:min(len(list), 5)]
}

const heading = "trial      runs   took   longest   forged/s   read    sent  RSTs   MiB  believed"

func (o *outcome) row() string {
	if o.unable != "" {
		return fmt.Sprintf("%-10s does not run here: %.200s", o.name, o.unable)
	}
	return fmt.Sprintf("%-10s %4d %6.1f %9.2f %10.0f %6d %7d %5d %5d  %d", o.name, o.runs, o.took.Seconds(), o.longest.Seconds(),
		float64(o.forged)/o.took.Seconds(), o.received, o.heard, o.resets, o.memory, len(o.believed))
}
