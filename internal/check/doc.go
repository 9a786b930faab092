// Package check is the language of expectations about a network: it reads files
// ([Load]), says what has to be probed for them ([Expectations.Needs]), and holds what was
// found ([Facts]) against them ([Expectations.Judge]). It sends nothing and prints nothing;
// the command line runs its own commands in between and gives their records to
// Facts.
//
// The language is strict: what is not known in a file is an error with its line,
// its column and, where something similar exists, a suggestion. docs/check.md
// describes it.
package check
