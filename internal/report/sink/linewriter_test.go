package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// writes keeps each write apart.
type writes struct {
	mu   sync.Mutex
	each []string
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.each = append(w.each, string(b))
	return len(b), nil
}

func (w *writes) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.each)
}

func appendLine(l *LineWriter, line string) error {
	return l.Append(func(b []byte) []byte { return append(append(b, line...), '\n') })
}

func TestSlowLinesAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := NewLineWriter(w, "test")
		for i := range 3 {
			appendLine(l, fmt.Sprint(i))
			if got := len(w.all()); got != i+1 {
				t.Errorf("after line %d there were %d writes", i, got)
			}
			time.Sleep(FlushInterval)
		}
	})
}

func TestFastLinesShareAWriteAndWaitNoLongerThanTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := NewLineWriter(w, "test")
		for i := range 10 {
			appendLine(l, fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		if got := w.all(); len(got) != 1 {
			t.Errorf("in the first 10 ms: %q", got)
		}
		time.Sleep(FlushInterval - 10*time.Millisecond)
		synctest.Wait()
		want := []string{"0\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"}
		if got := w.all(); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// Lines that come all the time are written by whoever appends them, whatever the last of them wait for.
func TestSteadyLinesNeedNoTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := NewLineWriter(w, "test")
		for i := range 40 {
			before := len(w.all())
			time.Sleep(FlushInterval * 3 / 10)
			synctest.Wait()
			if got := w.all(); len(got) != before {
				t.Errorf("before line %d a timer wrote %q", i, got[before:])
			}
			appendLine(l, fmt.Sprint(i))
		}
		before := len(w.all())
		appendLine(l, "last")
		time.Sleep(FlushInterval)
		synctest.Wait()
		if got := w.all(); len(got) != before+1 || !strings.HasSuffix(got[before], "last\n") {
			t.Errorf("the last line is not written: %q", got[before:])
		}
	})
}

func TestBigBatchesAreWrittenBeforeTheInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := NewLineWriter(w, "test")
		line := strings.Repeat("x", 1000)
		for range 200 {
			appendLine(l, line)
		}
		if got := len(w.all()); got != 1+199*1001/flushSize {
			t.Errorf("%d writes", got)
		}
		l.Flush()
		if got := len(strings.Join(w.all(), "")); got != 200*1001 {
			t.Errorf("%d bytes arrived", got)
		}
	})
}

// full takes room bytes and then has no space left.
type full struct {
	bytes.Buffer
	room int
}

func (f *full) Write(b []byte) (int, error) {
	n, _ := f.Buffer.Write(b[:min(len(b), f.room-f.Len())])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func TestNothingFollowsATornLine(t *testing.T) {
	w := &full{room: 13}
	l := NewLineWriter(w, "results.jsonl")
	var err error
	for err == nil {
		appendLine(l, "1234567")
		err = l.Flush()
	}
	if !errors.Is(err, ErrWrite) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "results.jsonl") {
		t.Errorf("error %v", err)
	}
	w.room = 1000
	if again := appendLine(l, "more"); again == nil || again.Error() != err.Error() {
		t.Errorf("then %v", again)
	}
	if got := w.String(); got != "1234567\n12345" {
		t.Errorf("wrote %q", got)
	}
}

// An error that the timer met is returned by the next call.
func TestErrorOfABatchIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLineWriter(&full{room: 3}, "out")
		appendLine(l, "1")
		if err := appendLine(l, "2"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(FlushInterval)
		synctest.Wait()
		if err := appendLine(l, "3"); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
	})
}

type short struct{}

func (short) Write(b []byte) (int, error) { return len(b) - 1, nil }

func TestShortWriteIsAnError(t *testing.T) {
	if err := appendLine(NewLineWriter(short{}, "out"), "1"); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}
