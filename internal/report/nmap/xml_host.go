package nmap

import (
	"fmt"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/rtt"
)

// host is the element of one host, its parts in the order of nmap's own.
func (s *xmlSink) host(b *strings.Builder, page *hostPage) {
	element(b, "host", ">", page.span()...)
	state, reason := page.status()
	element(b, "status", "/>", "state", state, "reason", reason, "reason_ttl", fmt.Sprint(page.reasonTTL()))
	kind := "ipv6"
	if page.addr.Is4() {
		kind = "ipv4"
	}
	element(b, "address", "/>\n", "addr", page.addr.String(), "addrtype", kind)
	page.linkAddress(b)
	b.WriteString("<hostnames>")
	if page.name != "" {
		element(b, "hostname", "/>", "name", page.name, "type", "user")
	}
	b.WriteString("</hostnames>\n")
	s.ports(b, page)
	page.sequenceElement(b)
	hostScripts(b, page.findings)
	page.way.element(b)
	times(b, &page.times)
	b.WriteString("</host>\n")
}

// ports are those of a host, where any was probed.
func (s *xmlSink) ports(b *strings.Builder, page *hostPage) {
	if page.about != nil && len(page.ports)+len(page.extra) == 0 {
		return
	}
	b.WriteString("<ports>")
	for _, e := range page.extras() {
		extra(b, e)
	}
	for _, p := range page.ports {
		s.port(b, p, page.stories[p.Port])
	}
	b.WriteString("</ports>\n")
}

// span is when a host was begun and done, as attributes.
func (p *hostPage) span() (attributes []string) {
	if p.about == nil {
		ended := p.ended
		if ended.IsZero() {
			ended = time.Now()
		}
		return []string{"starttime", unix(p.began), "endtime", unix(ended)}
	}
	if t := p.about.Began; !t.IsZero() {
		attributes = append(attributes, "starttime", unix(t))
	}
	if t := p.about.Time; !t.IsZero() {
		attributes = append(attributes, "endtime", unix(t))
	}
	return attributes
}

// linkAddress is where a host is on the link.
func (p *hostPage) linkAddress(b *strings.Builder) {
	if p.about == nil || p.about.MAC == "" {
		return
	}
	attributes := []string{"addr", strings.ToUpper(p.about.MAC), "addrtype", "mac"}
	if p.about.Vendor != "" {
		attributes = append(attributes, "vendor", p.about.Vendor)
	}
	element(b, "address", "/>\n", attributes...)
}

// hostScripts are what was noticed about the host as a whole.
func hostScripts(b *strings.Builder, findings []probe.Finding) {
	if len(findings) == 0 {
		return
	}
	b.WriteString("<hostscript>")
	for _, f := range findings {
		finding(b, f)
	}
	b.WriteString("</hostscript>\n")
}

func extra(b *strings.Builder, e extraPorts) {
	element(b, "extraports", ">", "state", nmapState(e.state), "count", fmt.Sprint(e.count))
	for _, r := range e.reasons {
		element(b, "extrareasons", "/>", "reason", Reason(r.reason), "count", fmt.Sprint(r.n))
	}
	b.WriteString("</extraports>\n")
}

// port is one port, its stories, and its findings.
func (s *xmlSink) port(b *strings.Builder, p *record.Port, stories []story) {
	element(b, "port", ">", "protocol", "tcp", "portid", fmt.Sprint(p.Port))
	ttl, _ := p.TTL.Get()
	state := []string{"state", nmapState(p.State), "reason", Reason(p.Reason), "reason_ttl", fmt.Sprint(ttl)}
	if p.Responder.IsValid() {
		state = append(state, "reason_ip", p.Responder.String())
	}
	element(b, "state", "/>", state...)
	if s.service != nil {
		if name := s.service(p.Port); name != "" {
			element(b, "service", "/>", "name", name, "method", "table", "conf", "3")
		}
	}
	for _, told := range stories {
		script(b, told)
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

// sequenceElement gives nmap's figures of the host's sequence numbers.
func (p *hostPage) sequenceElement(b *strings.Builder) {
	if p.sequence == nil {
		return
	}
	index := p.sequence.SP.Value
	element(b, "tcpsequence", "/>\n", "index", fmt.Sprint(index), "difficulty", nmapDifficulty(index), "values", hexadecimal(p.sequence))
}

// nmapDifficulty is nmap's word for how hard sequence numbers of an index are
// to guess, as nmap 7.93 writes it.
func nmapDifficulty(index int) string {
	switch {
	case index <= 2:
		return "Trivial joke"
	case index <= 5:
		return "Easy"
	case index <= 10:
		return "Medium"
	case index <= 11:
		return "Formidable"
	case index <= 15:
		return "Worthy challenge"
	}
	return "Good luck!"
}

// hexadecimal is the numbers that nmap's figures were made of.
func hexadecimal(n *isn.Nmap) string {
	words := make([]string, n.N)
	for i := range words {
		words[i] = fmt.Sprintf("%X", n.ISNs[i])
	}
	return strings.Join(words, ",")
}

// element is the way in nmap's terms. Hops that kept silent are left out.
func (w *way) element(b *strings.Builder) {
	if w == nil {
		return
	}
	element(b, "trace", ">\n", "port", fmt.Sprint(w.port), "proto", "tcp")
	for _, h := range w.answers() {
		attributes := []string{"ttl", fmt.Sprint(h.TTL), "ipaddr", h.Addr.String()}
		if rtt, ok := trusted(h); ok {
			attributes = append(attributes, "rtt", fmt.Sprintf("%.2f", rtt.Seconds()*1e3)) // ms
		}
		if h.Name != "" {
			attributes = append(attributes, "host", h.Name)
		}
		element(b, "hop", "/>\n", attributes...)
	}
	b.WriteString("</trace>\n")
}

// times are those of a host in µs, nothing where none was measured. The timeout
// is a figure here, without the floor of a second: nobody waits for it.
func times(b *strings.Builder, s *rtt.Smoothed) {
	if s.Known() {
		element(b, "times", "/>\n", "srtt", microseconds(s.SRTT), "rttvar", microseconds(s.RTTVAR), "to", microseconds(s.Timeout()))
	}
}

func microseconds(d time.Duration) string {
	return fmt.Sprint(d.Round(time.Microsecond).Microseconds())
}
