package cli

import (
	"cmp"
	"math/bits"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/screen"
	"synscope/internal/report/text"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/internal/tty"
	"synscope/probe"
	"synscope/probe/loss"
	"synscope/probe/ping"
)

// pingWatch passes the samples of a ping to the outputs, to the metrics, and to
// the table on the terminal, where there is one.
type pingWatch struct {
	*session
	mu     sync.Mutex // of the outputs: remarks come from another goroutine
	job    *pingJob
	server *metricsServer
	board  *screen.Board // nil where probes are shown a line each
	height func() (lines, columns int)
	drawn  time.Time
}

// hasBoard reports whether the probes are shown in a table that is updated in
// place: there are several targets, and somebody watches.
func (o *common) hasBoard(s Streams, set *target.Set) bool {
	return o.command == "ping" && s.clever(s.Out) && set.Count() > 1 && o.textOut() && !o.Quiet
}

func newPingWatch(j *pingJob, s *session, server *metricsServer) *pingWatch {
	w := &pingWatch{session: s, job: j, server: server}
	if f, ok := j.streams.Out.(*os.File); ok && j.options.hasBoard(j.streams, j.set) {
		w.board = screen.NewBoard(f)
		w.height = func() (int, int) {
			columns, lines, ok := tty.Size(f)
			if !ok {
				return 24, 80
			}
			return lines, columns
		}
	}
	return w
}

// sample takes one probe.
func (w *pingWatch) sample(s ping.Sample) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	series := w.job.series[s.Index]
	s.N, s.Due = s.N+series.base, s.Due+w.job.began
	series.probed = max(series.probed, s.N)
	series.add(&s)
	if w.job.options.SplitJitter {
		series.splitter.add(&s)
	}
	w.server.observe(series.word, &s)
	w.tap.verdict(&probe.Verdict{Target: s.Target, State: s.State, Reason: s.Reason, RTT: s.RTT, Clock: s.Clock})
	line := record.NewRTT(series.word, &s)
	line.Stamps, line.Seen = w.job.stampsOf(&s), time.Now()
	err := w.Record(line)
	err = cmp.Or(err, w.outages(series, series.follow(&s, w.job.start)))
	w.draw()
	return err
}

// late takes an answer that came too late for its probe.
func (w *pingWatch) late(s ping.Sample) {
	w.mu.Lock()
	defer w.mu.Unlock()
	series := w.job.series[s.Index]
	s.N, s.Due = s.N+series.base, s.Due+w.job.began
	series.addLate(&s)
	w.tap.verdict(&probe.Verdict{Target: s.Target, State: s.State, Reason: s.Reason})
	line := record.NewRTT(series.word, &s)
	line.Seen = time.Now()
	w.Record(line) // what does not take it takes no other either
}

// outages reports times in which a target answered nothing.
func (w *pingWatch) outages(s *pingSeries, windows []loss.Window) (err error) {
	for _, window := range windows {
		w.server.outage(s)
		told := w.Record(&record.Outage{Target: s.word, Addr: s.target.Addr(), Port: s.target.Port(), Window: window})
		if err == nil {
			err = told
		}
	}
	return err
}

// draw updates the table, often enough to look alive and seldom enough to cost
// nothing.
func (w *pingWatch) draw() {
	pause := 250 * time.Millisecond
	if len(w.job.series) > manyTargets {
		pause = time.Second
	}
	if w.board == nil || time.Since(w.drawn) < pause {
		return
	}
	w.drawn = time.Now()
	lines, columns := w.height()
	shown := w.job.known()
	room := max(lines-3, 1)
	hidden := max(len(shown)-room, 0)
	if hidden > 0 {
		shown = worst(shown, room)
	}
	table := text.RTTTable(w.rows(shown), columns)
	for i := range table {
		table[i] = cut(table[i], columns)
	}
	if hidden > 0 {
		table = append(table, "and "+units.Count(uint64(hidden))+" more that lose less and answer sooner")
	}
	w.board.Show(table)
}

// cut keeps a line within a terminal's width.
func cut(line string, columns int) string {
	runes := []rune(line)
	return string(runes[:min(len(runes), columns)])
}

// worst are the n targets with the most losses and the longest times.
func worst(all []*pingSeries, n int) []*pingSeries {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b *pingSeries) int {
		return cmp.Or(cmp.Compare(b.Loss(), a.Loss()), cmp.Compare(b.Mean(), a.Mean()))
	})
	return sorted[:n]
}

func (w *pingWatch) rows(shown []*pingSeries) []*record.RTTSummary {
	rows := make([]*record.RTTSummary, len(shown))
	for i, s := range shown {
		rows[i] = s.record()
	}
	return rows
}

// record is a series in the form of the closing lines.
func (s *pingSeries) record() *record.RTTSummary {
	return &record.RTTSummary{
		Target: s.word, Addr: s.target.Addr(), Port: s.target.Port(), State: s.state,
		Clock: strings.Join(s.clocks, "+"), Last: s.last, Summary: s.Summary(), Unsent: s.unsent, Late: s.late, Vain: s.vain,
	}
}

// close ends a series, and is its closing record.
func (w *pingWatch) close(s *pingSeries) error {
	err := w.outages(s, s.losses.End())
	closing := s.record()
	closing.Losses = record.Losses{Windows: s.losses.Windows(), Clusters: s.losses.Clusters()}
	closing.Losses.Told, _ = s.losses.Told()
	if w.job.stamps != stampsSoftware {
		closing.Hardware = record.Some(s.hardware)
	}
	if w.job.options.Histogram {
		closing.Bars = s.Distribution.Bars(bars(s.Distribution.N()))
	}
	closing.Split = w.job.split(s)
	err = cmp.Or(err, w.Record(closing))
	return err
}

// bars is how many bars a histogram of n values has: Sturges' rule (JASA 21,
// 1926), doubled, since times have tails.
func bars(n uint64) int { return min(2*bits.Len64(n), 20) }

// end writes the closing records.
func (w *pingWatch) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.board != nil {
		w.board.Clear()
	}
	for _, series := range w.job.known() {
		if err := w.close(series); err != nil {
			return err
		}
	}
	if w.job.options.Compare {
		if err := w.Record(w.job.comparison()); err != nil {
			return err
		}
	}
	return nil
}

// tell reports something during the run, on standard error and as a record.
func (w *pingWatch) tell(h *record.Host) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.board != nil {
		w.board.Clear()
	}
	w.remark(h.Findings[0].Text)
	w.Record(h)
}
