package target

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"synscope/internal/spelling"
)

// ParsePorts reads a comma-separated list of ports, ranges and service names:
// "22,80,8000-8100,https". A range open at its left begins at 1, one open at
// its right ends at 65535, and "-" alone is 1-65535: port 0 is in the set only
// where it is written. Errors are WordErrors naming the bad item.
func ParsePorts(s string) (Ports, error) {
	var set PortBits
	for item := range strings.SplitSeq(s, ",") {
		first, last, err := parsePortItem(strings.TrimSpace(item), s)
		if err != nil {
			return Ports{}, err
		}
		set.AddRange(first, last)
	}
	return set.Ports(), nil
}

// parsePortItem reads one item of list, which is quoted where the item is empty.
func parsePortItem(item, list string) (first, last uint16, err error) {
	if item == "" {
		return 0, 0, badPort(list, "an item is empty")
	}
	if strings.Trim(item, "0123456789-") != "" {
		first, err = parsePortName(item)
		return first, first, err
	}
	from, to, isRange := strings.Cut(item, "-")
	if !isRange {
		first, err = parsePortNumber(item, item)
		return first, first, err
	}
	return parsePortRange(item, from, to)
}

func parsePortRange(item, from, to string) (first, last uint16, err error) {
	first, last = 1, 65535
	if from != "" {
		if first, err = parsePortNumber(from, item); err != nil {
			return 0, 0, err
		}
	}
	if to != "" {
		if last, err = parsePortNumber(to, item); err != nil {
			return 0, 0, err
		}
	}
	if first > last {
		return 0, 0, badPort(item, "the range runs backwards")
	}
	return first, last, nil
}

func parsePortNumber(digits, item string) (uint16, error) {
	if strings.Contains(digits, "-") {
		return 0, badPort(item, "a range is FIRST-LAST")
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return 0, badPort(item, "ports run from 0 to 65535")
	}
	return uint16(n), nil
}

func parsePortName(item string) (uint16, error) {
	if port, ok := catalogue().byName[strings.ToLower(item)]; ok {
		return port, nil
	}
	if kind, _, ok := strings.Cut(item, ":"); ok && len(kind) == 1 {
		return 0, badPort(item, "only TCP is probed; write ports without a protocol")
	}
	why := "neither a port, a range such as 8000-8100, nor a known service name"
	near := spelling.Nearest(item, slices.Collect(maps.Keys(catalogue().byName)))
	if near != "" && spelling.Distance(strings.ToLower(item), near) == 1 { // of thousands, many are like it
		why += ": " + spelling.Question(near)
	}
	return 0, badPort(item, "%s", why)
}
