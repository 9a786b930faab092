package why

// Here it is told what failures in the course of a run mean: something that came or
// went while we looked, or a ban that we brought upon ourselves.

// outageWords tell of something that went away, or came, once.
func outageWords(k *Knowledge) (title, advice string) {
	spans, since, down := k.outages()
	switch {
	case down && len(spans) == 0 && since > 0:
		return "it answered at first, and stopped in the middle of the run",
			"Run this again now: what is wrong since then is told better by a run that begins with it. Something went down at the time named, or was changed."
	case !down && len(spans) == 1 && k.failsAtFirst():
		return "it did not answer at first, and began to in the middle of the run",
			"Something came up at the time named: a host or program that was started, a link, or a route that settled. Run this again to see whether it lasts."
	}
	return "", ""
}

// failsAtFirst tells whether the first SYN to the target failed.
func (k *Knowledge) failsAtFirst() (fails bool) {
	known := false
	k.each(toTarget, func(t *Trial) {
		if !known {
			known, fails = true, t.Outcome.fails()
		}
	})
	return fails
}

// leastBanned is how many SYNs in a row, the last of a run, are seen to fail before a
// limit is called a ban.
const leastBanned = 12

// banWords tell of a limit after which nothing passes any more.
func banWords(k *Knowledge) (title, advice string) {
	passed, failed := 0, 0
	k.each(toTarget, func(t *Trial) {
		if failed++; !t.Outcome.fails() {
			passed, failed = passed+1, 0
		}
	})
	if passed == 0 || failed < leastBanned {
		return "", ""
	}
	return "after so many SYNs nothing of this source passes any more: it is banned for a while",
		"Something counts connections and locks out who makes many in a short time (fail2ban, the recent match of iptables, an intrusion prevention system, a host's own limit). This run has set it off, so wait some minutes before you try again; have this source excepted, or share connections. A port that failed before this run may have been banned for the same reason."
}
