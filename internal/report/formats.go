package report

import (
	"fmt"
	"strings"

	"synscope/internal/report/lists"
	"synscope/internal/report/nmap"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
)

// Format is a way to write results.
type Format struct {
	Name  string // as in -o NAME
	Flag  string // as in -oN FILE
	Help  string // what it is, in a few words
	Hosts bool   // it tells of hosts and their ports, and of nothing that has none
	New   func(w *sink.LineWriter, o sink.Options) sink.Sink
}

// Formats lists every format, the default first.
func Formats() []Format {
	return []Format{
		{"text", "oN", "text for people", false, text.New},
		{"json", "oJ", "JSON lines", false, rows.NewJSON},
		{"csv", "oC", "CSV, one row a result", false, rows.NewCSV},
		{"xml", "oX", "XML as nmap writes it", true, nmap.NewXML},
		{"grep", "oG", "grepable lines as nmap writes them", true, nmap.NewGrep},
		{"list", "oL", "host:port of each open port, a line each", true, lists.NewList},
		{"masscan", "oM", "JSON list of open ports as masscan writes it", true, lists.NewMasscan},
		{"zmap", "oZ", "CSV of open ports as zmap writes it", true, lists.NewZMap},
	}
}

// FormatByName finds a format; the error of an unknown name lists all, and is
// [ErrOutput].
func FormatByName(name string) (Format, error) {
	var known []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		known = append(known, f.Name)
	}
	return Format{}, fmt.Errorf("%w: unknown format %q: there are %s", sink.ErrOutput, name, strings.Join(known, ", "))
}
