// Package sink says what a format is to a run: a [Sink], which renders records
// as whole lines into a [LineWriter]; a batch of whole lines is one write.
package sink
