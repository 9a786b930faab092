package flow

// young is a connection that has not been announced.
type young struct {
	key    key
	number uint64
	round  uint32 // of its beginning
}

// announceLater remembers a connection for [Table.Settle].
func (t *Table) announceLater(k *key) {
	if t.cfg.Live {
		t.young = append(t.young, young{*k, t.number, t.round})
	}
}

// Settle is to be called at regular intervals while a capture is being made. It hands
// out the attempts of connections that have ended and were silent since the last call
// but one; these stay in memory, so that retransmissions are recognised, and are not
// handed out again. With the ending [Ongoing] it also hands out the present state of
// the connections that began that many calls ago; they are handed out again when they
// end.
func (t *Table) Settle(announce uint32) error {
	t.round++
	for r := t.over.first; r != noRef && t.flow(r).round+1 < t.round; r = t.flow(r).links.newer {
		if f := t.flow(r); f.reported != told {
			t.account(f)
			f.reported = told
			f.attempt(&t.attempt, Idle, t.trustOn(f))
			t.hand(f.network)
		}
	}
	for len(t.young) > 0 && t.young[0].round+announce < t.round {
		t.announce(&t.young[0])
		t.young = t.young[1:]
	}
	return t.err
}

// announce hands out the present state of a connection that goes on.
func (t *Table) announce(y *young) {
	r := t.index.find(t.hash(&y.key), func(r ref) bool { return t.numberOf(r) == y.number })
	if r == noRef {
		return
	}
	if !r.isLone() {
		if f := t.flow(r); f.reported != told && !f.over {
			f.attempt(&t.attempt, Ongoing, t.trustOn(f))
			t.hand(f.network)
		}
		return
	}
	var f flow
	f.take(t.lone(r), &t.room)
	f.attempt(&t.attempt, Ongoing, t.trust())
	t.hand(f.network)
}
