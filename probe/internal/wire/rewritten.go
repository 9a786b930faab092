package wire

import "synscope/craft"

// Rewritten is a table that also recognises quotes of probes that somebody
// changed on their way: by the sequence number whatever the addresses and ports,
// or by addresses, source port, IPv4 identification and timestamp whatever the
// sequence number. Without the timestamp, which few routers quote less than, a
// stranger would have to guess 16 bits alone.
type Rewritten struct{ *Table }

// Quoted finds the transmission that a quote is of.
func (t Rewritten) Quoted(q *craft.Quote) (int, bool) {
	if id, ok := t.Table.Quoted(q); ok {
		return id, true
	}
	t.Mu.Lock()
	defer t.Mu.Unlock()
	for _, s := range t.List {
		if s.Numbers.Seq == q.Seq {
			return s.ID, true
		}
	}
	for _, s := range t.List {
		if s.Src.Addr().Is4() && s.IPID == q.ID && s.Src == q.Src && s.Dst.Addr() == q.Dst.Addr() && s.stamped(q) {
			return s.ID, true
		}
	}
	return 0, false
}

// stamped tells whether a quote has the timestamp of a transmission (RFC 7323 §3.2),
// which is a keyed number of ours as the sequence number is.
func (s *Transmission) stamped(q *craft.Quote) bool {
	val, _, ok := q.Options.Timestamps()
	return ok && q.HasOptions() && val == TSval(s.Numbers, s.Tx.Sent)
}
