package why

import "slices"

// The trials that rules are of.

// toTarget reports whether a trial begins with a SYN to the port in question.
func toTarget(t *Trial) bool { return t.opens(Target) }

// toHost reports whether it sends anything to the host.
func toHost(t *Trial) bool {
	return t.Role != Against && t.Kind != Trace && t.Kind != Local
}

// toHostTCP leaves echo requests out.
func toHostTCP(t *Trial) bool { return toHost(t) && t.Kind != Echo }

// anything reports whether a trial sends anything, to whomever.
func anything(t *Trial) bool { return t.Kind != Trace && t.Kind != Local }

// isFact reports whether it looks at one of some facts.
func isFact(f ...Fact) func(*Trial) bool {
	return func(t *Trial) bool { return t.Kind == Local && slices.Contains(f, t.Fact) }
}

func isKind(k Kind, r Role) func(*Trial) bool {
	return func(t *Trial) bool { return t.Kind == k && t.Role == r }
}

// isSYNTo reports whether a trial is a lone SYN to a port of one of some roles.
func isSYNTo(roles ...Role) func(*Trial) bool {
	return func(t *Trial) bool { return t.Kind == SYN && slices.Contains(roles, t.Role) }
}
