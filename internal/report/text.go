package report

import (
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"synscope/probe"
)

// textSink writes for people. Open ports are shown as they come, since they
// are what people wait for; the others are gathered in folds and follow at the
// end of the run, few ones a line each, many ones as counts.
type textSink struct {
	w        *LineWriter
	o        Options
	paint    painter
	folds    *folds
	clock    string // the clock that the header names for round trips
	headed   bool   // the header has been written
	lastHost string // the host of the heading above, where hosts have headings
	hostWide int    // the widest host so far
	hosts    []*Host
	plain    int  // of these, how many have no finding
	told     Sink // the text of a command that does not tell of ports, else nil
}

func newText(w *LineWriter, o Options) Sink {
	if len(o.Fields) > 0 {
		return newFieldText(w, o)
	}
	t := &textSink{w: w, o: o, paint: painter{o.Colour}, folds: newFolds(), hostWide: max(o.HostWide, len("255.255.255.255"))}
	if o.HostList {
		t.told = newHostList(t)
	}
	return t
}

// teller makes the text of a command that does not tell of ports.
func (t *textSink) teller(command string) Sink {
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
	}
	return nil
}

func (t *textSink) Record(r Record) error {
	if r, ok := r.(*Run); ok && (t.told == nil || t.o.HostList) {
		if t.told == nil {
			t.told = t.teller(r.Command)
		}
		return t.run(r)
	}
	if t.told != nil {
		return t.told.Record(r)
	}
	switch r := r.(type) {
	case *Port:
		if r.State != probe.StateOpen {
			t.folds.add(r)
			return nil
		}
		t.folds.see(r.Addr)
		return t.write(t.port(nil, r))
	case *Host:
		t.host(r)
	case *Summary:
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

// passesPorts: what is gathered of ports is copied.
func (t *textSink) passesPorts() bool { return t.told == nil }

// Close shows what was gathered where no summary did.
func (t *textSink) Close() error {
	if t.told != nil {
		return t.told.Close()
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
			b = append(append(b, strings.TrimRight(line, " ")...), '\n')
		}
		return b
	})
}

func (t *textSink) run(r *Run) error {
	if !t.o.Banner {
		return nil
	}
	words := append([]string{"# synscope", r.Version}, r.Args...)
	lines := []string{
		printable(strings.Join(words, " ")),
		"# started " + r.Start.Format(time.RFC3339) + engineNote(r.Engine),
	}
	for _, note := range r.Notes {
		lines = append(lines, "# "+printable(note))
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
func (t *textSink) port(lines []string, p *Port) []string {
	lines = t.heading(lines, p)
	lines = append(lines, t.line(p))
	for _, f := range p.Findings {
		lines = append(lines, t.finding(f, ""))
	}
	return lines
}

// heading appends the host's name, where hosts have headings, and the names of
// the columns.
func (t *textSink) heading(lines []string, p *Port) []string {
	lines = t.hostHeading(lines, hostOf(p))
	if t.headed {
		return lines
	}
	t.headed = true
	if t.clock == "" {
		t.clock = p.Clock
	}
	rtt := "RTT"
	if t.clock != "" {
		rtt += " (" + t.clock + ")"
	}
	row := t.columns("HOST", "PORT", padded("STATE", stateWide), "SERVICE", rtt, "TIME", "REASON")
	return append(lines, t.paint.paint(dim, strings.TrimRight(row, " ")))
}

// hostHeading appends a host's name above its lines where a run has one host,
// or that many names.
func (t *textSink) hostHeading(lines []string, host string) []string {
	if t.o.Hosts != 1 || host == t.lastHost {
		return lines
	}
	if t.lastHost != "" {
		lines = append(lines, "")
	}
	t.lastHost, t.headed = host, false
	return append(lines, t.paint.paint(bold, host))
}

const (
	portWide    = len("65535/tcp")
	stateWide   = len("open|filtered")
	serviceWide = 16
	rttWide     = len("RTT (kernel-rx)")
)

// columns lays out one line; state is padded already, for it may be coloured.
func (t *textSink) columns(host, port, state, service, rtt, at, reason string) string {
	var b strings.Builder
	if t.o.Hosts != 1 {
		t.hostWide = max(t.hostWide, utf8.RuneCountInString(host))
		b.WriteString(padded(host, t.hostWide) + "  ")
	}
	b.WriteString(padded(port, portWide) + "  " + state + "  " + padded(service, serviceWide) + "  ")
	if t.o.Reason {
		b.WriteString(padded(rtt, rttWide) + "  " + padded(at, clockWide) + "  " + reason)
	} else {
		b.WriteString(rtt)
	}
	return b.String()
}

func (t *textSink) line(p *Port) string {
	state := t.paint.paint(stateStyle(p.State), p.State.String())
	state += strings.Repeat(" ", max(0, stateWide-len(p.State.String())))
	return t.columns(hostOf(p), strconv.Itoa(int(p.Port))+"/tcp", state, t.service(p.Port), t.rtt(p), clockTime(p.Time), evidence(p))
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
func (t *textSink) rtt(p *Port) string {
	d, ok := p.RTT.Get()
	switch {
	case !ok:
		return "-"
	case p.Clock != t.clock:
		return Duration(d) + " (" + p.Clock + ")"
	}
	return Duration(d)
}

// evidence is what the verdict rests on: "syn-ack, ttl 64, win 64240, mss 1460".
func evidence(p *Port) string {
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
		words = append(words, sureWords(sure))
	}
	return strings.Join(words, ", ")
}

// sureWords is "99.9 % sure", never rounded up: silence proves nothing.
func sureWords(sure float64) string {
	return strconv.FormatFloat(min(math.Floor(1000*sure)/10, 99.9), 'f', 1, 64) + " % sure"
}

// finding is the indented line of a finding; tail follows its text.
func (t *textSink) finding(f probe.Finding, tail string) string {
	text := "  " + t.paint.paint(severityStyle(f.Severity), f.Severity.String()+" "+f.Code) + ": " + printable(f.Text)
	if f.Evidence != "" {
		text += " [" + printable(f.Evidence) + "]"
	}
	return text + tail
}

// hostOf is how people know the host of a port.
func hostOf(p *Port) string { return NameOf(p.Target, p.Addr) }

// NameOf is how people know a host: the name they typed with its address, or
// the address where what they typed is an address or stands for many.
func NameOf(target string, a netip.Addr) string {
	addr := a.String()
	if name := hostName(target); name != "" {
		return printable(name) + " (" + addr + ")"
	}
	return addr
}

// hostName is the name in a target word, without a port, or "".
func hostName(target string) string {
	name, _, _ := strings.Cut(target, ":")
	if strings.Count(target, ":") > 1 || strings.ContainsAny(name, "/[") {
		return ""
	}
	if !strings.ContainsFunc(name, unicode.IsLetter) {
		return ""
	}
	return name
}

// padded fills s up with spaces to a width in characters.
func padded(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

// printable keeps what came from outside from commanding the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}
