package check

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"synscope/internal/explain"
	"synscope/internal/target"
	"synscope/probe"
)

// extent is how much of an expectation a mapping may say.
type extent uint8

const (
	someKeys extent = iota // defaults and overrides: nothing of a name, targets and overrides
	allKeys                // all of them
)

// apply puts the keys of a mapping into an expectation.
func (r *reader) apply(n *yaml.Node, what string, e *Expectation, most extent) {
	known := keys{
		"open":      func(n *yaml.Node) { r.state(n, probe.StateOpen, e) },
		"refused":   func(n *yaml.Node) { r.state(n, probe.StateRefused, e) },
		"filtered":  func(n *yaml.Node) { r.state(n, probe.StateFiltered, e) },
		notOpen:     func(n *yaml.Node) { e.NotOpen = r.ports(n, notOpen) },
		"only":      func(n *yaml.Node) { e.Only = r.boolean(n, "only") },
		"scope":     func(n *yaml.Node) { e.Scope = r.ports(n, "scope") },
		"port":      func(n *yaml.Node) { e.Ports = r.ports(n, "port") },
		"rtt":       func(n *yaml.Node) { e.RTT = r.bounds(n) },
		"loss":      func(n *yaml.Node) { e.Loss = r.percent(n, "loss") },
		"handshake": func(n *yaml.Node) { e.Handshake = r.handshake(n) },
		"isn":       func(n *yaml.Node) { e.ISN = r.isn(n) },
		"path":      func(n *yaml.Node) { e.Path = r.path(n) },
	}
	if most == allKeys {
		known["name"] = func(n *yaml.Node) { e.Name = r.name(n) }
		known["targets"] = func(*yaml.Node) {}   // read when groups are known
		known["overrides"] = func(*yaml.Node) {} // read when the rest is
	}
	r.mapping(n, what, known)
	r.settle(n, e)
}

// name is what an expectation is called, and results in files for CI are.
func (r *reader) name(n *yaml.Node) string {
	before := len(r.faults)
	w := r.word(n, "name")
	if w == "" && len(r.faults) == before {
		r.wrong(n, "name: it is empty")
	}
	return w
}

// complete resolves the targets of an expectation and its overrides. There were so
// many mistakes before it.
func (l *loader) complete(r *reader, n *yaml.Node, e *Expectation, before int) {
	targets, overrides := valueOf(n, "targets"), valueOf(n, "overrides")
	if targets == nil {
		r.wrong(n, "%s has no targets", e.Name)
		return
	}
	places, own := map[string]*yaml.Node{}, map[string]bool{}
	for _, w := range r.words(targets, "targets") {
		for _, member := range l.groups.resolve([]located{w}) {
			if places[member.word] == nil {
				e.Targets = append(e.Targets, member.word)
				places[member.word], own[member.word] = w.node, w.word == member.word
			}
		}
	}
	if len(e.Targets) == 0 && len(r.faults) == 0 {
		r.wrong(targets, "%s has no targets", e.Name)
	}
	if overrides != nil {
		l.override(r, overrides, e)
	}
	if len(r.faults) > before { // which may be why nothing else is expected
		return
	}
	r.scoped(n, e)
	for _, w := range e.Targets {
		r.sensible(n, w, e.of(w))
		if err := wellFormed(w); err != "" && own[w] { // those of groups are refused there
			r.wrong(places[w], "%s: target %q: %s", e.Name, w, err)
		}
	}
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// override reads what is different for some of the targets.
func (l *loader) override(r *reader, n *yaml.Node, e *Expectation) {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "overrides: expected targets with keys, found %s", kindOf(n))
		return
	}
	e.Overrides = map[string]*Expectation{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		for _, w := range l.groups.resolve([]located{{key.Value, key}}) {
			if !slices.Contains(e.Targets, w.word) {
				r.wrong(key, "overrides: %q is none of the targets", w.word)
				continue
			}
			special := *e
			special.Overrides = nil
			r.apply(n.Content[i+1], "overrides", &special, someKeys)
			e.Overrides[w.word] = &special
		}
	}
}

// state takes ports of a state, in place of what the defaults said of it.
func (r *reader) state(n *yaml.Node, s probe.State, e *Expectation) {
	ports := r.ports(n, s.String())
	var others []PortState
	for _, old := range e.States {
		if old.State != s {
			others = append(others, old)
		}
	}
	e.States = others
	if ports.Len() > 0 {
		e.States = append(others, PortState{s, ports})
	}
}

