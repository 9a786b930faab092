// Package units writes numbers, durations and names as people read them, and
// keeps what came from outside from commanding the terminal.
package units
