package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/internal/htmlreport"
	"synscope/internal/outfile"
	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/units"
)

func reportCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "one HTML page of what a run found",
		ArgsUsage: "FILE...",
		Description: "Takes the JSON lines that any command writes with -o json or -oJ, \"-\" for\n" +
			"standard input, and makes one page of them that needs nothing else: no network,\n" +
			"and, for reading, no scripts. Several runs, in several files or one, are compared.\n" +
			"A run that was cut short is shown as far as it goes, and the exit code is 4.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "html", Usage: "write the page into `FILE`, \"-\" for standard output"},
			&cli.StringSliceFlag{Name: "o", Usage: "`FORMAT` of standard output: html, or, beside --html, text or json; or a FILE for the page"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("report: name a file of JSON lines, or - for standard input")
			}
			return makeReport(s, optionsOf[reportOptions](c))
		},
	}
}

// reportOptions are the flags of report.
type reportOptions struct {
	common
	Formats []string `flag:"o"`
}

// reportJob is where the page goes, and what standard output says.
type reportJob struct {
	streams Streams
	page    string // a file, or [report.Stdout]
	format  string // "text" or "json"
	quiet   bool
}

func makeReport(s Streams, o *reportOptions) error {
	j, err := newReportJob(s, o)
	if err != nil {
		return err
	}
	inputs, err := openReported(o.words, s.In)
	if err != nil {
		return usage(err)
	}
	if err := confineTo(&o.common, s, o.words, []string{j.page}); err != nil {
		return err
	}
	var r htmlreport.Report
	for _, in := range inputs {
		if err := in.addTo(&r); err != nil {
			return usage(err)
		}
	}
	if err := j.write(&r); err != nil {
		return err
	}
	for _, line := range r.LeftOut() {
		say(s.Err, units.Printable(line))
	}
	if cut := r.Cut(); len(cut) > 0 {
		return &exit{exitInterrupted, errors.New(strings.Join(cut, "\nsynscope: "))}
	}
	return nil
}

// newReportJob reads the flags: -o names a format, or the page's file.
func newReportJob(s Streams, o *reportOptions) (*reportJob, error) {
	j := &reportJob{streams: s, page: o.HTML, quiet: o.Quiet}
	for _, word := range o.Formats {
		switch {
		case word == "html", word == report.Stdout:
			word = report.Stdout
			fallthrough
		case strings.ContainsAny(word, "./"):
			if j.page != "" && j.page != word {
				return nil, usagef("report writes one page: %s and %s are two places for it", j.page, word)
			}
			j.page = word
		case word != "text" && word != "json":
			return nil, usagef("-o: report writes html, text or json, or into a file whose name has a dot, not %q", word)
		case j.format != "" && j.format != word:
			return nil, usagef("-o: standard output takes text or json, not both")
		default:
			j.format = word
		}
	}
	return j, j.check()
}

// check finds out whether the page can be written before anything is read.
func (j *reportJob) check() error {
	switch {
	case j.page == "" && j.format == "" && !isTerminal(j.streams.Out):
		j.page = report.Stdout
	case j.page == "" && j.format == "":
		return usagef("report: name the file for the page: --html FILE, or send it on: report FILE > page.html")
	}
	switch {
	case j.page == report.Stdout && j.format != "":
		return usagef("report: the page and %s on standard output: name a file for one of them: --html FILE", j.format)
	case j.page == "" || j.page == report.Stdout:
		return nil
	}
	if info, err := os.Stat(j.page); err == nil && info.IsDir() {
		return usagef("--html: %s is a directory: name a file", j.page)
	}
	if info, err := os.Stat(filepath.Dir(j.page)); err != nil {
		return usagef("--html: %w", err)
	} else if !info.IsDir() {
		return usagef("--html: %s is no directory", filepath.Dir(j.page))
	}
	return nil
}

// reportInput is a file of records, or standard input.
type reportInput struct {
	name string
	io.Reader
}

// openReported opens the files, all of them before rights are given up.
func openReported(paths []string, stdin io.Reader) (inputs []reportInput, err error) {
	for _, path := range paths {
		if path == report.Stdout {
			inputs = append(inputs, reportInput{"standard input", stdin})
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, reportInput{path, f})
	}
	return inputs, nil
}

// addTo reads the records, and closes the file.
func (in reportInput) addTo(r *htmlreport.Report) error {
	if f, is := in.Reader.(*os.File); is && in.name != "standard input" {
		defer f.Close()
	}
	return r.Read(in.name, in.Reader)
}

// write writes the page, and says where it is.
func (j *reportJob) write(r *htmlreport.Report) error {
	switch j.page {
	case report.Stdout:
		return written(r.Write(j.streams.Out))
	case "":
		return j.list(r)
	}
	if err := outfile.Replace(j.page, outfile.Public, r.Write); err != nil {
		return written(fmt.Errorf("--html: %s: %w", j.page, err))
	}
	return j.list(r)
}

// list says on standard output what was read, a line a run.
func (j *reportJob) list(r *htmlreport.Report) error {
	for _, t := range r.Reported() {
		t.Page = j.page
		line := string(rows.AppendJSON(nil, t))
		if j.format != "json" {
			line = reportedLine(t)
		}
		if j.format != "json" && j.quiet {
			continue
		}
		if _, err := fmt.Fprintln(j.streams.Out, line); err != nil {
			return written(err)
		}
	}
	return nil
}

// reportedLine is a run in a line of text.
func reportedLine(t *record.Reported) string {
	words := fmt.Sprintf("%s: %s", t.File, t.Of)
	if !t.Start.IsZero() {
		words += " of " + t.Start.Local().Format("2006-01-02 15:04:05")
	}
	words += ": " + units.CountOf(t.Records, "record")
	if t.Hosts > 0 {
		words += ", " + units.CountOf(t.Hosts, "host")
	}
	if t.Open > 0 {
		words += ", " + units.Plural(t.Open, "port open", "ports open")
	}
	if t.Findings > 0 {
		words += ", " + units.CountOf(t.Findings, "finding")
	}
	if t.Page != "" {
		words += " → " + t.Page
	}
	return units.Printable(words)
}
