package text

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/internal/report/units"
	"synscope/probe"
)

// textSink writes for people. Open ports are shown as they come, since they
// are what people wait for; the others are gathered in folds and follow at the
// end of the run, few ones a line each, many ones as counts.
type textSink struct {
	w        *sink.LineWriter
	o        sink.Options
	paint    painter
	folds    *folds
	clock    string // the clock that the header names for round trips
	headed   bool   // the header has been written
	lastHost string // the host of the heading above, where hosts have headings
	hostWide int    // the widest host so far
	hosts    []*record.Host
	plain    int       // of these, how many have no finding
	command  sink.Sink // the text of a command that does not show ports, else nil
}

// New writes text for people, or the fields that are asked for in columns.
func New(w *sink.LineWriter, o sink.Options) sink.Sink {
	if len(o.Fields) > 0 {
		return rows.NewFieldText(w, o)
	}
	t := &textSink{w: w, o: o, paint: painter{o.Colour}, folds: newFolds(), hostWide: max(o.HostWide, len("255.255.255.255"))}
	if o.HostList {
		t.command = newHostList(t)
	}
	return t
}

// commandText makes the text of a command that does not show ports.
func (t *textSink) commandText(command string) sink.Sink {
	switch command {
	case "ping":
		return &pingText{textSink: t}
	case "isn":
		return &isnText{textSink: t}
	case "trace":
		return &traceText{textSink: t}
	case "handshake", "send":
		return newConnectionText(t, command)
	case "read":
		return &captureText{textSink: t}
	case "check":
		return &checkText{textSink: t}
	case "why":
		return &diagnosisText{textSink: t}
	}
	return nil
}

func (t *textSink) Record(r record.Record) error {
	if err := t.take(r); err != nil {
		return err
	}
	if s, ok := r.(*record.Summary); ok && !t.o.Quiet {
		return t.write(t.warnings(halfOpen(s)))
	}
	return nil
}

// take writes or gathers what a record says.
func (t *textSink) take(r record.Record) error {
	if r, ok := r.(*record.Run); ok && (t.command == nil || t.o.HostList) {
		if t.command == nil {
			t.command = t.commandText(r.Command)
		}
		return t.run(r)
	}
	if t.command != nil {
		return t.command.Record(r)
	}
	switch r := r.(type) {
	case *record.Port:
		t.folds.supersede(r)
		if r.State != probe.StateOpen {
			t.folds.add(r)
			return nil
		}
		t.folds.see(r.Addr)
		return t.write(t.port(nil, r))
	case *record.Host:
		t.host(r)
	case *record.Summary:
		if err := t.write(t.hostNotes(t.gathered(nil))); err != nil {
			return err
		}
		if t.o.Quiet {
			return nil
		}
		return t.write(t.summary(r))
	}
	return nil
}

// PassesPorts: what is gathered of ports is copied.
func (t *textSink) PassesPorts() bool { return t.command == nil }

// Close shows what was gathered where no summary did.
func (t *textSink) Close() error {
	if t.command != nil {
		return t.command.Close()
	}
	if err := t.write(t.gathered(nil)); err != nil {
		return err
	}
	return t.w.Flush()
}

// write writes lines, each without its end.
func (t *textSink) write(lines []string) error {
	if len(lines) == 0 {
		return nil
	}
	return t.w.Append(func(b []byte) []byte {
		for _, line := range lines {
			for part := range strings.SplitSeq(line, "\n") {
				for _, piece := range folded(strings.TrimRight(part, " "), t.limit()) {
					b = append(append(b, strings.TrimRight(piece, " ")...), '\n')
				}
			}
		}
		return b
	})
}

func (t *textSink) run(r *record.Run) error {
	if !t.o.Banner {
		return nil
	}
	words := append([]string{"# synscope", r.Version}, r.Args...)
	lines := []string{
		units.Printable(strings.Join(words, " ")),
		"# started " + r.Start.Format(time.RFC3339) + engineNote(r.Engine),
	}
	for _, note := range r.Notes {
		lines = append(lines, "# "+units.Printable(note))
	}
	return t.write(lines)
}

func engineNote(engine string) string {
	if engine == "" {
		return ""
	}
	return ", engine " + engine
}

// port appends a port's line and those of its findings, after the headings
// that are due.
func (t *textSink) port(lines []string, p *record.Port) []string {
	lines = t.heading(lines, p)
	lines = append(lines, t.verdict(p)...)
	for _, f := range p.Findings {
		lines = append(lines, t.finding(f, ""))
	}
	return lines
}

// heading appends the host's name, where hosts have headings, and the names of
// the columns.
func (t *textSink) heading(lines []string, p *record.Port) []string {
	lines = t.hostHeading(lines, record.HostOf(p))
	if t.headed {
		return lines
	}
	t.headed = true
	t.clock = cmp.Or(t.clock, p.Clock)
	rtt := "RTT"
	if t.clock != "" && !t.narrow() {
		rtt += " (" + t.clock + ")"
	}
	row := t.columns("HOST", "PORT", units.Padded("STATE", stateWide), "SERVICE", rtt, "TIME", "REASON")
	return append(lines, t.paint.paint(dim, strings.TrimRight(row[0], " ")))
}

// hostHeading appends a host's name above its lines where a run has one host,
// or that many names.
func (t *textSink) hostHeading(lines []string, host string) []string {
	if !t.grouped() || host == t.lastHost {
		return lines
	}
	if t.lastHost != "" {
		lines = append(lines, "")
	}
	t.lastHost, t.headed = host, false
	return append(lines, t.paint.paint(bold, host))
}

