package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// ErrWrite marks an output that stopped taking results, such as a closed pipe
// or a full disk. The run must stop: what it would still find is lost.
var ErrWrite = errors.New("cannot write results")

// FlushInterval bounds how long a line waits for others to share its write.
const FlushInterval = 250 * time.Millisecond

// flushSoon is how long after another write a line need not wait for a timer to have one. Where lines come all the
// time no timer ends then: it would have a thread of its own woken for each write.
const flushSoon = FlushInterval * 3 / 4

// flushSize is how many bytes are worth a write of their own.
const flushSize = 64 << 10

// LineWriter writes whole lines to an output, in batches that are one Write
// each: wherever the process is killed, all that reached the output before the
// last write is whole lines. A line that follows another by more than
// [FlushInterval] is written at once, so that a slow run shows each result as
// it comes; faster ones are gathered, and none waits longer than that.
//
// After an error nothing more is written, a line that was torn is taken off the end
// of a file, and every call returns that error. A LineWriter may be used by several
// goroutines.
type LineWriter struct {
	name string
	w    io.Writer

	mu      sync.Mutex
	buf     []byte
	written time.Time   // when the last write began
	timer   *time.Timer // writes what waits in buf; nil: it was not needed yet
	timed   bool        // it is running
	total   int64       // bytes written
	ends    []int64     // where the latest parts end, in bytes from the first: see repair.go
	err     error
}

// NewLineWriter writes lines to w, which errors call name.
func NewLineWriter(w io.Writer, name string) *LineWriter {
	return &LineWriter{name: name, w: w}
}

// Append lets add append one or more whole lines to what is to be written. An
// error may concern earlier lines, and wraps [ErrWrite] and its cause.
func (l *LineWriter) Append(add func(b []byte) []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.buf = add(l.buf)
	l.part()
	since := time.Since(l.written)
	if len(l.buf) >= flushSize || since >= flushSoon {
		l.flush()
	} else if !l.timed {
		l.setTimer(FlushInterval - since)
	}
	return l.err
}

// setTimer has what waits written after a while.
func (l *LineWriter) setTimer(after time.Duration) {
	l.timed = true
	if l.timer == nil {
		l.timer = time.AfterFunc(after, l.flushByTimer)
	} else {
		l.timer.Reset(after)
	}
}

func (l *LineWriter) flushByTimer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timed = len(l.buf) > 0 && time.Since(l.written) < flushSoon; l.timed { // it was set anew meanwhile
		return
	}
	l.flush()
}

// Flush writes all that waits.
func (l *LineWriter) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return l.err
}

func (l *LineWriter) flush() {
	if len(l.buf) == 0 {
		return
	}
	l.written = time.Now()
	if l.timed { // what is appended from now on does not wait longer than it may
		l.setTimer(FlushInterval)
	}
	n, err := l.w.Write(l.buf)
	l.total += int64(max(n, 0))
	if err == nil && n < len(l.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		l.err = fmt.Errorf("%w: %s: %w", ErrWrite, l.name, err)
		l.mend(l.buf[:max(n, 0)])
	}
	l.buf = l.buf[:0]
}

// mend takes a torn line off the end of a file again, where what was written before
// an error ends with one.
func (l *LineWriter) mend(written []byte) {
	f, ok := l.w.(*os.File)
	torn := int64(len(written) - 1 - bytes.LastIndexByte(written, '\n'))
	if !ok || torn == 0 {
		return
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return
	}
	if end, err := f.Seek(0, io.SeekCurrent); err == nil && end >= torn {
		f.Truncate(end - torn) // the error of the write is told
	}
}
