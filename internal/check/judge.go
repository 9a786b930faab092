package check

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/units"
	"synscope/internal/spelling"
	"synscope/probe"
)

// Result is one expectation of one port or host, held against what was found.
type Result struct {
	Name     string // of the expectation
	Where    string // in the file
	Target   string // "192.0.2.7:80"
	OK       bool
	Unjudged string // why it could not be judged, and what to do; OK is false
	Expected string
	Got      string
	Words    []string // of what was found, that can be explained

	// Took is how long the probing took that this rests on; 0 where it rests on none.
	Took time.Duration
}

// Judge holds the facts against every expectation, in the order of the file.
func (p *Expectations) Judge(hosts Hosts, f *Facts) (all []Result) {
	for i := range p.Expect {
		e := &p.Expect[i]
		for _, word := range e.Targets {
			if len(hosts[word]) == 0 {
				all = append(all, Result{Name: e.Name, Where: e.Where, Target: word, Expected: "a name that resolves", Got: p.Unresolved(word, f.Unasked[word])})
				continue
			}
			all = append(all, e.of(word).judge(word, hosts[word], f)...)
		}
	}
	return all
}

// Unresolved says that a target has no address: why no resolver told of it, where that is
// so, and which group may have been meant.
func (p *Expectations) Unresolved(word, why string) string {
	got := "it does not"
	if why != "" {
		got = "no answer of a resolver: " + why
	}
	if group := spelling.Nearest(word, p.groups); group != "" {
		got += fmt.Sprintf("; did you mean the group %q?", group)
	}
	return got
}

// judge holds one expectation against what was found of one target, which may be
// several hosts.
func (e *Expectation) judge(word string, hosts []netip.Addr, f *Facts) (all []Result) {
	for _, host := range hosts {
		j := judgement{e: e, word: word, host: host, facts: f}
		j.states()
		j.others()
		for _, port := range e.measured() {
			j.measured(port)
		}
		all = append(all, j.results...)
	}
	return all
}

// judgement is one expectation of one host.
type judgement struct {
	e       *Expectation
	word    string
	host    netip.Addr
	facts   *Facts
	took    time.Duration // of the facts that are looked at
	unable  string        // why some of them are missing, where the machine or the user is to blame
	results []Result
}

// on says which facts of a command the next results rest on; those that are missing
// are nil. What this machine could not send says nothing either.
func (j *judgement) on(command string, facts ...*entry) {
	j.took, j.unable = 0, ""
	if len(facts) == 0 || slices.Contains(facts, nil) {
		j.unable = j.facts.Unable[command]
	}
	for _, f := range facts {
		if f != nil {
			j.took = max(j.took, f.took)
			j.unable = cmp.Or(j.unable, unsent[f.Reason])
		}
	}
}

func (j *judgement) at(port uint16) *found { return j.facts.of(netip.AddrPortFrom(j.host, port)) }

// say adds a result of a port; 0 is the host.
func (j *judgement) say(port uint16, ok bool, expected, got string, words ...string) {
	r := Result{Name: j.e.Name, Where: j.e.Where, Target: placeOf(j.word, j.host.String(), port), Expected: expected}
	if j.unable != "" {
		r.Unjudged = j.unable
	} else {
		r.OK, r.Got, r.Words, r.Took = ok, got, words, j.took
	}
	j.results = append(j.results, r)
}

func (j *judgement) kept(port uint16, expected, got string) { j.say(port, true, expected, got) }

func (j *judgement) broken(port uint16, expected, got string, words ...string) {
	j.say(port, false, expected, got, words...)
}

// states are the ports that must be in a state, or not open.
func (j *judgement) states() {
	for _, s := range j.e.States {
		for port := range s.Ports.All() {
			r := j.at(port).port
			j.on("scan", r)
			j.say(port, r != nil && r.State == s.State.String(), s.State.String(), stateOf(r), wordsOfPort(r)...)
		}
	}
	for port := range j.e.NotOpen.All() {
		r := j.at(port).port
		j.on("scan", r)
		closed := r != nil && (r.State == probe.StateRefused.String() || r.State == probe.StateFiltered.String())
		j.say(port, closed, "not open", stateOf(r), wordsOfPort(r)...)
	}
}

