// Package tty asks whether a file is a terminal, and how large it is, and lets a
// program read single keys from it.
package tty

import "os"

// Is tells whether a file is a terminal.
func Is(f *os.File) bool { return is(f) }

// Size is a terminal's size in characters; ok is false where it has none to tell.
func Size(f *os.File) (columns, lines int, ok bool) { return size(f) }

// Keys makes a terminal hand over each key at once, and show none. restore makes it
// as it was.
func Keys(f *os.File) (restore func(), err error) { return keys(f) }
