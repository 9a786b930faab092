package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"synscope/internal/lab"
	"synscope/internal/lab/models"
)

// documentAlone names, in the process in which they run, the document whose
// commands are to be run.
const documentAlone = "SYNSCOPE_TEST_DOCUMENT"

var updateDocuments = flag.Bool("update-documents", false, "write into the documents what their commands print")

// The commands of the documents are run in the demo's network, as in its shell, and
// print what the documents say; numbers that vary are masked.
//
//	go test ./internal/cli -run TestDocuments -update-documents
func TestDocuments(t *testing.T) {
	long(t)
	lab.Require(t)
	t.Parallel()
	if path := os.Getenv(documentAlone); path != "" {
		runDocument(t, path)
		return
	}
	for _, name := range []string{"handshake.md", "recipes.md"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDocuments$", fmt.Sprintf("-update-documents=%t", *updateDocuments))
			cmd.Env = append(os.Environ(), documentAlone+"=../../docs/"+name)
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// runDocument runs the commands of one document, and compares or replaces what they
// print.
func runDocument(t *testing.T, path string) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here")
	}
	shell, end := demoShell(t)
	text := readFile(t, path)
	parts, ran := slices.Collect(documentParts(string(text))), 0
	shell.runAll(t, parts)
	for try := 0; try < 3 && !*updateDocuments; try++ { // what a busy machine did to times is not there twice
		again := differing(parts)
		if slices.ContainsFunc(again, aboutQueues) { // a queue that is full stays so
			end()
			dir := shell.dir
			shell, end = demoShell(t)
			shell.dir = dir
			again = slices.Concat(slices.DeleteFunc(again, aboutQueues), only(parts, aboutQueues))
		}
		shell.runAll(t, again)
	}
	end()
	var updated strings.Builder
	for _, part := range parts {
		updated.WriteString(part.text)
		if part.command == "" {
			continue
		}
		ran++
		updated.WriteString(part.now)
		if diff := part.diff(); diff != "" && !*updateDocuments {
			t.Errorf("$ %s\n(-document +now):\n%s\nwhich printed:\n%s", part.command, diff, part.now)
		}
	}
	if ran < 10 {
		t.Errorf("%d commands", ran)
	}
	if *updateDocuments {
		writeFile(t, path, []byte(updated.String()), 0o644)
	}
}

// aboutQueues tells whether a command is about the host whose program accepts nothing: what it prints depends on
// what others before it have left in the queue.
func aboutQueues(p *documentPart) bool { return hostOf(p.command) == "deaf" }

// differing are the parts whose commands print something else than the document says.
func differing(parts []*documentPart) []*documentPart {
	return only(parts, func(p *documentPart) bool { return p.command != "" && p.diff() != "" })
}

func only(parts []*documentPart, those func(*documentPart) bool) (list []*documentPart) {
	for _, p := range parts {
		if those(p) {
			list = append(list, p)
		}
	}
	return list
}

// runAll runs the commands of a document: those about one host one after the other,
// others beside them.
func (d *demoEnvironment) runAll(t *testing.T, parts []*documentPart) {
	var running sync.WaitGroup
	about := map[string][]*documentPart{}
	for _, p := range parts {
		if p.command != "" {
			about[hostOf(p.command)] = append(about[hostOf(p.command)], p)
		}
	}
	for _, list := range about {
		running.Go(func() {
			for _, p := range list {
				p.now = d.run(t, p.command)
			}
		})
	}
	running.Wait()
}

// hostOf is the host of the demo that a command is about, the first that it names.
func hostOf(command string) string { return demoHost.FindString(command) }

var demoHost = regexp.MustCompile(`\b(web|far|small|deaf|cookie|guess|closer|slow|lossy|behind|reset|reject|fortress)\b`)

// documentPart is text up to and with the line of a command, and what follows it
// up to the next one or the end of the block.
type documentPart struct{ text, command, output, now string }

// documentParts goes through a document's blocks of console.
func documentParts(text string) iter.Seq[*documentPart] {
	return func(yield func(*documentPart) bool) {
		p := &documentPart{}
		inside := false
		for line := range strings.Lines(text) {
			command, isCommand := strings.CutPrefix(line, "$ ")
			switch {
			case strings.HasPrefix(line, "```"), inside && isCommand:
				if p.command != "" {
					if !yield(p) {
						return
					}
					p = &documentPart{}
				}
				if !isCommand {
					inside = strings.HasPrefix(line, "```console")
				}
			}
			switch {
			case inside && isCommand:
				p.text += line
				p.command = strings.TrimSpace(command)
			case p.command != "":
				p.output += line
			default:
				p.text += line
			}
		}
		yield(p)
	}
}

