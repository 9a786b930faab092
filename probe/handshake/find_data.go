package handshake

import (
	"fmt"
	"strconv"

	"synscope/probe"
)

// dataPatterns are about data and the room for it.
var dataPatterns = []pattern{
	{"banner", probe.SeverityInfo, "the peer speaks first", banner},
	{
		"data-before-handshake", probe.SeverityNotice,
		"the peer sent data before the handshake was complete", earlyData,
	}, {
		"zero-window", probe.SeverityNotice,
		"the program on the far end does not read: its window is shut", zeroWindowed,
	}, {
		"tarpit", probe.SeverityWarning,
		"the connection was accepted to be held: its window never opened", tarpit,
	},
}

func banner(f *Follower, _ *Result) string {
	d := &f.seen.data
	if !d.unasked || d.early {
		return ""
	}
	return excerpt(d.bytes)
}

// excerpt quotes the beginning of some data.
func excerpt(b []byte) string {
	const most = 72
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}

func earlyData(f *Follower, _ *Result) string {
	if !f.seen.data.early || f.seen.earlyTaken() > 0 {
		return "" // RFC 7413 §3.1: who took data on the SYN may answer at once
	}
	return fmt.Sprintf("%d bytes", len(f.seen.data.bytes))
}

// crumbs is how many bytes a tarpit may take before it shuts.
const crumbs = 16

// stuck tells whether the window is shut and nothing but crumbs was taken before.
func (f *Follower) stuck(r *Result) bool {
	v := &f.seen
	return f.Server.Confirmed() && v.shut.closed && v.shut.ever && v.reset() == nil && r.Acked <= crumbs
}

func zeroWindowed(f *Follower, r *Result) string {
	switch {
	case f.stuck(r), !f.Server.Confirmed() || !f.seen.shut.ever:
		return ""
	case f.seen.shut.closed:
		return fmt.Sprintf("shut after %d bytes", r.Acked)
	}
	return fmt.Sprintf("shut for a while, open again after %d bytes", r.Acked)
}

func tarpit(f *Follower, r *Result) string {
	if !f.stuck(r) {
		return ""
	}
	return fmt.Sprintf("window 0 for %v, %d bytes taken", f.seen.last.Sub(f.seen.first.at), r.Acked)
}
