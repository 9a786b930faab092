package cli

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/screen"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/internal/report/units"
	"synscope/internal/tty"
	"synscope/probe"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// readWatch reads what belongs to a table that keeps going.
func (j *traceJob) readWatch() (err error) {
	o := j.options
	for _, name := range []string{"c", "i"} {
		if !o.Watch && o.given[name] {
			return usagef("-%s: rounds belong to --watch", name)
		}
	}
	switch {
	case !o.Watch:
		return nil
	case o.Paths:
		return usagef("--watch and --paths: one at a time")
	case o.given["queries"]:
		return usagef("--queries: --watch asks each hop once a round; see -c")
	}
	if o.given["c"] && o.Rounds == 0 {
		return usagef("-c 0: at least one round")
	}
	if j.interval, err = parseDuration(o.Interval); err != nil {
		return usagef("-i: %w", err)
	}
	if j.interval < trace.MinInterval || j.interval > 24*time.Hour {
		return usagef("-i %v: a round takes from %v to a day", j.interval, trace.MinInterval)
	}
	return nil
}

// watch asks all hops again and again and closes their record.
func (j *traceJob) watch(ctx context.Context, s *session) (route trace.Path, err error) {
	w := newTraceWatch(j, s.display)
	defer w.keys(ctx)()
	cfg := trace.WatchConfig{Config: j.cfg, Interval: j.interval, Rounds: j.options.Rounds, Paused: w.paused.Load, Quit: w.quit}
	stop := w.tick()
	route, err = trace.Watch(ctx, s.network, cfg, w.hop)
	stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.board.clear()
	for _, h := range w.rows() {
		err = cmp.Or(err, s.Record(h))
	}
	err = cmp.Or(err, s.Record(record.NewPort(j.word, &route.Verdict)))
	return route, s.conclude(&route.Summary, err)
}

// traceWatch keeps the sums of all hops, and shows them on the terminal, where there
// is one.
type traceWatch struct {
	*display
	job    *traceJob
	board  *watchBoard
	paused atomic.Bool
	quit   chan struct{}

	mu     sync.Mutex
	hops   []*watchedHop // by TTL less one
	round  int           // the latest of which anything is known
	names  map[netip.Addr]string
	asking map[netip.Addr]bool
}

// watchedHop is one hop of a watch.
type watchedHop struct {
	series *rtt.Series
	addr   netip.Addr
	others []netip.Addr
	kind   trace.HopKind
	last   time.Duration
	clock  string
	recent []record.Beat
	heard  int // the round of the last answer
}

func newTraceWatch(j *traceJob, d *display) *traceWatch {
	w := &traceWatch{
		display: d, job: j, quit: make(chan struct{}),
		names: map[netip.Addr]string{}, asking: map[netip.Addr]bool{},
	}
	if f, ok := j.streams.Out.(*os.File); ok && j.streams.clever(f) && j.options.textOut() && !j.options.Quiet {
		w.board = &watchBoard{board: screen.NewBoard(f), file: f, colour: d.colour}
	}
	return w
}

// hop takes one probe.
func (w *traceWatch) hop(h trace.Hop) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.hops) < h.TTL {
		w.hops = append(w.hops, &watchedHop{series: rtt.NewSeries(rtt.Precise)})
	}
	w.round = max(w.round, h.Query)
	w.hops[h.TTL-1].add(&h)
	w.learn(h.Addr)
	return w.Record(record.NewHop(w.job.word, w.job.cfg.Target.Port(), &h, w.names[h.Addr]))
}

// mostRecent bounds the history that is kept of a hop.
const mostRecent = 120

func (w *watchedHop) add(h *trace.Hop) {
	beat := record.Beat{Lost: h.Kind == trace.HopNone}
	w.last = 0
	switch {
	case beat.Lost:
		w.series.Lost()
	case h.RTT > 0 && h.Doubt == probe.DoubtNone:
		w.series.Add(h.RTT)
		w.last, beat.RTT, w.clock = h.RTT, h.RTT, h.Clock.String()
	default:
		w.series.Unmeasured()
	}
	if w.recent = append(w.recent, beat); len(w.recent) > mostRecent {
		w.recent = slices.Delete(w.recent, 0, len(w.recent)-mostRecent)
	}
	if beat.Lost {
		return
	}
	w.kind, w.heard = h.Kind, max(w.heard, h.Query)
	if w.addr.IsValid() && w.addr != h.Addr && !slices.Contains(w.others, w.addr) {
		w.others = append(w.others, w.addr)
	}
	w.addr = h.Addr
	w.others = slices.DeleteFunc(w.others, func(a netip.Addr) bool { return a == h.Addr })
}

// learn looks for the name of an address, beside the probes.
func (w *traceWatch) learn(a netip.Addr) {
	if !a.IsValid() || w.asking[a] || w.job.options.NoNames {
		return
	}
	w.asking[a] = true
	go func() {
		name := reverse(context.Background(), a)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.names[a] = name
	}()
}

