package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// Here a program is asked for something long, and it is seen whether all of it comes.

// Bounds of what is missing.
const (
	missingFor = 900 * time.Millisecond  // by when hosts have retransmitted it twice (Linux: after 200 ms, and 400 ms later)
	answerEnds = 1200 * time.Millisecond // how long more of an answer is waited for
)

// ahead notes that what came is beyond what was expected: something before it is missing.
func (c *conn) ahead(ev *event) {
	s := &ev.seg
	if (ev.len > 0 || s.Flags.Has(craft.FIN)) && c.acked.LessThan(s.Seq) && c.gap.IsZero() {
		c.gap = ev.at
	}
}

// incomplete reports whether something is missing that the host has retransmitted since.
func (c *conn) incomplete() bool { return !c.gap.IsZero() && time.Since(c.gap) > missingFor }

// request asks as a client of the port's protocol does, and waits for the answer's end.
func (c *conn) request(ctx context.Context) {
	c.t.Outcome = why.Acked
	switch sent, acked := c.push(ctx, c.greeting(), tries); {
	case !acked:
		c.t.Outcome = c.fail()
		return
	case sent > 1:
		c.t.Outcome = why.Lossy
	}
	over := func() bool { return c.reset || c.fin }
	c.until(ctx, programWaits-answerEnds, func() bool { return over() || !c.data.IsZero() || !c.gap.IsZero() })
	if !over() && !(c.data.IsZero() && c.gap.IsZero()) {
		c.until(ctx, answerEnds, over)
	}
	if c.incomplete() {
		c.t.Outcome = why.LargeBack
	}
}

// Ports of which it is known what a client says first.
var (
	tlsPorts  = []uint16{443, 465, 636, 853, 989, 990, 993, 995, 5061, 6443, 8443, 9443}
	httpPorts = []uint16{80, 591, 3000, 5000, 8000, 8008, 8080, 8081, 8888, 9090}
)

// greeting is what a client of the port's protocol says first; line ends where it is not known.
func (c *conn) greeting() []byte {
	name := cmp.Or(c.in.cfg.Name, c.dst.Addr().String())
	switch {
	case slices.Contains(tlsPorts, c.dst.Port()):
		return clientHello(name)
	case slices.Contains(httpPorts, c.dst.Port()):
		return fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name)
	}
	return []byte("\r\n\r\n")
}