func (r *reader) ports(n *yaml.Node, what string) target.Ports {
	var words []string
	for _, w := range r.words(n, what) {
		if w.word == "all" {
			w.word = "-"
		}
		ports, err := r.parsed(w.word)
		switch {
		case err != nil:
			r.wrong(w.node, "%s: %v", what, err)
			continue
		case strings.HasPrefix(w.word, "-") && w.word != "-":
			r.wrong(w.node, "%s: %q is no port: write a range with both ends, or all", what, w.word)
			continue
		case ports.Contains(0):
			r.wrong(w.node, "%s: %q: nothing can listen on port 0, which asks for any", what, w.word)
			continue
		}
		words = append(words, w.word)
	}
	if len(words) == 0 {
		return target.Ports{}
	}
	ports, err := r.parsed(strings.Join(words, ","))
	if err != nil {
		r.wrong(n, "%s: %v", what, err)
	}
	return ports
}

// parsed is a set of ports, one for all places that name it alike: a large one takes
// 128 KiB.
func (r *reader) parsed(word string) (target.Ports, error) {
	if ports, known := r.known[word]; known {
		return ports, nil
	}
	ports, err := target.ParsePorts(word)
	if err != nil {
		return ports, err
	}
	if r.known == nil {
		r.known = map[string]target.Ports{}
	}
	r.known[word] = ports
	return ports, nil
}

func (r *reader) boolean(n *yaml.Node, what string) bool {
	switch w := r.word(n, what); w {
	case "true":
		return true
	case "false":
	default:
		r.wrong(n, "%s: expected true or false, found %q", what, w)
	}
	return false
}

func (r *reader) integer(n *yaml.Node, what string, low, high int) int {
	w := r.word(n, what)
	v, err := strconv.Atoi(w)
	if err != nil || v < low || v > high {
		r.wrong(n, "%s: expected a number from %d to %d, found %q", what, low, high, w)
		return low
	}
	return v
}

