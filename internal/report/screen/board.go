package screen

import (
	"io"
	"strconv"
	"strings"
)

// Board shows lines on a terminal that are replaced in place.
type Board struct {
	w     io.Writer
	shown int // lines on the screen now
}

// NewBoard draws on w, a terminal.
func NewBoard(w io.Writer) *Board { return &Board{w: w} }

// Show replaces what was shown by lines, of which each must fit the terminal's
// width, and all its height less one. ECMA-48 CPL and ED go back over what was
// shown and erase it. Errors are not reported: the results follow at the end.
func (b *Board) Show(lines []string) {
	var s strings.Builder
	if b.shown > 0 {
		s.WriteString("\x1b[" + strconv.Itoa(b.shown) + "F\x1b[J")
	}
	for _, line := range lines {
		s.WriteString(line + "\n")
	}
	io.WriteString(b.w, s.String())
	b.shown = len(lines)
}

// Clear removes what is shown.
func (b *Board) Clear() { b.Show(nil) }
