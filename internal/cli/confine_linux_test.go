package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/internal/privilege"
)

// What reads strangers' files gives up every right before it looks into them.
func TestFileCommandsAreConfined(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.csv")
	for _, tc := range []struct {
		line  string
		files []string
	}{
		{"read " + dir + "/a.pcap --isn " + out, []string{dir + "/a.pcap"}},
		{"merge " + dir + "/a.pcap " + dir + "/b.pcap", []string{dir + "/a.pcap", dir + "/b.pcap"}},
		{"isn --from " + dir + "/a.pcap", []string{dir + "/a.pcap"}},
		{"check --diff " + dir + "/a.pcap " + dir + "/b.pcap", []string{dir + "/a.pcap", dir + "/b.pcap"}},
	} {
		for _, name := range tc.files {
			writeFile(t, name, []byte("nothing of the kind"), 0o600)
		}
		confined := 0
		s := Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: bareEnv,
			Confine: func(cfg privilege.Config) (privilege.Done, error) {
				confined++
				if cfg.Keep != 0 || cfg.Probe || cfg.Connect {
					t.Errorf("%s keeps rights: %+v", tc.line, cfg)
				}
				for _, name := range tc.files {
					if !strings.Contains(strings.Join(cfg.Read, " "), name) {
						t.Errorf("%s: %s is not among %v", tc.line, name, cfg.Read)
					}
				}
				return privilege.Done{}, nil
			}}
		if Main(t.Context(), append([]string{"synscope"}, strings.Fields(tc.line)...), s); confined != 1 {
			t.Errorf("%s: confined %d times", tc.line, confined)
		}
	}
}

// The kernel says so too, of a process that waits for more of a capture.
func TestReadHasNoRight(t *testing.T) {
	for _, args := range []string{"read -o json -", "report --html - -", "isn --from -"} {
		t.Run(args, func(t *testing.T) { testReadHasNoRight(t, strings.Fields(args)) })
	}
}

func testReadHasNoRight(t *testing.T, args []string) {
	t.Parallel()
	lab.Require(t)
	in, feed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, asRoot, func(c *exec.Cmd) { c.Stdin = in }, args...)
	in.Close()
	status := ""
	for range 6000 { // a minute ends a test that hangs
		b := readFile(t, "/proc/"+strconv.Itoa(r.Process.Pid)+"/status")
		if status = string(b); strings.Contains(status, "Seccomp:\t2") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, line := range []string{"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, line) {
			t.Errorf("no %q in\n%s", line, status)
		}
	}
	feed.Close()
	r.end(t)
}