// variable is what a run's output has that another's has otherwise.
var variable = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`,?\n {25,}`), ", "}, // the numbers' width decides where a line is wrapped
	{regexp.MustCompile(`silence for [0-9.]+m?s`), "silence for SOME s"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`), "DATE"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d`), "DATE"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d(\.\d+)?`), "CLOCK"},
	{regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`), "MAC"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`), "ADDR"},
	{regexp.MustCompile(`\bfd[0-9a-f:]{8,}`), "ADDR"},
	{regexp.MustCompile(`after [0-9][0-9., ms]*s\b`), "after TIMES"},
	{regexp.MustCompile(`-?[0-9.]+ ?(ns|µs|ms)\b`), "TIME"},
	{regexp.MustCompile(`"[a-z_]+_ns":\d+`), "TIME"},
	{regexp.MustCompile(`(probed|took|held|failed|traced|,) in [0-9.]+ ?m?s\b`), "$1 in TIME"},
	{regexp.MustCompile(`\b(\d+)\.\d+( ?s\b|,)`), "$1 s"},
	{regexp.MustCompile(`[0-9.]+[kM]? pps`), "RATE"},
	{regexp.MustCompile(`[0-9.]+ %`), "SHARE"},
	{regexp.MustCompile(` ?\(kernel(-rx)?\)`), ""}, // a busy machine misses a stamp
	{regexp.MustCompile(`in \d+ segments`), "in N segments"},
	{regexp.MustCompile(`\d+ packets sent, \d+ received`), "N packets sent, N received"}, // ports are asked again by what came first
	{regexp.MustCompile(`(retransmitted +SYN-ACK|SYN-ACK repeated) (\d+ times|once|twice)`), "$1 N times"},
	{regexp.MustCompile(`(retransmitted +FIN|nobody acknowledges) (\[?)(\d+ times|once|twice)`), "$1 ${2}N times"}, // a kernel waits as long as its own answers took
	{regexp.MustCompile(`\b[0-9,]{4,}(\.\d+)?\b`), "N"},
	{regexp.MustCompile(`─+`), "─"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

// diff is what a part printed now against what the document says, "" where that is the same.
func (p *documentPart) diff() string {
	want := p.masked(p.output)
	return cmp.Diff(want, withRTTs(p.masked(p.now), want))
}

// withRTTs gives the lines the RTT that they have where they are wanted: of an answer that
// is so late that it may be a retransmission's there is none.
func withRTTs(out, want string) string {
	const rtt = ", RTT TIME (kernel clock)"
	wanted, lines := strings.Split(want, "\n"), strings.Split(out, "\n")
	for i, line := range lines {
		if strings.HasSuffix(line, "(syn-ack)") && slices.Contains(wanted, line+rtt) && !slices.Contains(wanted, line) {
			lines[i] += rtt
		}
	}
	return strings.Join(lines, "\n")
}

// hurried are lines that depend on whether the server's program closes before its
// kernel has acknowledged our FIN by itself: three segments or four.
var hurried = regexp.MustCompile(`FIN_WAIT_2 ◀─ \. seq|close-three-way`)

// masked is output of a part as far as it is the same each time: a scan tells of
// ports as they answer.
func (p *documentPart) masked(out string) string {
	for _, v := range variable {
		out = v.what.ReplaceAllString(out, v.with)
	}
	var lines []string
	out = strings.NewReplacer("three-way, the client", "N-way, the client", "four-way, the client", "N-way, the client").Replace(out)
	for line := range strings.Lines(out) {
		if !hurried.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if strings.Contains(p.command, "synscope scan") {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

// demoEnvironment runs commands in the demo's network.
type demoEnvironment struct {
	dir string
	env []string
}

// demoShell builds the demo's network in this process's namespace, and gives what
// its shell has, and what takes the network down again.
func demoShell(t *testing.T) (d *demoEnvironment, end func()) {
	t.Helper()
	lab.Require(t)
	l, err := lab.New(lab.Demo(1, nil))
	if err != nil {
		t.Fatal(err)
	}
	guess, err := models.Inhabit(l.Host("guess"), guessable())
	if err != nil {
		t.Fatal(errors.Join(err, l.Close()))
	}
	end = sync.OnceFunc(func() { guess.Close(); l.Close() })
	t.Cleanup(end)
	return shellOf(t, l), end
}

// shellOf gives what the demo's shell would have, for another lab.
func shellOf(t *testing.T, l *lab.Lab) *demoEnvironment {
	t.Helper()
	tools, dir := t.TempDir(), t.TempDir()
	env, err := (&tour{lab: l}).furnish(tools)
	if err != nil {
		t.Fatal(err)
	}
	return &demoEnvironment{dir, append(env, "LC_ALL=C.UTF-8", "TZ=UTC")}
}

// patience is how long a command may take.
const documentPatience = 60 * time.Second

// run runs a command as a person would, and returns all that it prints.
func (d *demoEnvironment) run(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), documentPatience)
	defer cancel()
	var out bytes.Buffer
	c := exec.CommandContext(ctx, "sh", "-c", command)
	c.Dir, c.Env, c.Stdout, c.Stderr = d.dir, d.env, &out, &out
	err := c.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) || ctx.Err() != nil {
		t.Errorf("$ %s\n%v, %v", command, err, ctx.Err())
	}
	return out.String()
}

// An RTT that the document has may be missing now, and nothing else.
func TestDocumentsDiffer(t *testing.T) {
	const with, without = "web (10.0.4.2) port 80: open (syn-ack), RTT 12.5 µs (kernel clock)\n", "web (10.0.4.2) port 80: open (syn-ack)\n"
	for _, tc := range []struct {
		document, now string
		same          bool
	}{
		{with, with, true}, {with, strings.Replace(with, "12.5 µs", "3 ms", 1), true}, {without, without, true},
		{with, without, true}, {without, with, false},
		{with, strings.Replace(with, " (kernel clock)", "", 1), false},
		{with, strings.Replace(with, "kernel clock", "program clock", 1), false},
		{with, strings.Replace(without, "open", "closed", 1), false},
	} {
		p := documentPart{output: tc.document, now: tc.now}
		if diff := p.diff(); (diff == "") != tc.same {
			t.Errorf("%s against %s: %s", tc.document, tc.now, diff)
		}
	}
}

// A document is parted and put together again as it was.
func TestDocumentParts(t *testing.T) {
	paths, _ := filepath.Glob("../../docs/*.md")
	for _, path := range paths {
		text := readFile(t, path)
		whole := ""
		for p := range documentParts(string(text)) {
			whole += p.text + p.output
		}
		if whole != string(text) {
			t.Errorf("%s: %s", path, cmp.Diff(string(text), whole))
		}
	}
}