// rows are the sums of all hops.
func (w *traceWatch) rows() (rows []*record.HopSummary) {
	for i, h := range w.hops {
		if i > 0 && i >= w.length() {
			break
		}
		rows = append(rows, &record.HopSummary{
			Target: w.job.word, Port: w.job.cfg.Target.Port(), TTL: i + 1, Addr: h.addr, Name: w.names[h.addr], Others: h.others,
			Kind: h.kind, Last: h.last, Clock: h.clock, Summary: h.series.Summary(), Recent: h.recent,
		})
	}
	markLimited(rows)
	return rows
}

// length is the first TTL at which the way ended, by the latest answers: hops behind
// it were there when the way was longer, or were asked when its end was lost. Where it
// has not ended it is the highest at which anything answered, and one more: the first
// silent hop stands for all that follow.
func (w *traceWatch) length() int {
	last := 0
	for i, h := range w.hops {
		if !h.addr.IsValid() {
			continue
		}
		if last = i + 1; h.kind != trace.HopTimeExceeded && !w.longer(i) {
			return last
		}
	}
	return last + 1
}

// longer reports whether a router behind a hop answered after that did.
func (w *traceWatch) longer(hop int) bool {
	return slices.ContainsFunc(w.hops[hop+1:], func(h *watchedHop) bool {
		return h.kind == trace.HopTimeExceeded && h.addr.IsValid() && h.heard > w.hops[hop].heard
	})
}

// markLimited notes which hops lose more than one behind them.
func markLimited(rows []*record.HopSummary) {
	for i, h := range rows {
		h.Limited = h.Received > 0 && slices.ContainsFunc(rows[i+1:], func(o *record.HopSummary) bool { return losesMore(h, o) })
	}
}

// losesMore reports whether one hop lost more than another, by more than chance makes
// likely: three standard deviations of the difference of two shares.
func losesMore(h, o *record.HopSummary) bool {
	n, m := float64(h.Sent), float64(o.Sent)
	if n < leastProbes || m < leastProbes {
		return false
	}
	p := float64(h.Lost+o.Lost) / (n + m)
	return h.Loss-o.Loss > 3*math.Sqrt(p*(1-p)*(1/n+1/m))
}

// leastProbes is from how many probes on shares are compared.
const leastProbes = 5

// reset forgets all sums.
func (w *traceWatch) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hops = nil
}

// redraw is how often the table is drawn.
const redraw = 200 * time.Millisecond

// tick draws the table until stop is called.
func (w *traceWatch) tick() (stop func()) {
	if w.board == nil {
		return func() {}
	}
	ticker, done, ended := time.NewTicker(redraw), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ticker.C:
				w.draw()
			case <-done:
				return
			}
		}
	}()
	return func() {
		ticker.Stop()
		close(done)
		<-ended
	}
}

func (w *traceWatch) draw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	state := fmt.Sprintf("round %s, every %s", units.Count(uint64(w.round)), units.Duration(w.job.interval))
	if w.paused.Load() {
		state = "paused"
	}
	w.board.show(w.job.cfg.Target.String()+" · "+state, w.rows())
}

// keys makes keys work, where somebody can press them: p pauses, r resets, q quits.
// The function that it returns makes the terminal as it was.
func (w *traceWatch) keys(ctx context.Context) (restore func()) {
	in, ok := w.job.streams.In.(*os.File)
	if w.board == nil || !ok || !isTerminal(in) {
		return func() {}
	}
	back, err := tty.Keys(in)
	if err != nil {
		return func() {}
	}
	back = sync.OnceFunc(back)
	w.board.keys = true
	stop := context.AfterFunc(ctx, back) // a second signal ends the process at once
	go w.listen(in)
	return func() {
		stop()
		back()
	}
}

func (w *traceWatch) listen(in *os.File) {
	key := make([]byte, 1)
	for {
		if n, err := in.Read(key); n == 0 || err != nil {
			return
		}
		switch key[0] {
		case 'p', 'P', ' ':
			w.paused.Store(!w.paused.Load())
		case 'r', 'R':
			w.reset()
		case 'q', 'Q', 4: // and Ctrl-D
			close(w.quit)
			return
		}
	}
}

// watchBoard is the table on the terminal; nil is none.
type watchBoard struct {
	board  *screen.Board
	file   *os.File
	colour sink.Paint
	keys   bool
}

// show draws the table within the terminal. Of too many hops the last are kept: the
// far end is what most people look at.
func (b *watchBoard) show(title string, rows []*record.HopSummary) {
	columns, lines, ok := tty.Size(b.file)
	if !ok {
		columns, lines = 80, 24
	}
	if b.keys {
		title += " · p pause, r reset, q quit"
	}
	table := append([]string{cut(title, columns-1)}, text.WatchTable(rows, columns-1, b.colour)...)
	if room := max(lines-1, 3); len(table) > room {
		table = slices.Delete(table, 2, 2+len(table)-room)
	}
	b.board.Show(table)
}

func (b *watchBoard) clear() {
	if b != nil {
		b.board.Clear()
	}
}
