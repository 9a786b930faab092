// Package why finds the cause of a port that does not answer, or only sometimes.
//
// It runs experiments and decides by Bayes' theorem. The life of one diagnosis:
//
//  1. [Run] begins with a prior over the causes of [Causes].
//  2. Of the experiments of [Experiments] it chooses the one that is expected to
//     tell most about the cause for what it costs in packets and time
//     (choose.go). An experiment's plan is a batch of trials: SYNs of chosen
//     flows and options, connections, traces, looks at this machine.
//  3. An [Instrument] makes the trials: the live one is in live, a
//     world of models under virtual time in internal/world.
//  4. Every trial's reply becomes an [Outcome] (label.go), whose probability every
//     cause predicts, for each setting of its parameters and of a random loss
//     that is in the background of all of them (hypothesis.go). The products are
//     the posterior.
//  5. When one cause is sure enough, or the budget is spent, the [Diagnosis] says
//     what was found, on what that rests, and what was excluded by what.
//
// Except for the instrument everything here is pure: no clock, no socket.
package why
