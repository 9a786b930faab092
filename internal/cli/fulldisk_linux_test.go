package cli

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"synscope/internal/capture"
	"synscope/internal/lab"
	"synscope/internal/report"
)

// A disk that fills up while a run writes leaves whole lines and whole blocks, and
// the other outputs end as they should.
func TestFullDiskLeavesWholeLines(t *testing.T) {
	lab.Require(t)
	if !apartWithProgram(t, syscall.CLONE_NEWNS) {
		return
	}
	small, healthy := t.TempDir(), t.TempDir()
	if err := unix.Mount("none", small, "tmpfs", 0, "size=4096"); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(small, unix.MNT_DETACH)
	first := listenInARow(t, 300) // open ones, of which some formats alone tell
	args := []string{"scan", "-q", "--reason", "-p", fmt.Sprintf("1-100,%d-%d", first, first+299), "127.0.0.1"}
	others := map[string]string{}
	for _, f := range report.Formats() {
		others[f.Flag] = filepath.Join(healthy, f.Name)
		args = append(args, "-"+f.Flag, others[f.Flag])
	}
	flags := []string{"pcap"}
	for flag := range others {
		flags = append(flags, flag)
	}
	// Several hosts, so that some elements of the XML find room.
	hosts := filepath.Join(small, "hosts")
	if r := start(t, asRoot, func(c *exec.Cmd) {}, "scan", "-q", "--discover", "none", "-p", strconv.Itoa(first), "127.0.0.0/27", "-oX", hosts).end(t); r.code != exitInterrupted {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	b, err := os.ReadFile(hosts)
	if err != nil || strings.Count(string(b), "<host ") < 3 || !strings.Contains(string(b), "errormsg=") {
		t.Errorf("%v: %q", err, b)
	}
	wholeDocument(t, "oX", b)
	os.Remove(hosts)
	for _, flag := range flags {
		file := filepath.Join(small, "out")
		dashes := "-"
		if flag == "pcap" {
			dashes = "--"
		}
		r := start(t, asRoot, func(c *exec.Cmd) {}, append(args, dashes+flag, file)...).end(t)
		b, err := os.ReadFile(file)
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v, %s", flag, err, r.err)
		}
		if flag == "pcap" {
			if n := packetsIn(t, file); n == 0 {
				t.Errorf("no packet in %d bytes", len(b))
			}
		} else {
			wholeDocument(t, flag, b)
		}
		if r.code != exitInterrupted || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, file+": no space left on device") {
			t.Errorf("%s: exit %d, says %q", flag, r.code, r.err)
		}
		for flag, path := range others {
			text := readFile(t, path)
			wholeDocument(t, flag, text)
			if flag == "oJ" {
				records(t, string(text)) // from run to summary
			}
		}
		os.Remove(file)
	}
	writeFile(t, filepath.Join(small, "full"), make([]byte, 4096), 0o644)
	r := start(t, asRoot, func(c *exec.Cmd) {}, "scan", "--stateless", "-q", "-p", strconv.Itoa(first), "127.0.0.1", "--resume", filepath.Join(small, "checkpoint")).end(t)
	if r.code != exitInterrupted || !strings.Contains(r.err, "no space left on device") {
		t.Errorf("--resume: exit %d, says %q", r.code, r.err)
	}
}

// listenInARow listens on so many ports that follow one another, and returns the first.
func listenInARow(t *testing.T, n int) (first int) {
	for first = 2000; first < 32000; first += n {
		var list []net.Listener
		for port := first; port < first+n; port++ {
			l, err := net.Listen("tcp4", ":"+strconv.Itoa(port))
			if err != nil {
				break
			}
			list = append(list, l)
		}
		closeAll := func() {
			for _, l := range list {
				l.Close()
			}
		}
		if len(list) == n {
			t.Cleanup(closeAll)
			return first
		}
		closeAll()
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

// wholeDocument reads an output as programs do that read its format.
func wholeDocument(t *testing.T, flag string, b []byte) {
	t.Helper()
	switch {
	case len(b) == 0 || b[len(b)-1] != '\n':
		t.Errorf("%s: %d bytes end with %q", flag, len(b), b[max(0, len(b)-20):])
	case flag == "oX":
		var run struct {
			Finished struct {
				Exit string `xml:"exit,attr"`
			} `xml:"runstats>finished"`
		}
		if err := xml.Unmarshal(b, &run); err != nil || run.Finished.Exit == "" {
			t.Errorf("%s: %v, %+v in %q", flag, err, run, b[max(0, len(b)-300):])
		}
	case flag == "oM":
		var list []any
		if err := json.Unmarshal(b, &list); err != nil || len(list) == 0 {
			t.Errorf("%s: %v, %d entries in %q", flag, err, len(list), b[max(0, len(b)-300):])
		}
	case flag == "oJ":
		for line := range strings.Lines(string(b)) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%s: %q", flag, line)
			}
		}
	}
}

// packetsIn counts the packets of a capture that must be whole.
func packetsIn(t *testing.T, path string) (n int) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := capture.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var p capture.Packet
	for {
		switch err := r.Next(&p); {
		case err == nil:
			n++
		case err.Error() == "EOF":
			return n
		default:
			t.Fatalf("after %d packets: %v", n, err)
		}
	}
}

// Whatever is written to a full disk: one sentence, and the code of what was cut
// short.
func TestFullStandardOutput(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"help scan", "man", "man ping", "schema", "schema port", "version", "completion bash", "explain", "explain reset -o json", "--help", "doctor"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, asRoot, func(c *exec.Cmd) { c.Stdout = full }, strings.Fields(line)...).end(t)
		if r.code != exitInterrupted || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, "no space left") {
			t.Errorf("%s: exit %d: %s", line, r.code, r.err)
		}
	}
}
