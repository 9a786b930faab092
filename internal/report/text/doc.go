// Package text tells people what a run found: verdicts with the rest folded,
// ladders of connections, the lines of a ping and of a trace, the evidence about
// initial sequence numbers, and the totals at the end.
package text
