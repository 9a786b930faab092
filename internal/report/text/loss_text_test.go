package text

import (
	"testing"
	"time"

	"synscope/probe/loss"
)

// A target to which nothing was sent is not called down.
func TestOutageWords(t *testing.T) {
	from := time.Date(2026, 11, 30, 14, 2, 7, 0, time.UTC)
	to := from.Add(12 * time.Second)
	for _, c := range []struct {
		w    loss.Window
		want string
	}{
		{loss.Window{From: from, To: to, Last: to, Probes: 12}, "down 14:02:07 to 14:02:19, 12 probes"},
		{loss.Window{From: from, Last: to, Probes: 12, Unsent: 3}, "down since 14:02:07, 12 probes, of which 3 could not be sent"},
		{loss.Window{From: from, Last: to, Probes: 4, Unsent: 4}, "not probed since 14:02:07, 4 probes could not be sent"},
		{loss.Window{From: from, Last: to, Probes: 4, Unsent: 4, Absent: 4}, "down since 14:02:07, 4 probes could not be sent: nobody on the link has the address"},
		{loss.Window{From: from, To: to, Last: to, Probes: 1, Unsent: 1}, "not probed 14:02:07 to 14:02:19, 1 probe could not be sent"},
	} {
		if got := OutageWords(&c.w, time.UTC); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
