package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"synscope/internal/target"
)

// scoped refuses a scope that nothing is expected of.
func (r *reader) scoped(n *yaml.Node, e *Expectation) {
	scope := valueOf(n, "scope")
	if scope == nil || e.Only {
		return
	}
	for _, o := range e.Overrides {
		if o.Only {
			return
		}
	}
	r.wrong(scope, "scope: it says where nothing else may be open, and that is not expected without `only: true`")
}

// sensible refuses an expectation of a target that expects nothing, or measures
// on no port.
func (r *reader) sensible(n *yaml.Node, word string, e *Expectation) {
	measures := len(e.RTT) > 0 || e.Loss != nil || e.Handshake != nil || e.ISN != nil || e.Path != nil
	switch {
	case measures && len(e.measured()) == 0:
		r.wrong(n, "%s: on which port? Say `port:`, or which are `open:`", e.Name)
	case !measures && len(e.States) == 0 && e.NotOpen.Len() == 0 && !e.Only:
		r.wrong(n, "%s expects nothing of %s", e.Name, word)
	}
}

// wellFormed refuses a word that is no target, and one that has ports of its own:
// they are said elsewhere. Names are not looked up.
func wellFormed(word string) string {
	if _, err := netip.ParseAddr(word); err == nil {
		return ""
	}
	if inside, bracketed := strings.CutPrefix(word, "["); bracketed && strings.HasSuffix(word, "]") {
		return "write an address without brackets: " + strings.TrimSuffix(inside, "]")
	}
	if _, err := netip.ParsePrefix(word); err != nil && strings.ContainsAny(word, ":[]") {
		return "a target has no port here: say `open:` or `port:`"
	}
	_, err := target.Parse(context.Background(), []string{word}, target.Options{Ports: target.PortsOf(1), Resolver: noNames{}})
	if err == nil || errors.Is(err, target.ErrResolve) || errors.Is(err, target.ErrResolver) {
		return ""
	}
	return strings.TrimPrefix(err.Error(), fmt.Sprintf("target %q: ", word))
}

// noNames knows no name.
type noNames struct{}

func (noNames) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, target.ErrResolve
}

// notBoth refuses a word that must be there and must not.
func (r *reader) notBoth(n *yaml.Node, wanted string, some []string, unwanted string, others []string) {
	for _, w := range some {
		if slices.Contains(others, w) {
			r.wrong(valueOf(n, unwanted), "%s: %s is among %s too, and both cannot hold", unwanted, w, wanted)
			return
		}
	}
}

// something refuses an empty mapping, which expects nothing.
func (r *reader) something(n *yaml.Node, what, example string) {
	if n.Kind == yaml.MappingNode && len(n.Content) == 0 {
		r.wrong(n, "%s: nothing is expected: write keys in it, %s", what, example)
	}
}
