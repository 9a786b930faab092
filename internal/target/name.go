package target

import (
	"errors"
	"fmt"
	"strings"
)

// checkName refuses what no resolver should be asked for: RFC 1123 §2.1 with
// the lengths of RFC 1035 §2.3.4, and underscores, which occur. A name whose
// last label is a number in any notation would be an IPv4 address to some
// resolvers, and a different one to others.
func checkName(name string) error {
	trimmed := strings.TrimSuffix(name, ".")
	if len(trimmed) > 253 {
		return errors.New("a host name has at most 253 characters")
	}
	label := ""
	for label = range strings.SplitSeq(trimmed, ".") {
		if err := checkLabel(label); err != nil {
			return err
		}
	}
	if strings.Trim(label, "0123456789") == "" || strings.HasPrefix(strings.ToLower(label), "0x") {
		return errors.New("neither an address nor a host name: it ends in a number")
	}
	return nil
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("a host name has no empty labels")
	case len(label) > 63:
		return errors.New("a label of a host name has at most 63 characters")
	case label[0] == '-' || label[len(label)-1] == '-':
		return errors.New("a label of a host name neither begins nor ends with a hyphen")
	}
	for _, c := range label {
		if c >= 0x80 {
			return errors.New("a host name is ASCII; write an international name in its xn-- form")
		}
		if !strings.ContainsRune("-_", c) && !isAlphanumeric(c) {
			return fmt.Errorf("a host name does not contain %q", c)
		}
	}
	return nil
}

func isAlphanumeric(c rune) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
