package text

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
)

// hostList writes for people which hosts are there: those that are up a line
// each, as they come, and at the end how many are down, or which, if few are.
type hostList struct {
	*textSink
	others listed // that are not up
}

// listed are hosts to be told of at the end: each, or how many there are for each
// reason.
type listed struct {
	hosts  []*record.Host
	counts map[probe.Reason]uint64
	total  uint64

	unasked map[probe.Reason]uint64 // of those, the ones that could not be asked
}

func (l *listed) add(h *record.Host, all bool) {
	l.total++
	l.counts[h.Reason]++
	if h.State == probe.HostUnknown {
		l.unasked[h.Reason]++
	}
	if all || len(l.hosts) < few {
		l.hosts = append(l.hosts, h)
	}
}

func newHostList(t *textSink) *hostList {
	return &hostList{textSink: t, others: newListed()}
}

func newListed() listed {
	return listed{counts: map[probe.Reason]uint64{}, unasked: map[probe.Reason]uint64{}}
}

func (l *hostList) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Host:
		if r.State == probe.HostUp {
			return l.write(l.line(nil, r))
		}
		l.others.add(r, l.o.Verbose || r.State == probe.HostUnknown && len(l.others.hosts) < maxBlocks)
	case *record.Summary:
		if err := l.write(l.absent(!l.o.Quiet)); err != nil || l.o.Quiet {
			return err
		}
		return l.write(l.ending(r))
	}
	return nil
}

// Close shows what was gathered where no summary did.
func (l *hostList) Close() error {
	if err := l.write(l.absent(false)); err != nil {
		return err
	}
	return l.w.Flush()
}

// absent are the hosts that are not up, once: each, if there are few, and else the
// number of those that could not be asked, and of all, unless a sum of them follows.
func (l *hostList) absent(summed bool) (lines []string) {
	others := &l.others
	slices.SortFunc(others.hosts, func(a, b *record.Host) int { return a.Addr.Compare(b.Addr) })
	whole := others.total == uint64(len(others.hosts))
	unasked := uint64(0)
	for _, n := range others.unasked {
		unasked += n
	}
	each := unasked <= few || l.o.Verbose
	for _, h := range others.hosts {
		if unknown := h.State == probe.HostUnknown; unknown && each || !unknown && whole {
			lines = l.line(lines, h)
		}
	}
	if !each {
		lines = append(lines, units.Plural(unasked, "address", "addresses")+" could not be asked: "+downWords(others.unasked)+" (-v lists them)")
	}
	if !whole && !summed {
		lines = append(lines, units.Plural(others.total, "address", "addresses")+" not there: "+downWords(others.counts))
	}
	l.others = newListed()
	return lines
}

// ending is the end of the run in words.
func (l *hostList) ending(s *record.Summary) []string {
	lines := []string{"", units.Plural(s.Probes, "address", "addresses") + " looked for in " + units.Duration(s.Took) + ": " + l.hostWords(s)}
	if s.Sent > 0 || s.Received > 0 {
		lines = append(lines, l.traffic(s))
	}
	if rejected := countWords(s.Rejections()); rejected != "" {
		lines = append(lines, "ignored: "+units.Printable(rejected))
	}
	return append(lines, l.losses(s, "not every address has been looked for")...)
}

const (
	hostStateWide  = len("unknown")
	hostReasonWide = len("timestamp-reply")
	hostTripWide   = len("99.9 us (kernel-rx)") // its clock differs from host to host
	macWide        = len("02:00:00:00:00:00")
	clockWide      = len("15:04:05.000")
)

// line appends a host's line, after the names of the columns where they are due.
func (l *hostList) line(lines []string, h *record.Host) []string {
	if !l.headed {
		l.headed = true
		lines = append(lines, l.paint.paint(dim, strings.TrimRight(l.columns("HOST", units.Padded("STATE", hostStateWide), "REASON", "RTT", "MAC", "TIME", "VENDOR"), " ")))
	}
	state := l.paint.paint(hostStyle(h.State), h.State.String()) + strings.Repeat(" ", max(0, hostStateWide-len(h.State.String())))
	rtt := l.rtt(&record.Port{RTT: h.RTT, Clock: h.Clock})
	lines = append(lines, l.columns(record.NameOf(h.Target, h.Addr), state, string(h.Reason), rtt, dashIfEmpty(h.MAC), clockTime(h.Time), units.Printable(h.Vendor)))
	for _, f := range h.Findings {
		lines = append(lines, l.finding(f, ""))
	}
	return lines
}

// columns lays out one line; state is padded already, for it may be coloured.
func (l *hostList) columns(host, state, reason, rtt, mac, at, vendor string) string {
	l.hostWide = max(l.hostWide, utf8.RuneCountInString(host))
	trip, room := hostTripWide, l.hostWide+2+hostStateWide+2+hostReasonWide+2+2+macWide
	if !l.fits(room + trip) {
		trip = tripNarrow
		rtt, _, _ = strings.Cut(rtt, " (")
	}
	room += trip
	if !l.fits(room) {
		return l.row([]cell{{units.Padded(host, l.hostWide), l.hostWide, 0}, {state, hostStateWide, 0},
			{units.Padded(reason, hostReasonWide), hostReasonWide - 1, 1}, {units.Padded(rtt, trip), trip, 2}})
	}
	cells := []string{units.Padded(host, l.hostWide), state, units.Padded(reason, hostReasonWide), units.Padded(rtt, trip), units.Padded(mac, macWide)}
	if l.o.Reason && l.fits(room+2+clockWide) {
		cells = append(cells, units.Padded(at, clockWide))
		room += 2 + clockWide
	}
	return strings.Join(append(cells, l.shortened(vendor, room+2)), "  ")
}

// shortened is a name that stands last on a line, behind so many columns, as far as
// there is room for it.
func (t *textSink) shortened(name string, at int) string {
	room, letters := t.limit()-at, []rune(name)
	switch {
	case t.limit() == 0 || len(letters) <= room:
		return name
	case room < 4:
		return ""
	}
	return string(letters[:room-1]) + "…"
}

func dashIfEmpty(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// hostStyle is the colour of a host's state.
func hostStyle(s probe.HostState) style {
	if s == probe.HostUp {
		return stateStyle(probe.StateOpen)
	}
	return dim
}

// hostWords is "7 up, 249 down (245 no-neighbour, 4 no-response)".
func (t *textSink) hostWords(s *record.Summary) string {
	up, _ := s.HostsUp.Get()
	down, _ := s.HostsDown.Get()
	words := units.Count(up) + " " + t.paint.paint(hostStyle(probe.HostUp), "up") + ", " + units.Count(down) + " down"
	if down > 0 {
		words += " (" + downWords(s.Down) + ")"
	}
	if n, ok := s.HostsUnknown.Get(); ok && n > 0 {
		words += ", " + units.Count(n) + " could not be asked"
	}
	return words
}

// downWords is "245 no-neighbour, 4 no-response", the commonest first.
func downWords(counts map[probe.Reason]uint64) string {
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b probe.Reason) int {
		if counts[a] != counts[b] {
			return int(min(counts[b], 1<<30)) - int(min(counts[a], 1<<30))
		}
		return strings.Compare(string(a), string(b))
	})
	words := make([]string, len(reasons))
	for i, r := range reasons {
		words[i] = units.Count(counts[r]) + " " + string(r)
	}
	return strings.Join(words, ", ")
}
