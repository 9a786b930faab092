//go:build linux

package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Capture runs tcpdump with these arguments beside f, and returns what it said in the end.
// It begins once tcpdump's filter is in place, and ends when nothing has come for a while
// and tcpdump has worked off all that the kernel handed to it, however late it was let run.
func Capture(t TB, f func(), args ...string) (said string) {
	t.Helper()
	c := exec.Command(Tcpdump(t), args...)
	errs, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatalf("tcpdump: %v", err)
	}
	d := &dump{t: t, command: c, lines: bufio.NewReader(errs)}
	d.line("listening on")
	before := d.figures()
	f()
	time.Sleep(100 * time.Millisecond) // what the other end still has to say
	d.catchUp(before.behind())
	c.Process.Signal(syscall.SIGINT)
	rest, _ := io.ReadAll(d.lines)
	if err := c.Wait(); err != nil {
		t.Fatalf("tcpdump: %v: %s%s", err, d.said.String(), rest)
	}
	return string(rest)
}

// dump is a tcpdump that runs.
type dump struct {
	t       TB
	command *exec.Cmd
	lines   *bufio.Reader // of its standard error
	said    bytes.Buffer
}

// line reads up to a line with these words.
func (d *dump) line(words string) string {
	d.t.Helper()
	for {
		line, err := d.lines.ReadString('\n')
		if d.said.WriteString(line); err != nil {
			d.t.Fatalf("tcpdump: %v: %s", err, d.said.String())
		}
		if strings.Contains(line, words) {
			return line
		}
	}
}

// catchUp waits until no more packets than so many are not worked off, or, since those that
// leave by the loopback interface never are, until nothing changes any more.
func (d *dump) catchUp(behind int) {
	d.t.Helper()
	const unchanged = 300 // longer than the second that a block of the ring may wait to be full
	last, times := figures{}, 0
	for now := d.figures(); now.behind() > behind && times < unchanged; now = d.figures() {
		if times++; now != last {
			last, times = now, 0
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// figures are how many packets tcpdump has worked off, and how many the kernel has handed to it.
type figures struct{ captured, received int }

func (f figures) behind() int { return f.received - f.captured }

// figures asks for them by SIGUSR1 (tcpdump(1)).
func (d *dump) figures() (f figures) {
	d.t.Helper()
	d.command.Process.Signal(syscall.SIGUSR1)
	line := strings.ReplaceAll(d.line("received by filter"), "packets", "packet")
	_, line, _ = strings.Cut(line, "tcpdump: ")
	if _, err := fmt.Sscanf(line, "%d packet captured, %d packet received", &f.captured, &f.received); err != nil {
		d.t.Fatalf("tcpdump: %v: %s", err, line)
	}
	return f
}