// grouped tells whether hosts have headings: where there is one, and where the terminal
// has no room for a column of them.
func (t *textSink) grouped() bool {
	return t.o.Hosts == 1 || !t.fits(t.hostWide+2+portWide+2+stateWide+2+tripNarrow)
}

const (
	portWide    = len("65535/tcp")
	stateWide   = len("open|filtered")
	serviceWide = 16
	rttWide     = len("RTT (kernel-rx)")
)

// Columns of a result, less those that a terminal has no room for.
const (
	tripNarrow  = len("99.9 µs") + 1
	leastReason = 22 // columns for what a verdict rests on, where it is asked for
)

// fixed is how wide the columns are that are always there.
func (t *textSink) fixed() int {
	w := portWide + 2 + stateWide + 2
	if !t.grouped() {
		w += t.hostWide + 2
	}
	return w
}

// narrow tells whether there is no room for the name of the clock.
func (t *textSink) narrow() bool {
	w := t.fixed() + serviceWide + 2 + rttWide
	if t.o.Reason {
		w += 2 + clockWide + 2 + leastReason
	}
	return !t.fits(w)
}

// columns lays out one row, of several lines where a reason is long; state is padded
// already, for it may be coloured. Where the terminal is narrow the time of day goes
// first, then the service.
func (t *textSink) columns(host, port, state, service, rtt, at, reason string) []string {
	var b strings.Builder
	if !t.grouped() {
		t.hostWide = max(t.hostWide, utf8.RuneCountInString(host))
		b.WriteString(units.Padded(host, t.hostWide) + "  ")
	}
	b.WriteString(units.Padded(port, portWide) + "  " + state + "  ")
	trip, narrow := rttWide, t.narrow()
	if narrow {
		trip = tripNarrow
	}
	if !t.o.Reason {
		if t.fits(t.fixed() + serviceWide + 2 + trip) {
			b.WriteString(units.Padded(service, serviceWide) + "  ")
		}
		return []string{b.String() + rtt}
	}
	if t.fits(t.fixed() + serviceWide + 2 + trip + 2 + leastReason) {
		b.WriteString(units.Padded(service, serviceWide) + "  ")
	}
	b.WriteString(units.Padded(rtt, trip) + "  ")
	if !narrow {
		b.WriteString(units.Padded(at, clockWide) + "  ")
	}
	return t.withReason(b.String(), reason)
}

// withReason puts what a verdict rests on behind the other columns, and what there
// is no room for below.
func (t *textSink) withReason(columns, reason string) []string {
	at := seen(columns)
	if t.fits(at + utf8.RuneCountInString(reason)) {
		return []string{columns + reason}
	}
	first, indent := columns, at
	var lines []string
	if !t.fits(at + leastReason) {
		lines, first, indent = []string{columns}, "    ", 4
	}
	parts := wrapped(strings.Split(reason, ", "), ", ", t.limit()-indent-1) // for the comma
	for i, part := range parts {
		if i < len(parts)-1 {
			part += ","
		}
		lines = append(lines, first+part)
		first = strings.Repeat(" ", indent)
	}
	return lines
}

// verdict is a port in its columns.
func (t *textSink) verdict(p *record.Port) []string {
	state := t.paint.paint(stateStyle(p.State), p.State.String())
	state += strings.Repeat(" ", max(0, stateWide-len(p.State.String())))
	return t.columns(record.HostOf(p), strconv.Itoa(int(p.Port))+"/tcp", state, t.service(p.Port), t.rtt(p), clockTime(p.Time), evidence(p))
}

func (t *textSink) service(port uint16) string {
	if t.o.Service != nil {
		if name := t.o.Service(port); name != "" {
			return name
		}
	}
	return "-"
}

// rtt names its clock where that is not the header's.
func (t *textSink) rtt(p *record.Port) string {
	d, ok := p.RTT.Get()
	switch {
	case !ok:
		return "-"
	case p.Clock != t.clock:
		return units.Duration(d) + " (" + p.Clock + ")"
	}
	return units.Duration(d)
}

// evidence is what the verdict rests on: "syn-ack, ttl 64, win 64240, mss 1460".
func evidence(p *record.Port) string {
	words := []string{string(p.Reason)}
	if ttl, ok := p.TTL.Get(); ok {
		words = append(words, "ttl "+strconv.Itoa(int(ttl)))
	}
	if win, ok := p.Window.Get(); ok {
		words = append(words, "win "+strconv.Itoa(int(win)))
	}
	if mss, ok := p.MSS.Get(); ok {
		words = append(words, "mss "+strconv.Itoa(int(mss)))
	}
	if p.Responder.IsValid() {
		words = append(words, "from "+p.Responder.String())
	}
	if p.Attempts > 1 {
		words = append(words, strconv.Itoa(p.Attempts)+" attempts")
	}
	if sure, ok := p.Sure.Get(); ok {
		words = append(words, SureWords(sure))
	}
	return strings.Join(words, ", ")
}

// SureWords is "99.9 % sure", never rounded up: silence proves nothing.
func SureWords(sure float64) string {
	return strconv.FormatFloat(min(math.Floor(1000*sure)/10, 99.9), 'f', 1, 64) + " % sure"
}

// finding is the indented line of a finding; tail follows its text.
func (t *textSink) finding(f probe.Finding, tail string) string {
	text := "  " + t.paint.paint(severityStyle(f.Severity), f.Severity.String()+" "+f.Code) + ": " + units.Printable(f.Text)
	if f.Evidence != "" {
		text += " [" + units.Printable(f.Evidence) + "]"
	}
	return text + tail
}
