package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// readValue is a value as the flag parser reads it, or why a flag does not take it: the
// parser's words are another library's, and it takes 010 for eight.
func readValue(f cli.Flag, value string) (string, error) {
	name := dashed(f.Names()[0])
	switch f.(type) {
	case *cli.BoolFlag:
		if value != "true" && value != "false" {
			return "", fmt.Errorf("%s is a switch and takes no value: %q", name, value)
		}
	case *cli.IntFlag:
		n, err := wholeNumber(value, strconv.ParseInt)
		if err != nil {
			return "", fmt.Errorf("%s: %q is no whole number", name, value)
		}
		return strconv.FormatInt(n, 10), nil
	case *cli.Uint64Flag:
		n, err := wholeNumber(value, strconv.ParseUint)
		if err != nil {
			return "", fmt.Errorf("%s: %q is no whole number from 0 on", name, value)
		}
		return strconv.FormatUint(n, 10), nil
	}
	return value, nil
}

// wholeNumber reads a number as people write it: decimal, zeros before it or not, or,
// after 0x, hexadecimal.
func wholeNumber[N int64 | uint64](word string, parse func(word string, base, bits int) (N, error)) (N, error) {
	for _, prefix := range []string{"0x", "0X"} {
		if digits, found := strings.CutPrefix(word, prefix); found && strings.Trim(digits, "+-") == digits {
			return parse(digits, 16, 64)
		}
	}
	return parse(word, 10, 64)
}

// contradiction are two flags that say opposite things; a value that is not ""
// is the one that does.
type contradiction struct {
	one, other           string
	oneValue, otherValue string
	why                  string
}

// contradictions are refused wherever both flags are given.
var contradictions = []contradiction{
	{"withhold", "data", "synack-ack", "", "data cannot be sent while the handshake is held back"},
	{"withhold", "data-on", "synack-ack", "", "data cannot be sent while the handshake is held back"},
	{"withhold", "close", "synack-ack", "fin", "what is not open cannot be closed"},
	{"withhold", "close", "synack-ack", "rst", "what is not open cannot be closed"},
	{"withhold", "close", "last-ack", "rst", "after an RST there is no last ACK to hold back"},
	{"withhold", "close", "last-ack", "none", "without closing there is no last ACK to hold back"},
	{"ecn", "accecn", "", "", "one kind of congestion marks can be offered at a time"},
	{"plan", "dry-run", "", "", "one of them at a time"},
	{"quick", "samples", "", "", "a quick run has its own number of samples"},
	{"quick", "series", "", "", "a quick run has its own series"},
	{"quick", "budget", "", "", "a quick run has its own pauses"},
	{"q", "v", "", "", "say more, or less"},
	{"q", "d", "", "", "say more, or less"},
	{"split-jitter", "engine", "", "connect", "the kernel's own connections do not show the far end's numbers"},
}

// contradicts refuses a command line whose flags contradict each other.
func contradicts(c *cli.Context) error {
	for _, x := range contradictions {
		if given(c, x.one, x.oneValue) && given(c, x.other, x.otherValue) {
			return usagef("%s and %s: %s", withValue(x.one, x.oneValue), withValue(x.other, x.otherValue), x.why)
		}
	}
	return nil
}

// given reports whether a flag was set, to a value where one is named; a switch
// that was switched off was not.
func given(c *cli.Context, name, value string) bool {
	if !c.IsSet(name) {
		return false
	}
	text := fmt.Sprint(c.Value(name))
	return text != "false" && (value == "" || text == value)
}

func withValue(name, value string) string {
	if value == "" {
		return dashed(name)
	}
	return dashed(name) + " " + value
}
