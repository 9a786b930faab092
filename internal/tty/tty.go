// Package tty asks whether a file is a terminal, and how large it is.
package tty

import "os"

// Is tells whether a file is a terminal.
func Is(f *os.File) bool { return is(f) }

// Size is a terminal's size in characters; ok is false where it has none to tell.
func Size(f *os.File) (columns, lines int, ok bool) { return size(f) }
