package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	words "synscope/internal/explain"
	"synscope/internal/report/record"
	"synscope/probe"
	"synscope/probe/isn"
)

// unusual are the words of a run's records that people may want explained, in
// the order in which they came. A nil one collects nothing.
type unusual struct{ words []string }

// mostUnusual is how many words are explained.
const mostUnusual = 5

// ordinary are the reasons that need no explanation.
var ordinary = []probe.Reason{
	"", probe.ReasonSYNACK, probe.ReasonReset, probe.ReasonNoResponse, probe.ReasonConnected, probe.ReasonConnRefused, probe.ReasonInterrupted,
}

// see takes the words of one record.
func (u *unusual) see(r record.Record) {
	if u == nil || len(u.words) >= mostUnusual {
		return
	}
	switch r := r.(type) {
	case *record.Port:
		u.reason(r.Reason)
		u.findings(r.Findings)
	case *record.Host:
		u.findings(r.Findings)
	case *record.Connection:
		u.reason(r.Reason)
		u.findings(r.Findings)
	case *record.ISN:
		u.class(&r.Report)
	}
}

func (u *unusual) reason(r probe.Reason) {
	if !slices.Contains(ordinary, r) {
		u.add(string(r))
	}
}

func (u *unusual) findings(list []probe.Finding) {
	for _, f := range list {
		if f.Severity > probe.SeverityInfo {
			u.add(f.Code)
		}
	}
}

// class takes the class of sequence numbers, unless it is a good one.
func (u *unusual) class(r *isn.Report) {
	if r.Class != isn.ClassTupleClock && r.Class != isn.ClassRandom {
		u.add(r.Class.String())
	}
	for _, f := range r.Findings {
		if f.Severity > isn.Info {
			u.add(f.Code)
		}
	}
}

// add takes a word that has an explanation, once.
func (u *unusual) add(word string) {
	if len(u.words) < mostUnusual && !slices.Contains(u.words, word) && len(words.Of(word)) > 0 {
		u.words = append(u.words, word)
	}
}

// hint says how the words are explained, as the last line of the text.
func (u *unusual) hint(w io.Writer) error {
	if u == nil || len(u.words) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "\nmore: synscope explain %s\n", strings.Join(u.words, " "))
	return err
}

// Record passes a record to the outputs.
func (d *display) Record(r record.Record) error {
	switch r.(type) {
	case *record.Summary, *record.Reading:
		d.concluded = true
	}
	d.unusual.see(r)
	return d.Output.Record(r)
}
