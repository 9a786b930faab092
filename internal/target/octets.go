package target

import (
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// maxSpans bounds the separate ranges one pattern may fall into.
const maxSpans = 1 << 20

// octets is a pattern of IPv4 addresses: the values each octet may take, as in
// 192.0.2-3.1,7,20-. An item open at its left begins at 0, one open at its right
// ends at 255, and "*" and "-" are all values.
type octets [4][]octetRun

// An octetRun is a maximal stretch of consecutive values.
type octetRun struct{ first, last byte }

func parseOctets(text string) (*octets, error) {
	parts := strings.Split(text, ".")
	if len(parts) == 1 && strings.Trim(text, "0123456789") == "" {
		return nil, fmt.Errorf("an IPv4 address has 4 octets, this has 1; a port is written HOST:%s", text)
	}
	if len(parts) != 4 {
		return nil, fmt.Errorf("an IPv4 address has 4 octets, this has %d", len(parts))
	}
	var o octets
	for i, part := range parts {
		var err error
		if o[i], err = parseOctet(part); err != nil {
			return nil, fmt.Errorf("octet %d: %w", i+1, err)
		}
	}
	if n := o.countSpans(); n > maxSpans {
		return nil, fmt.Errorf("the pattern falls into %d separate ranges, at most %d are kept; write a prefix and exclusions", n, maxSpans)
	}
	return &o, nil
}

// parseOctet reads a comma-separated list of values and ranges.
func parseOctet(text string) ([]octetRun, error) {
	var values [256]bool
	for item := range strings.SplitSeq(text, ",") {
		run, err := parseOctetItem(item)
		if err != nil {
			return nil, err
		}
		for v := int(run.first); v <= int(run.last); v++ {
			values[v] = true
		}
	}
	return runsOf(&values), nil
}

func parseOctetItem(item string) (octetRun, error) {
	if item == "*" {
		return octetRun{0, 255}, nil
	}
	if item == "" {
		return octetRun{}, fmt.Errorf("a value is missing")
	}
	from, to, isRange := strings.Cut(item, "-")
	if !isRange {
		to = from
	}
	first, err := octetValue(from, 0)
	if err != nil {
		return octetRun{}, err
	}
	last, err := octetValue(to, 255)
	if err == nil && first > last {
		err = fmt.Errorf("%s runs backwards", item)
	}
	return octetRun{first, last}, err
}

// octetValue reads a decimal value, or the one an empty end of a range stands for.
func octetValue(text string, open byte) (byte, error) {
	if text == "" {
		return open, nil
	}
	if strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no number", text)
	}
	if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("%s has a leading zero, which some read as octal", text)
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%s is above 255", text)
	}
	return byte(n), nil
}

func runsOf(values *[256]bool) []octetRun {
	var runs []octetRun
	for v, in := range values {
		switch {
		case !in:
		case v > 0 && values[v-1]:
			runs[len(runs)-1].last = byte(v)
		default:
			runs = append(runs, octetRun{byte(v), byte(v)})
		}
	}
	return runs
}

func isFull(runs []octetRun) bool { return runs[0] == octetRun{0, 255} }

// pivot is the octet whose runs become ranges: every later octet is full.
func (o *octets) pivot() int {
	i := 3
	for i > 0 && isFull(o[i]) {
		i--
	}
	return i
}

func (o *octets) countSpans() int {
	pivot := o.pivot()
	n := len(o[pivot])
	for _, runs := range o[:pivot] {
		values := 0
		for _, r := range runs {
			values += int(r.last-r.first) + 1
		}
		n *= values
	}
	return n
}

// spans walks the ranges of the pattern in ascending order.
func (o *octets) spans() iter.Seq[span] {
	return func(yield func(span) bool) {
		o.walk([4]byte{}, 0, o.pivot(), yield)
	}
}

// walk yields the ranges under the octets of prefix before i.
func (o *octets) walk(prefix [4]byte, i, pivot int, yield func(span) bool) bool {
	for _, run := range o[i] {
		if i == pivot {
			if !yield(pivotSpan(prefix, pivot, run)) {
				return false
			}
			continue
		}
		for v := int(run.first); v <= int(run.last); v++ {
			prefix[i] = byte(v)
			if !o.walk(prefix, i+1, pivot, yield) {
				return false
			}
		}
	}
	return true
}

func pivotSpan(prefix [4]byte, pivot int, run octetRun) span {
	first, last := prefix, [4]byte{255, 255, 255, 255}
	copy(last[:], prefix[:pivot])
	first[pivot], last[pivot] = run.first, run.last
	for i := pivot + 1; i < 4; i++ {
		first[i] = 0
	}
	return span{netip.AddrFrom4(first), netip.AddrFrom4(last)}
}
