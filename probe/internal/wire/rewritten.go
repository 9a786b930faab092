package wire

import "synscope/craft"

// Rewritten is a table that also recognises quotes of probes that somebody
// changed on their way: by the sequence number whatever the addresses and ports,
// or by addresses, source port and IPv4 identification whatever the sequence
// number.
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
		if s.Src.Addr().Is4() && s.IPID == q.ID && s.Src == q.Src && s.Dst.Addr() == q.Dst.Addr() {
			return s.ID, true
		}
	}
	return 0, false
}
