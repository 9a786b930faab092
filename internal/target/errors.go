package target

import (
	"errors"
	"fmt"
)

// What can be wrong with a word, for errors.Is. Sentences for people are in the
// WordError around them.
var (
	ErrSyntax  = errors.New("malformed word")
	ErrResolve = errors.New("name does not resolve")
	// ErrResolver: nobody answered what a name stands for, so nothing says that it is wrong.
	ErrResolver = errors.New("no name server answered")
	ErrFamily   = errors.New("wrong address family")
	ErrList     = errors.New("list cannot be read")
)

// What can be wrong with all words together.
var (
	// ErrEmpty: no target was given, or exclusions and skipped words left none.
	ErrEmpty = errors.New("nothing to probe")
	// ErrTooMany: more than 2^64 probes.
	ErrTooMany = errors.New("too many probes")
)

// A WordError says which word is wrong, where it was read, and why.
type WordError struct {
	What  string // "target", "exclusion", "port", "shard", "list"
	Word  string // as typed
	Where string // "FILE:LINE", or empty for the command line
	Kind  error  // one of the sentinels above
	Err   error  // why, as a sentence without its beginning
}

func (e *WordError) Error() string {
	s := fmt.Sprintf("%s %q: %s", e.What, beginning(e.Word, longestWord), beginning(e.Err.Error(), longestWhy))
	if e.Where != "" {
		return e.Where + ": " + s
	}
	return s
}

// Bounds of what an error repeats of a word, which may be a line of another file.
const (
	longestWord = 300 // a name has 253 (RFC 1035 §2.3.4)
	longestWhy  = 240
)

// beginning is a text of at most so many characters.
func beginning(s string, most int) string {
	if letters := []rune(s); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return s
}

// Unwrap gives errors.Is both the kind and the cause.
func (e *WordError) Unwrap() []error { return []error{e.Kind, e.Err} }

func badPort(word, format string, args ...any) error {
	return &WordError{What: "port", Word: word, Kind: ErrSyntax, Err: fmt.Errorf(format, args...)}
}

// A Warning is something the user should know though the run goes on.
type Warning struct {
	Code  string // stable, kebab-case: see the Warn constants
	Word  string // the word concerned, as typed; may be empty
	Where string // "FILE:LINE", or empty for the command line
	Text  string // a sentence that names the word
}

// Codes of warnings.
const (
	WarnBadTarget      = "bad-target"      // skipped under SkipBad
	WarnMoreAddresses  = "more-addresses"  // a name has further addresses, which are not probed
	WarnHostBits       = "host-bits"       // a prefix was typed with bits beyond its length
	WarnMapped         = "ipv4-mapped"     // ::ffff:a.b.c.d is probed over IPv4
	WarnNoZone         = "no-zone"         // a link-local address without an interface
	WarnExcluded       = "excluded"        // exclusions left nothing of a word
	WarnPortZero       = "port-zero"       // port 0 is probed
	WarnUnusualAddress = "unusual-address" // multicast, broadcast, unspecified, reserved
)
