// Package screen draws what stays in place on a terminal while a run goes on: a
// line of progress at its foot, and a table that is replaced.
package screen
