package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal, pty(7), and returns the end that a program
// is given, and a function that closes it and returns what the person saw.
func terminal(t *testing.T) (*os.File, func() string) {
	t.Helper()
	program, _, seen := typing(t)
	return program, seen
}

// person sits at a terminal, and may press keys.
type person struct {
	keys *os.File
	mu   sync.Mutex
	seen strings.Builder
}

// Write takes what the program says.
func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// sees is what the program has said until now.
func (p *person) sees() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.String()
}

// typing is terminal with the person at it.
func typing(t *testing.T) (program *os.File, at *person, seen func() string) {
	t.Helper()
	end, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(end.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(end.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	at = &person{keys: end}
	read := make(chan struct{})
	go func() {
		io.Copy(at, end) // EIO when the other end is closed
		end.Close()
		close(read)
	}()
	return program, at, func() string {
		program.Close()
		<-read
		return at.sees()
	}
}

// TestOnATerminal: progress at the foot, results in colour above it.
func TestOnATerminal(t *testing.T) {
	l := standardLab(t)
	t.Parallel()
	screen, close := terminal(t)
	s := Streams{In: strings.NewReader(""), Out: screen, Err: screen, Env: bareEnv, Resolver: labNames{l}}
	code := Main(t.Context(), []string{"synscope", "scan", "-p", "80,81", "--timeout", "300ms", "web", "fortress"}, s)
	seen := close()
	for _, want := range []string{"\x1b[32mopen\x1b[", " % · ", " pps of ", "4 ports probed in"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is missing from %q", want, seen)
		}
	}
	if code != exitYes {
		t.Errorf("exit %d", code)
	}
	if last := seen[strings.LastIndex(seen, "\x1b[K"):]; strings.Contains(last, " % ") {
		t.Errorf("the progress is still there: %q", last)
	}
}
