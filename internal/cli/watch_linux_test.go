package cli

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// Without a terminal there is a report after so many rounds, in 80 columns, over
// IPv4 and IPv6; as JSON each probe, and the sums.
func TestWatchReports(t *testing.T) {
	t.Parallel()
	l, h := pathLab(t)
	for _, a := range []netip.Addr{h.Addr4(), h.Addr6()} {
		target := netip.AddrPortFrom(a, 80).String()
		got := command(t.Context(), l, "trace", "--watch", "-n", "-c", "4", "-i", "100ms", "--timeout", "5s", target)
		if got.code != exitYes || strings.Count(got.out, "0.0%     4") != 6 || !strings.Contains(got.out, "is open") {
			t.Errorf("exit %d\n%s%s", got.code, got.out, got.err)
		}
		for _, line := range strings.Split(got.out, "\n") {
			if n := utf8.RuneCountInString(line); n > 80 && !strings.HasPrefix(line, "warning: ") { // a busy machine may lose an RST
				t.Errorf("%d columns: %q", n, line)
			}
		}
		list := records(t, command(t.Context(), l, "trace", "--watch", "-n", "-c", "4", "-i", "100ms", "--timeout", "5s", "-o", "json", target).out)
		probes, sums := 0, 0
		for _, r := range list {
			switch r.str("type") {
			case "hop":
				probes++
			case "hop_summary":
				sums++
				if min, _ := r["min_ns"].(float64); r["sent"].(float64) != 4 || r["lost"].(float64) != 0 || min < 20e6 {
					t.Errorf("%v", r)
				}
			}
		}
		if probes != 24 || sums != 6 {
			t.Errorf("%v: %d probes, %d sums", a, probes, sums)
		}
	}
}

// On a terminal the table stays in place and keys work; afterwards the terminal is
// as it was, and the report stands.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	m := mesh(t, lab.MeshSpec{Next: fan(2)})
	screen, person, close := typing(t)
	unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	before, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s := Streams{In: screen, Out: screen, Err: screen, Env: bareEnv}
	code := make(chan int)
	go func() {
		target := netip.AddrPortFrom(m.Addr4(m.Host()), 80).String()
		code <- Main(t.Context(), []string{"synscope", "trace", "--watch", "-n", "-i", "100ms", target}, s)
	}()
	header := func(paused bool) func() bool { // the latest that was drawn
		return func() bool {
			_, last, drawn := cutLast(person.sees(), "· round ")
			return drawn && strings.Contains(last, "· paused") == paused && strings.Contains(last, m.Addr4(1).String())
		}
	}
	for _, step := range []struct {
		key    string
		paused bool
	}{{"p", true}, {"p", false}, {"r", false}} {
		await(t, "the table", header(!step.paused && step.key == "p"))
		fmt.Fprint(person.keys, step.key)
		await(t, "the answer to "+step.key, header(step.paused))
	}
	fmt.Fprint(person.keys, "q")
	if got := <-code; got != exitYes {
		t.Errorf("exit %d", got)
	}
	after, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	if err != nil || after.Lflag != before.Lflag || after.Lflag&unix.ECHO == 0 {
		t.Errorf("%v: the terminal's flags are %#x, were %#x", err, after.Lflag, before.Lflag)
	}
	seen := close()
	for _, want := range []string{"p pause, r reset, q quit", "· paused", m.Addr4(1).String(), "F\x1b[J", "is \x1b[32mopen"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is missing from %q", want, seen)
		}
	}
}

// Interrupted, it reports what it has.
func TestWatchInterrupted(t *testing.T) {
	lab.Require(t)
	m := mesh(t, lab.MeshSpec{Next: fan(2)})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &countdown{left: 1 + 2*4, done: cancel} // the run, and two rounds of four hops
	s := Streams{In: strings.NewReader(""), Out: out, Err: io.Discard, Env: bareEnv}
	target := netip.AddrPortFrom(m.Addr4(m.Host()), 80).String()
	code := Main(ctx, []string{"synscope", "trace", "--watch", "-n", "-i", "100ms", "-o", "json", target}, s)
	sums := ofType(records(t, out.String()), "hop_summary")
	for _, sum := range sums {
		if sum["lost"] != 0.0 || sum["sent"].(float64) < 1 {
			t.Errorf("%v", sum)
		}
	}
	if code != exitInterrupted || len(sums) != 4 {
		t.Errorf("exit %d, %d sums\n%s", code, len(sums), out)
	}
}

// cutLast cuts a text at the last place of sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
