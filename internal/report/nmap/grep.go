package nmap

import (
	"fmt"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/internal/report/units"
)

// grepSink writes nmap's grepable format: one line a host, its fields set apart
// by tabs, its ports by commas, and the fields of a port by slashes (nmap's
// reference guide, "Output").
type grepSink struct {
	w       *sink.LineWriter
	service func(uint16) string
	command string
	verbose bool
	total   headcount
	book    hostbook
}

// NewGrep writes nmap's grepable lines.
func NewGrep(w *sink.LineWriter, o sink.Options) sink.Sink {
	return &grepSink{w: w, service: o.Registered(), verbose: o.Verbose}
}

func (s *grepSink) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Run:
		s.command = r.Command
		words := append([]string{"synscope"}, r.Args...)
		return s.comment("synscope %s scan initiated %s as: %s", r.Version, r.Start.Format(time.ANSIC), units.Printable(strings.Join(words, " ")))
	case *record.Summary:
		return s.end(r)
	case *record.Reading:
		return s.end(&r.Summary)
	case *record.RTTComparison:
		if err := s.hosts(); err != nil {
			return err
		}
		return s.comment("%s", text.ComparisonWords(r))
	}
	return s.book.gather(r, s.hosts)
}

func (s *grepSink) end(r *record.Summary) error {
	if err := s.hosts(); err != nil {
		return err
	}
	up, _, total := s.total.of(r)
	return s.comment("%s", doneAt(r, " -- ", doneWords(s.command, r.Probes, up, total)))
}

func (s *grepSink) comment(format string, args ...any) error {
	return s.w.Append(func(b []byte) []byte { return append(fmt.Appendf(append(b, "# "...), format, args...), '\n') })
}

func (s *grepSink) hosts() error {
	for _, page := range s.book.take() {
		s.total.count(page)
		for _, line := range s.lines(page) {
			if err := s.w.Append(func(b []byte) []byte { return append(append(b, line...), '\n') }); err != nil {
				return err
			}
		}
	}
	return nil
}

// lines are the state of a host and its ports, as far as they are known. As with
// nmap, hosts that are down are told of to those who ask for more.
func (s *grepSink) lines(page *hostPage) (lines []string) {
	name := fmt.Sprintf("Host: %s (%s)", page.addr, units.Printable(page.name))
	switch state, _ := page.status(); {
	case page.about == nil:
	case state == "up":
		lines = append(lines, name+"\tStatus: Up")
	case s.verbose:
		lines = append(lines, name+"\tStatus: "+strings.ToUpper(state[:1])+state[1:])
	}
	if fields := s.host(page); len(fields) > 0 || page.about == nil {
		lines = append(lines, strings.Join(append([]string{name}, fields...), "\t"))
	}
	return lines
}

func (s *grepSink) host(page *hostPage) (fields []string) {
	var ports []string
	for _, p := range page.ports {
		ports = append(ports, fmt.Sprintf("%d/%s/tcp//%s///", p.Port, nmapState(p.State), s.name(p.Port)))
	}
	if len(ports) > 0 {
		fields = append(fields, "Ports: "+strings.Join(ports, ", "))
	}
	for _, e := range page.extras() {
		fields = append(fields, fmt.Sprintf("Ignored State: %s (%d)", nmapState(e.state), e.count))
	}
	if page.sequence != nil {
		fields = append(fields, fmt.Sprintf("Seq Index: %d", page.sequence.SP.Value))
	}
	return fields
}

func (s *grepSink) name(port uint16) string {
	if s.service == nil {
		return ""
	}
	return s.service(port)
}

// Close writes what no summary did.
func (s *grepSink) Close() error {
	if err := s.hosts(); err != nil {
		return err
	}
	return s.w.Flush()
}
