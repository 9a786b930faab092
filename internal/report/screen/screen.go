package screen

import (
	"io"
	"sync"
)

// Screen keeps a line of progress at the foot of a terminal, below everything
// else that is written to that terminal through it. Several goroutines may
// use it.
type Screen struct {
	mu    sync.Mutex
	w     io.Writer
	shown string // the line at the foot, "" where there is none
}

// NewScreen draws on w, a terminal.
func NewScreen(w io.Writer) *Screen { return &Screen{w: w} }

// clearLine goes to the left edge and erases to the right one (ECMA-48 EL).
const clearLine = "\r\x1b[K"

// Show puts a line at the foot in place of the one before; "" removes it. The
// line must fit the terminal's width. Errors are not reported: progress that
// cannot be shown is no reason to stop.
func (s *Screen) Show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if line == s.shown {
		return
	}
	io.WriteString(s.w, clearLine+line)
	s.shown = line
}

// Above returns a writer for whole lines that appear above the foot: w's
// output must be the same terminal.
func (s *Screen) Above(w io.Writer) io.Writer { return &above{s, w} }

type above struct {
	screen *Screen
	w      io.Writer
}

func (a *above) Write(b []byte) (int, error) {
	s := a.screen
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown == "" {
		return a.w.Write(b)
	}
	io.WriteString(s.w, clearLine)
	n, err := a.w.Write(b)
	io.WriteString(s.w, s.shown)
	return n, err
}
