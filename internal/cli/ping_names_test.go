package cli

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"synscope/internal/report"
	"synscope/probe/ping"
)

// moving is a resolver whose one name has another answer every time.
type moving struct{ answers []string }

func (m *moving) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	next := m.answers[0]
	m.answers = m.answers[1:]
	if next == "" {
		return nil, errors.New("no such host")
	}
	return []netip.Addr{netip.MustParseAddr(next)}, nil
}

// A name that stops resolving is told of once, tried again every minute, and
// followed to its new address.
func TestPingFollowsNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, errs bytes.Buffer
		records, err := report.Open(report.Config{Stdout: &out, StdoutFormat: "json"})
		if err != nil {
			t.Fatal(err)
		}
		s := Streams{Err: &errs, Resolver: &moving{[]string{"192.0.2.1", "", "", "192.0.2.2", "192.0.2.2"}}}
		j := &pingJob{streams: s, options: &pingOptions{}}
		j.series = []*pingSeries{
			newPingSeries("192.0.2.9", netip.MustParseAddrPort("192.0.2.9:80"), 2, 8),
			newPingSeries("web.example:443", netip.MustParseAddrPort("192.0.2.1:443"), 2, 8),
		}
		w := &pingWatch{session: &session{display: &display{Output: records, streams: s}}, job: j}
		ctx, stop := context.WithCancel(t.Context())
		start := time.Now()
		followed := j.follow(ctx, w)
		change := <-j.cfg.Retarget
		if at := time.Since(start); at != 4*resolveEvery {
			t.Errorf("the new address came after %v", at)
		}
		if want := (ping.Retarget{Index: 1, Target: netip.MustParseAddrPort("192.0.2.2:443")}); change != want {
			t.Errorf("%+v, want %+v", change, want)
		}
		time.Sleep(resolveEvery + time.Second)
		stop()
		<-followed
		if n := strings.Count(errs.String(), "does not resolve any more"); n != 1 {
			t.Errorf("told %d times:\n%s", n, &errs)
		}
		records.Close()
		for _, code := range []string{"name-unresolved", "address-changed"} {
			if strings.Count(out.String(), code) != 1 {
				t.Errorf("no record of %s in\n%s", code, &out)
			}
		}
	})
}
