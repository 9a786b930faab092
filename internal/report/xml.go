package report

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"synscope/probe"
)

// xmlSink writes nmap's XML, as its document type nmap.dtd (version 1.05) has
// it: one element a host, written whole, so that a reader of the file while the
// run goes on sees whole hosts.
type xmlSink struct {
	w       *LineWriter
	service func(uint16) string
	book    hostbook
	hosts   int
	begun   bool
	ended   bool
}

func newXML(w *LineWriter, o Options) Sink { return &xmlSink{w: w, service: o.Service} }

func (s *xmlSink) Record(r Record) error {
	switch r := r.(type) {
	case *Run:
		return s.begin(r)
	case *Port:
		s.book.add(r)
		if s.book.full() {
			return s.write(s.told())
		}
	case *Summary:
		return s.end(r)
	}
	return nil
}

func (s *xmlSink) write(text string) error {
	return s.w.Append(func(b []byte) []byte { return append(b, text...) })
}

func (s *xmlSink) begin(r *Run) error {
	s.begun = true
	args := strings.Join(append([]string{"synscope"}, r.Args...), " ")
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE nmaprun>\n")
	element(&b, "nmaprun", ">\n", "scanner", "synscope", "args", args,
		"start", unix(r.Start), "startstr", r.Start.Format(time.ANSIC),
		"version", r.Version, "xmloutputversion", "1.05")
	b.WriteString("<verbose level=\"0\"/>\n<debugging level=\"0\"/>\n")
	return s.write(b.String())
}

// told is every host gathered so far.
func (s *xmlSink) told() string {
	var b strings.Builder
	for _, page := range s.book.take() {
		s.hosts++
		s.host(&b, page)
	}
	return b.String()
}

func (s *xmlSink) host(b *strings.Builder, page *hostPage) {
	b.WriteString("<host>")
	element(b, "status", "/>", "state", "up", "reason", "user-set", "reason_ttl", "0")
	kind := "ipv6"
	if page.addr.Is4() {
		kind = "ipv4"
	}
	element(b, "address", "/>\n", "addr", page.addr.String(), "addrtype", kind)
	if page.name != "" {
		b.WriteString("<hostnames>")
		element(b, "hostname", "/>", "name", page.name, "type", "user")
		b.WriteString("</hostnames>\n")
	}
	b.WriteString("<ports>")
	for _, e := range page.extras() {
		extra(b, e)
	}
	for _, p := range page.ports {
		s.port(b, p)
	}
	b.WriteString("</ports></host>\n")
}

func extra(b *strings.Builder, e extraPorts) {
	element(b, "extraports", ">", "state", nmapState(e.state), "count", fmt.Sprint(e.count))
	for _, r := range e.reasons {
		element(b, "extrareasons", "/>", "reason", nmapReason(r.reason), "count", fmt.Sprint(r.n))
	}
	b.WriteString("</extraports>\n")
}

func (s *xmlSink) port(b *strings.Builder, p *Port) {
	element(b, "port", ">", "protocol", "tcp", "portid", fmt.Sprint(p.Port))
	ttl, _ := p.TTL.Get()
	state := []string{"state", nmapState(p.State), "reason", nmapReason(p.Reason), "reason_ttl", fmt.Sprint(ttl)}
	if p.Responder.IsValid() {
		state = append(state, "reason_ip", p.Responder.String())
	}
	element(b, "state", "/>", state...)
	if s.service != nil {
		if name := s.service(p.Port); name != "" {
			element(b, "service", "/>", "name", name, "method", "table", "conf", "3")
		}
	}
	for _, f := range p.Findings {
		finding(b, f)
	}
	b.WriteString("</port>\n")
}

// finding is written as nmap writes what its scripts find.
func finding(b *strings.Builder, f probe.Finding) {
	element(b, "script", "/>", "id", f.Code, "output", f.Severity.String()+": "+f.Text+bracketed(f.Evidence))
}

func bracketed(evidence string) string {
	if evidence == "" {
		return ""
	}
	return " [" + evidence + "]"
}

func (s *xmlSink) end(r *Summary) error {
	s.ended = true
	var b strings.Builder
	b.WriteString(s.told())
	b.WriteString("<runstats>")
	how := "success"
	if !r.Complete {
		how = "error"
	}
	element(&b, "finished", "/>", "time", unix(r.End), "timestr", r.End.Format(time.ANSIC),
		"elapsed", fmt.Sprintf("%.2f", r.Took.Seconds()), "summary", fmt.Sprintf("%d ports probed", r.Probes), "exit", how)
	element(&b, "hosts", "/>", "up", fmt.Sprint(s.hosts), "down", "0", "total", fmt.Sprint(s.hosts))
	b.WriteString("\n</runstats>\n</nmaprun>\n")
	return s.write(b.String())
}

// Close ends the document where no summary did.
func (s *xmlSink) Close() error {
	if !s.ended {
		rest := s.told()
		if s.begun {
			rest += "</nmaprun>\n"
		}
		if err := s.write(rest); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

func unix(t time.Time) string { return fmt.Sprint(t.Unix()) }

// element appends a tag with attributes, given as names and values in turn.
func element(b *strings.Builder, name, end string, attributes ...string) {
	b.WriteString("<" + name)
	for i := 0; i < len(attributes); i += 2 {
		b.WriteString(" " + attributes[i] + `="`)
		xml.EscapeText(b, []byte(attributes[i+1]))
		b.WriteString(`"`)
	}
	b.WriteString(end)
}
