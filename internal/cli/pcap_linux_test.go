package cli

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"synscope/internal/lab"
)

// TestPcapOfAScan writes down a scan of the lab; read must come to the same
// states from the file, without a privilege, and tshark must find a verdict on
// every packet.
func TestPcapOfAScan(t *testing.T) {
	l := standardLab(t)
	file := filepath.Join(t.TempDir(), "run.pcapng")
	web, far := l.Host("web"), l.Host("far")
	scan := command(context.Background(), l, "scan", "-n", "-o", "json", "--pcap", file, "-p", "79-81,8013",
		web.Addr4().String(), web.Addr6().String(), far.Addr4().String(), far.Addr6().String())
	if scan.code != exitYes {
		t.Fatalf("exit %d, %s", scan.code, scan.err)
	}
	want := map[string]string{}
	for _, r := range records(t, scan.out) {
		if r.str("type") == "port" {
			want[r.pair().String()] = r.str("state") + " " + r.str("reason")
		}
	}
	got := map[string]string{}
	for _, r := range records(t, command(context.Background(), nil, "read", "-o", "json", file).out) {
		if r.str("type") == "handshake" {
			got[r.pair().String()] = r.str("state") + " " + r.str("reason")
		}
	}
	if len(want) != 16 {
		t.Errorf("%d verdicts", len(want))
	}
	for pair, verdict := range want {
		if got[pair] != verdict {
			t.Errorf("%s: scan says %q, read says %q", pair, verdict, got[pair])
		}
	}
	commented(t, file, want)
}

// commented asks tshark for the comments of all packets.
func commented(t *testing.T, file string, want map[string]string) {
	t.Helper()
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("tshark is not installed")
		return
	}
	out, err := exec.Command(tshark, "-n", "-r", file, "-T", "fields", "-e", "frame.comment").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) < 2*len(want) {
		t.Errorf("%d packets for %d probes", len(lines), len(want))
	}
	for i, line := range lines {
		state, _, _ := strings.Cut(string(line), " (")
		if state != "open" && state != "refused" && state != "filtered" {
			t.Errorf("packet %d: comment %q", i+1, line)
		}
	}
}

// A capture that cannot be made is refused before any file loses its contents.
func TestRefusedCaptureEmptiesNoFile(t *testing.T) {
	lab.Require(t)
	kept := filepath.Join(t.TempDir(), "kept")
	for args, says := range map[string]string{
		"--engine connect --pcap " + kept + ".pcap": "engine connect",
		"--stateless --pcap " + kept + ".pcap":      "without state",
		"--pcap " + kept + "/no/such.pcap":          "no/such.pcap",
		"--pcap " + filepath.Dir(kept):              "is a directory",
	} {
		writeFile(t, kept, []byte("results"), 0o644)
		r := command(t.Context(), nil, append([]string{"scan", "-p", "1", "127.0.0.1", "-oJ", kept}, strings.Fields(args)...)...)
		text, err := os.ReadFile(kept)
		if r.code != exitUsage || !strings.Contains(r.err, says) || err != nil || string(text) != "results" {
			t.Errorf("%s: exit %d, %q; the output is %q, %v", args, r.code, r.err, text, err)
		}
	}
}

func TestPcapNeedsOurOwnPackets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.pcapng")
	r := command(context.Background(), nil, "scan", "--engine", "connect", "--pcap", file, "-p", "1", "127.0.0.1")
	if r.code != exitUsage || !strings.Contains(r.err, "--pcap") {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a file was made")
	}
}