func (r *reader) duration(n *yaml.Node, what string, low, high time.Duration) time.Duration {
	w := r.word(n, what)
	v := w
	if bareNumber(w) {
		v += "s"
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < low || d > high {
		r.wrong(n, "%s: expected a time from %v to %v such as 20ms, found %q", what, low, high, w)
		return low
	}
	return d
}

func bareNumber(word string) bool {
	_, err := strconv.ParseFloat(word, 64)
	return err == nil
}

// roundTrip reads how long an answer may take. A bare number is seconds, as everywhere; of
// one from 1 on milliseconds may be meant, and a bound of so many seconds always holds.
func (r *reader) roundTrip(n *yaml.Node, what string) time.Duration {
	if v, err := strconv.ParseFloat(n.Value, 64); n.Kind == yaml.ScalarNode && err == nil && v >= 1 {
		r.wrong(n, "%s: %s has no unit: write %sms, or %ss if seconds are meant", what, n.Value, n.Value, n.Value)
		return time.Nanosecond
	}
	return r.duration(n, what, time.Nanosecond, time.Hour)
}

var rateWord = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?[kM]?|max)$`)

func (r *reader) rate(n *yaml.Node) string {
	w := r.word(n, "rate")
	digits := strings.TrimRight(w, "kM")
	if !rateWord.MatchString(w) || strings.Trim(digits, "0.") == "" || len(digits) > mostDigits {
		r.wrong(n, "rate: expected packets a second such as 1000, 50k or max, found %q", w)
	}
	return w
}

// mostDigits bounds a rate: more packets a second than any interface sends.
const mostDigits = 15

// percent reads "5%" or 0.05 as a share. Whoever writes 1 may mean either of two
// things that are far apart.
func (r *reader) percent(n *yaml.Node, what string) *float64 {
	w := r.word(n, what)
	if v, err := strconv.ParseFloat(w, 64); err == nil && v >= 1 {
		r.wrong(n, "%s: a share of %s has no sign: write %s%%, or 100%% for all", what, w, w)
		return nil
	}
	digits, percent := strings.CutSuffix(w, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 1) {
		r.wrong(n, "%s: expected a share from 0%% to 100%%, found %q", what, w)
		return nil
	}
	return &v
}

// bounds are what times may be at most: "20ms" is the p95.
func (r *reader) bounds(n *yaml.Node) (all []Bound) {
	if n.Kind == yaml.ScalarNode {
		return []Bound{{"p95", r.roundTrip(n, "rtt")}}
	}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "rtt: expected a time, or percentiles with times, found %s", kindOf(n))
		return nil
	}
	known := keys{}
	for _, of := range []string{"min", "mean", "p50", "p90", "p95", "p99", "max"} {
		known[of] = func(n *yaml.Node) {
			all = append(all, Bound{of, r.roundTrip(n, "rtt "+of)})
		}
	}
	r.mapping(n, "rtt", known)
	r.something(n, "rtt", "such as p95: 20ms")
	return all
}

// optionNames are what a handshake negotiates, by their names in records.
var optionNames = []string{"mss", "wscale", "sack", "ts", "ecn", "tfo", "mptcp"}

// handshake reads what connections must be like.
func (r *reader) handshake(n *yaml.Node) *Handshake {
	h := &Handshake{}
	r.mapping(n, "handshake", keys{
		"options":     func(n *yaml.Node) { h.Options = r.among(n, "options", optionNames) },
		"without":     func(n *yaml.Node) { h.Without = r.among(n, "without", optionNames) },
		"close":       func(n *yaml.Node) { h.Close = r.among(n, "close", explain.Words(explain.Close)) },
		"findings":    func(n *yaml.Node) { h.Findings = r.among(n, "findings", explain.Words(explain.Finding)) },
		"no-findings": func(n *yaml.Node) { h.NoFindings = r.among(n, "no-findings", explain.Words(explain.Finding)) },
	})
	r.notBoth(n, "options", h.Options, "without", h.Without)
	r.notBoth(n, "findings", h.Findings, "no-findings", h.NoFindings)
	return h
}

// among reads words that must be known.
func (r *reader) among(n *yaml.Node, what string, known []string) (all []string) {
	set := keys{}
	for _, k := range known {
		set[k] = nil
	}
	for _, w := range r.words(n, what) {
		if _, ok := set[w.word]; !ok {
			r.wrong(w.node, "%s: %q is not known%s", what, w.word, suggestion(w.word, set))
			continue
		}
		all = append(all, w.word)
	}
	return all
}

// isn reads how sequence numbers must be chosen: a class is the least.
func (r *reader) isn(n *yaml.Node) *ISN {
	i := &ISN{}
	if n.Kind == yaml.ScalarNode {
		i.AtLeast = r.ranked(n, "isn")
		return i
	}
	r.mapping(n, "isn", keys{
		"at-least":   func(n *yaml.Node) { i.AtLeast = r.ranked(n, "at-least") },
		"class":      func(n *yaml.Node) { i.Classes = r.among(n, "class", explain.Words(explain.Class)) },
		"difficulty": func(n *yaml.Node) { i.Difficulty = float64(r.integer(n, "difficulty", 1, 32)) },
		"quick":      func(n *yaml.Node) { i.Quick = r.boolean(n, "quick") },
	})
	if n.Kind == yaml.MappingNode && valueOf(n, "at-least") == nil && valueOf(n, "class") == nil && valueOf(n, "difficulty") == nil {
		r.wrong(n, "isn: nothing is expected: say at-least, class or difficulty")
	}
	if i.AtLeast != "" && len(i.Classes) > 0 && !slices.ContainsFunc(i.Classes, func(c string) bool { return rank(c) >= rank(i.AtLeast) }) {
		r.wrong(valueOf(n, "class"), "class: none of these is at least %s, and both cannot hold", i.AtLeast)
	}
	return i
}

func (r *reader) ranked(n *yaml.Node, what string) string {
	if all := r.among(n, what, Ranked); len(all) == 1 {
		return all[0]
	}
	return ""
}

// path reads how the way there must be.
func (r *reader) path(n *yaml.Node) *Path {
	p := &Path{}
	r.mapping(n, "path", keys{
		"max-hops": func(n *yaml.Node) { p.MaxHops = r.integer(n, "max-hops", 1, 255) },
		"through":  func(n *yaml.Node) { p.Through = r.prefixes(n, "through") },
		"avoid":    func(n *yaml.Node) { p.Avoid = r.prefixes(n, "avoid") },
	})
	r.something(n, "path", "such as max-hops: 3")
	for _, a := range p.Avoid {
		for _, t := range p.Through {
			if a.Overlaps(t) && a.Bits() <= t.Bits() {
				r.wrong(valueOf(n, "avoid"), "avoid: %s holds %s, which the way must lead through", plain(a), plain(t))
			}
		}
	}
	return p
}

func (r *reader) prefixes(n *yaml.Node, what string) (all []netip.Prefix) {
	for _, w := range r.words(n, what) {
		if p, err := netip.ParsePrefix(w.word); err == nil {
			all = append(all, p.Masked())
			continue
		}
		a, err := netip.ParseAddr(w.word)
		if err != nil {
			r.wrong(w.node, "%s: %q is no address and no prefix", what, w.word)
			continue
		}
		all = append(all, netip.PrefixFrom(a, a.BitLen()))
	}
	return all
}
