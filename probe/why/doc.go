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
//     what was found, on which experiments that rests, and which excluded what; it
//     doubts a cause whose predictions fit the outcomes badly (fit.go).
//
// Except for the instrument everything here is pure: no clock, no socket.
//
// The causes are in causes_*.go, by what their code begins with; what they predict is
// made of the rules in rule_*.go. A new cause is:
//
//  1. its code, in cause.go;
//  2. its record, in a causes_*.go of its prefix: how probable it is before anything
//     was seen, what it predicts, where it sits and what to do about it; the file's function
//     is listed in [Causes];
//  3. what synscope explain says of it, in internal/explain/causes.go: then
//     "go test ./internal/explain -update";
//  4. a fault that brings it about, in the faults_*.go of the same prefix in
//     internal/world, whose function is listed in faults.go there: "WHY_CODES=its-code WHY_EVEN=1 go test -run TestScenes -v" tells
//     whether it is found, and "WHY_EVEN=1 go test -run TestScenes -v" what it is
//     mistaken for.
//
// Tests fail where one of these is missing, and where README.md and CHANGELOG.md count the
// causes otherwise. Only a cause that shows in something that no
// experiment looks at needs more: a [Kind] of trial or an [Outcome], with its meaning
// in outcome.go, its place in rule_usual.go (what comes of it where nothing is wrong) and
// rule_unknown.go, and somebody who makes it: live, and internal/world.
package why