// stateOf is a port's state and reason for people.
func stateOf(r *entry) string {
	switch {
	case r == nil:
		return "not probed"
	case r.Reason == "":
		return r.State
	}
	return r.State + " (" + r.Reason + ")"
}

func wordsOfPort(r *entry) []string {
	if r == nil {
		return nil
	}
	return append([]string{r.Reason}, r.codes()...)
}

// others looks whether anything is open that is not expected to be. A port that
// was not probed is no proof that it is closed.
func (j *judgement) others() {
	if !j.e.Only {
		return
	}
	expected := j.e.open()
	var open, unknown []uint16
	var looked []*entry
	probed := 0
	for port := range j.e.scope().All() {
		r := j.at(port).port
		looked = append(looked, r)
		switch {
		case r == nil || r.State == probe.StateUnknown.String():
			unknown = append(unknown, port)
		case r.State == probe.StateOpen.String() && !slices.Contains(expected, port):
			open = append(open, port)
		}
		probed++
	}
	j.on("scan", looked...)
	want := "nothing else open of " + units.CountOf(uint64(probed), "port")
	switch {
	case len(open) > 0:
		j.unable = "" // that is enough
		j.broken(0, want, "open: "+portList(open), "open")
	case len(unknown) > 0:
		j.broken(0, want, units.CountOf(uint64(len(unknown)), "port")+" could not be probed", "unknown")
	default:
		j.kept(0, want, "nothing")
	}
}

// measured is all that is expected of one port beside its state.
func (j *judgement) measured(port uint16) {
	at := j.at(port)
	j.on("ping", at.rtt)
	for _, b := range j.e.RTT {
		j.bound(port, b, at.rtt)
	}
	if j.e.Loss != nil {
		j.loss(port, at.rtt)
	}
	if j.e.Handshake != nil {
		j.on("handshake", at.handshake)
		j.handshake(port, at.handshake)
	}
	if j.e.ISN != nil {
		j.on("isn", at.isn)
		j.isn(port, at.isn)
	}
	if j.e.Path != nil && port == j.e.measured()[0] {
		j.on("trace", at.hops...)
		j.path(port, at)
	}
}

func (j *judgement) bound(port uint16, b Bound, r *entry) {
	want := fmt.Sprintf("%s of the RTT at most %s", b.Of, units.Duration(b.Most))
	if r == nil {
		j.broken(port, want, "not probed")
		return
	}
	d, ok := r.time(b.Of)
	if !ok {
		j.broken(port, want, fmt.Sprintf("no time was measured: %d of %d answered", r.Received, r.Sent), "no-response")
		return
	}
	j.say(port, d <= b.Most, want, units.Duration(d))
}

func (j *judgement) loss(port uint16, r *entry) {
	want := fmt.Sprintf("at most %s lost", percent(*j.e.Loss))
	if r == nil || r.Loss == nil {
		j.broken(port, want, "not probed")
		return
	}
	j.say(port, *r.Loss <= *j.e.Loss, want, fmt.Sprintf("%s lost (%d of %d)", percent(*r.Loss), r.Lost, r.Sent))
}

func percent(share float64) string {
	return strconv.FormatFloat(share*100, 'g', 3, 64) + "%"
}

// handshake holds one connection against what connections must be like.
func (j *judgement) handshake(port uint16, r *entry) {
	h := j.e.Handshake
	if r == nil || r.State != probe.StateOpen.String() {
		j.broken(port, "a connection", stateOf(r), wordsOfPort(r)...)
		return
	}
	var negotiated []string
	for _, o := range optionNames {
		if on, there := r.Negotiated[o]; there && on != false && on != "refused" && on != "bleached" {
			negotiated = append(negotiated, o)
		}
	}
	got := "negotiated: " + listed(negotiated)
	if len(h.Options) > 0 {
		j.say(port, contains(negotiated, h.Options), "options "+strings.Join(h.Options, ", "), got)
	}
	if len(h.Without) > 0 {
		j.say(port, !intersects(negotiated, h.Without), "without "+strings.Join(h.Without, ", "), got)
	}
	if len(h.Close) > 0 {
		j.say(port, slices.Contains(h.Close, r.Close), "close "+strings.Join(h.Close, " or "), cmp.Or(r.Close, "not closed"), r.Close)
	}
	found := r.codes()
	if len(h.Findings) > 0 {
		j.say(port, contains(found, h.Findings), "findings "+strings.Join(h.Findings, ", "), listed(found), found...)
	}
	if len(h.NoFindings) > 0 {
		j.say(port, !intersects(found, h.NoFindings), "no "+strings.Join(h.NoFindings, ", "), listed(found), found...)
	}
	if len(j.e.Handshake.Options)+len(h.Without)+len(h.Close)+len(h.Findings)+len(h.NoFindings) == 0 {
		j.kept(port, "a connection", stateOf(r))
	}
}

