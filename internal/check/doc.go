// Package check is the language of expectations about a network: it reads files
// ([Load]), says what has to be probed for them ([Expectations.Needs]), and holds what was
// found ([Facts]) against them ([Expectations.Judge]). It sends nothing and prints nothing;
// the command line runs its own commands in between and gives their records to
// Facts.
//
// The language is strict: what is not known in a file is an error with its line,
// its column and, where something similar exists, a suggestion. docs/check.md
// describes it.
//
// A new expectation is a key of [reader.apply], or of a mapping below it, with its reader
// (values.go), and a field of [Expectation]. What has to be probed for it is in needs.go,
// what of a record it looks at in [entry], what holds and how that is said in judge.go,
// what cannot be meant together in settle.go. Beyond the package: check.json and its
// examples in internal/schema, docs/check.md, and internal/cli/check_probe.go where another command has to run.
package check
