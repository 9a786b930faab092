package nmap

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/internal/report/units"
)

// xmlSink writes nmap's XML, as its document type nmap.dtd (version 1.05) has
// it: one element a host, written whole, so that a reader of the file while the
// run goes on sees whole hosts.
type xmlSink struct {
	w       *sink.LineWriter
	service func(uint16) string
	scan    *sink.ScanInfo
	command string
	book    hostbook
	after   []story // of no host
	hosts   headcount
	begun   bool
	ended   bool
}

// NewXML writes nmap's XML.
func NewXML(w *sink.LineWriter, o sink.Options) sink.Sink {
	return &xmlSink{w: w, service: o.Registered(), scan: o.Scan}
}

func (s *xmlSink) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Run:
		return s.begin(r)
	case *record.Summary:
		return s.end(r, "")
	case *record.Reading:
		return s.end(&r.Summary, r.Fault)
	case *record.RTTComparison:
		s.after = append(s.after, story{r, text.ComparisonWords(r)})
		return nil
	}
	return s.book.gather(r, s.writeHosts)
}

func (s *xmlSink) write(text string) error {
	return s.w.Append(func(b []byte) []byte { return append(b, text...) })
}

func (s *xmlSink) begin(r *record.Run) error {
	s.begun, s.command = true, r.Command
	args := strings.Join(append([]string{"synscope"}, r.Args...), " ")
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n")
	Comment(&b, fmt.Sprintf(" synscope %s, started %s as: %s ", r.Version, r.Start.Format(time.ANSIC), args))
	// The document type allows no other scanner, and programs that read such
	// files refuse one; args and the comment say who wrote this.
	element(&b, "nmaprun", ">\n", "scanner", "nmap", "args", args,
		"start", unix(r.Start), "startstr", r.Start.Format(time.ANSIC),
		"version", r.Version, "xmloutputversion", "1.05")
	if s.scan != nil {
		element(&b, "scaninfo", "/>\n", "type", s.scan.Technique, "protocol", "tcp",
			"numservices", fmt.Sprint(s.scan.Count), "services", s.scan.Ports)
	}
	b.WriteString("<verbose level=\"0\"/>\n<debugging level=\"0\"/>\n")
	return s.write(b.String())
}

// writeHosts writes every host gathered so far, each by itself.
func (s *xmlSink) writeHosts() error {
	for _, page := range s.book.take() {
		s.hosts.count(page)
		var b strings.Builder
		s.host(&b, page)
		if err := s.write(b.String()); err != nil {
			return err
		}
	}
	return nil
}

// end closes the document; fault is why a run ended early, where that is known.
func (s *xmlSink) end(r *record.Summary, fault string) error {
	s.ended = true
	if err := s.writeHosts(); err != nil {
		return err
	}
	var b strings.Builder
	s.postscript(&b)
	b.WriteString("<runstats>")
	up, down, total := s.hosts.of(r)
	finished := []string{"time", unix(r.End), "timestr", r.End.Format(time.ANSIC),
		"elapsed", fmt.Sprintf("%.2f", r.Took.Seconds()), "summary", doneAt(r, "; ", doneWords(s.command, r.Probes, up, total)), "exit", outcome(r)}
	if fault != "" {
		finished = append(finished, "errormsg", fault)
	}
	element(&b, "finished", "/>", finished...)
	element(&b, "hosts", "/>", "up", fmt.Sprint(up), "down", fmt.Sprint(down), "total", fmt.Sprint(total))
	b.WriteString("\n</runstats>\n</nmaprun>\n")
	return s.write(b.String())
}

// postscript is what was found out about no single host.
func (s *xmlSink) postscript(b *strings.Builder) {
	if len(s.after) == 0 {
		return
	}
	b.WriteString("<postscript>")
	for _, told := range s.after {
		script(b, told)
	}
	b.WriteString("</postscript>\n")
}

// outcome is nmap's word for how a run ended.
func outcome(r *record.Summary) string {
	if !r.Complete {
		return "error"
	}
	return "success"
}

// Close ends the document where no summary did.
func (s *xmlSink) Close() error {
	if !s.ended {
		if err := s.writeHosts(); err != nil {
			return err
		}
		var rest strings.Builder
		if s.begun {
			s.postscript(&rest)
			rest.WriteString("</nmaprun>\n")
		}
		if err := s.write(rest.String()); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

// Foot implements [sink.Footed].
func (s *xmlSink) Foot(why error) string {
	var b strings.Builder
	now := time.Now()
	b.WriteString("<runstats>")
	element(&b, "finished", "/>", "time", unix(now), "timestr", now.Format(time.ANSIC), "exit", "error", "errormsg", why.Error())
	element(&b, "hosts", "/>", "up", fmt.Sprint(s.hosts.up), "down", fmt.Sprint(s.hosts.down), "total", fmt.Sprint(s.hosts.up+s.hosts.down))
	b.WriteString("\n</runstats>\n</nmaprun>\n")
	return b.String()
}

func unix(t time.Time) string { return fmt.Sprint(t.Unix()) }

// Comment appends words as a comment, in which two hyphens may not follow each
// other (XML 1.0 §2.5).
func Comment(b *strings.Builder, words string) {
	for strings.Contains(words, "--") {
		words = strings.ReplaceAll(words, "--", "- -")
	}
	b.WriteString("<!--" + units.Printable(words) + "-->\n")
}

// element appends a tag with attributes, given as names and values in turn.
func element(b *strings.Builder, name, end string, attributes ...string) {
	b.WriteString("<" + name)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(" " + attributes[i] + `="`)
		escape(b, attributes[i+1])
		b.WriteString(`"`)
	}
	b.WriteString(end)
}

// escape appends text, escaped.
func escape(b *strings.Builder, s string) { xml.EscapeText(b, []byte(s)) }