func (j *judgement) isn(port uint16, r *entry) {
	i := j.e.ISN
	class, words := "not sampled", []string(nil)
	if r != nil {
		class, words = r.Class, append([]string{r.Class}, r.codes()...)
	}
	if i.AtLeast != "" {
		ok := rank(class) >= 0 && rank(class) >= rank(i.AtLeast)
		j.say(port, ok, "sequence numbers at least "+i.AtLeast, class, words...)
	}
	if len(i.Classes) > 0 {
		j.say(port, slices.Contains(i.Classes, class), "sequence numbers "+strings.Join(i.Classes, " or "), class, words...)
	}
	if i.Difficulty > 0 {
		got, ok := "no difficulty was found ("+class+")", false
		if r != nil && r.Difficulty != nil {
			got, ok = fmt.Sprintf("%.3g bits", *r.Difficulty), *r.Difficulty >= i.Difficulty
		}
		j.say(port, ok, fmt.Sprintf("%g bits to guess a sequence number", i.Difficulty), got, words...)
	}
}

// path holds the hops against what the way must be like.
func (j *judgement) path(port uint16, at *found) {
	p := j.e.Path
	hops, seen, reached := walked(at.hops)
	dumb := silent(at.hops, hops)
	if p.MaxHops > 0 {
		got := units.CountOf(uint64(hops), "hop")
		if !reached {
			got = "the port was not reached"
		}
		j.say(port, reached && hops <= p.MaxHops, "at most "+units.CountOf(uint64(p.MaxHops), "hop"), got)
	}
	for _, prefix := range p.Through {
		j.say(port, slices.ContainsFunc(seen, prefix.Contains), "a way through "+plain(prefix), "through "+addresses(seen))
	}
	for _, prefix := range p.Avoid {
		// A hop that kept silent may be the one that is to be avoided; what did
		// not reach the end may have met it later.
		met := slices.ContainsFunc(seen, prefix.Contains)
		got := "through " + addresses(seen)
		if !met && len(dumb) > 0 {
			got += ", and whoever did not answer at hop " + strings.Join(dumb, ", ")
		}
		j.say(port, reached && !met && len(dumb) == 0, "no way through "+plain(prefix), got)
	}
}

// walked is how many hops the way has, who answered on it, and whether it was
// walked to its end.
func walked(hops []*entry) (n int, seen []netip.Addr, reached bool) {
	for _, h := range hops {
		end := h.Kind == "syn-ack" || h.Kind == "rst"
		if end && (!reached || h.TTL < n) {
			n, reached = h.TTL, true
		}
	}
	for _, h := range hops {
		if h.Addr.IsValid() && !slices.Contains(seen, h.Addr) && h.Kind != "syn-ack" && h.Kind != "rst" {
			seen = append(seen, h.Addr)
		}
	}
	return n, seen, reached
}

// silent are the hops before the last from which nobody answered.
func silent(hops []*entry, last int) (all []string) {
	for ttl := 1; ttl < last; ttl++ {
		if !slices.ContainsFunc(hops, func(h *entry) bool { return h.TTL == ttl && h.Addr.IsValid() }) {
			all = append(all, strconv.Itoa(ttl))
		}
	}
	return all
}

func plain(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func addresses(all []netip.Addr) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return listed(words)
}

func listed(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// contains tells whether all of some words are among others.
func contains(all, some []string) bool {
	return !slices.ContainsFunc(some, func(w string) bool { return !slices.Contains(all, w) })
}

func intersects(a, b []string) bool {
	return slices.ContainsFunc(a, func(w string) bool { return slices.Contains(b, w) })
}
