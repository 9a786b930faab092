package sink

import (
	"io"
	"os"
)

// Footed is a format whose output is one document, which is cut short where an
// output fails.
type Footed interface {
	// Foot is what makes the document whole behind any of the parts that were
	// appended, and says in it why it ends there.
	Foot(why error) string
}

// mostEnds is how many ends of parts are remembered, the latest; up to twice as many
// for a while.
const mostEnds = 1 << 12

// part notes that a part of the output ends here. The lock is held.
func (l *LineWriter) part() {
	if len(l.ends) >= 2*mostEnds {
		l.ends = append(l.ends[:0], l.ends[mostEnds:]...)
	}
	l.ends = append(l.ends, l.total+int64(len(l.buf)))
}

// mostTries bounds how many parts are given up for a foot.
const mostTries = 64

// Repair makes a file whole again that failed: it is cut back to the end of a part,
// with the foot of its document behind. Where that finds no room, further back. What
// is no file, or has no whole part, is left as it is.
func (l *LineWriter) Repair(foot string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, ok := l.w.(*os.File)
	if !ok || l.err == nil || foot == "" {
		return
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil || at < l.total {
		return
	}
	began, limit := at-l.total, l.total
	for range mostTries {
		end, ok := l.lastEnd(limit)
		if !ok || f.Truncate(began+end) != nil {
			return
		}
		if _, err := f.WriteAt([]byte(foot), began+end); err == nil {
			return
		}
		f.Truncate(began + end)
		limit = end - 1
	}
}

// lastEnd is the end of the last part that was written as far as a limit.
func (l *LineWriter) lastEnd(limit int64) (end int64, ok bool) {
	for i := len(l.ends) - 1; i >= 0; i-- {
		if l.ends[i] <= limit {
			return l.ends[i], l.ends[i] > 0
		}
	}
	return 0, false
}
