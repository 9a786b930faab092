package openmetrics

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Format is a way to write a registry.
type Format byte

// The formats.
const (
	Prometheus  Format = iota // text, version 0.0.4
	OpenMetrics               // text, version 1.0.0
)

// ContentType is the format's, as HTTP names it.
func (f Format) ContentType() string {
	if f == OpenMetrics {
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	}
	return "text/plain; version=0.0.4; charset=utf-8"
}

// page is a registry being written.
type page struct {
	bytes.Buffer
	format Format
}

// Text is the registry as it is now.
func (r *Registry) Text(f Format) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &page{format: f}
	for _, family := range r.families {
		p.family(family)
	}
	if f == OpenMetrics {
		p.WriteString("# EOF\n")
	}
	return p.Bytes()
}

func (p *page) family(f *family) {
	if len(f.series) == 0 {
		return
	}
	name := f.name
	if f.kind == counter && p.format == Prometheus {
		name += "_total"
	}
	p.WriteString("# HELP " + name + " " + p.helpEscaped(f.help) + "\n# TYPE " + name + " " + string(f.kind) + "\n")
	for _, key := range slices.Sorted(maps.Keys(f.series)) {
		p.series(f, f.series[key])
	}
}

func (p *page) series(f *family, s *series) {
	switch f.kind {
	case counter:
		p.sample(f, s, "_total", number(s.value))
	case gauge:
		p.sample(f, s, "", number(s.value))
	case histogram:
		p.buckets(f, s)
	}
}

func (p *page) buckets(f *family, s *series) {
	total := uint64(0)
	for i, n := range s.counts {
		total += n
		bound := math.Inf(1)
		if i < len(f.bounds) {
			bound = f.bounds[i]
		}
		p.sample(f, s, "_bucket", strconv.FormatUint(total, 10), "le", p.bound(bound))
	}
	p.sample(f, s, "_sum", number(s.value))
	p.sample(f, s, "_count", strconv.FormatUint(total, 10))
}

// sample writes one line; more is a label beside those of the series.
func (p *page) sample(f *family, s *series, suffix, value string, more ...string) {
	p.WriteString(f.name + suffix)
	opening := byte('{')
	label := func(name, value string) {
		p.WriteByte(opening)
		p.WriteString(name + `="` + labelEscaped.Replace(value) + `"`)
		opening = ','
	}
	for _, i := range f.order {
		label(f.labels[i], s.values[i])
	}
	for i := 0; i < len(more); i += 2 {
		label(more[i], more[i+1])
	}
	if opening == ',' {
		p.WriteByte('}')
	}
	p.WriteString(" " + value + "\n")
}

// labelEscaped writes a label's value.
var labelEscaped = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// helpEscaped writes a help text: Prometheus' format leaves quotes as they are.
func (p *page) helpEscaped(s string) string {
	if p.format == OpenMetrics {
		return labelEscaped.Replace(s)
	}
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(s)
}

// bound is a bucket's end: OpenMetrics has it with a point always.
func (p *page) bound(v float64) string {
	s := number(v)
	if p.format == OpenMetrics && !strings.ContainsAny(s, ".eI") {
		s += ".0"
	}
	return s
}

// number is a value in the shortest way that is read back as it is.
func number(v float64) string {
	if math.IsInf(v, 1) {
		return "+Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
