package cli

import (
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/capture"
)

// counted is a capture of a server whose numbers go up by 64,000 with each
// connection, and of one that answered once.
func counted(t *testing.T) string {
	t.Helper()
	var packets []capture.Packet
	at := time.Unix(1_700_000_000, 0)
	add := func(src, dst netip.AddrPort, seq, ack craft.Seq, flags craft.Flags) {
		s := craft.Segment{Src: src, Dst: dst, TTL: 64, Seq: seq, Ack: ack, Flags: flags, Window: 512}
		packets = append(packets, packetAt(t, at, s))
	}
	server, other := netip.MustParseAddrPort("192.0.2.2:80"), netip.MustParseAddrPort("192.0.2.3:80")
	for i := range 20 {
		client := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(40000+i))
		ours := craft.Seq(2654435761 * uint32(i+1))
		to := server
		if i == 7 {
			to = other
		}
		at = at.Add(time.Duration(100+70*(i%5)) * time.Millisecond)
		add(client, to, ours, 0, craft.SYN)
		at = at.Add(10 * time.Millisecond)
		add(to, client, craft.Seq(5_000_000+64_000*i), ours.Add(1), craft.SYN|craft.ACK)
		at = at.Add(time.Millisecond)
		add(client, to, ours.Add(1), 0, craft.RST)
	}
	path := filepath.Join(t.TempDir(), "counted.pcapng")
	writeFile(t, path, pcapngOf(t, 0, packets...), 0o644)
	return path
}

// TestISNFromCapture: every server of a capture is classified, as far as its
// samples go, or the one that is named; and read writes the same samples.
func TestISNFromCapture(t *testing.T) {
	path := counted(t)
	classes := func(r ran) string { return isnClasses(t, r) }
	r := command(context.Background(), nil, "isn", "--from", path, "-o", "json")
	if got := classes(r); r.code != exitYes || got != "192.0.2.2 80 19 global-step; 192.0.2.3 80 1 unknown" {
		t.Errorf("exit %d, %s: %q", r.code, r.err, got)
	}
	r = command(context.Background(), nil, "isn", "--from", path, "-o", "json", "192.0.2.3:80")
	if got := classes(r); r.code != exitNo || got != "192.0.2.3 80 1 unknown" {
		t.Errorf("one that is named: exit %d, %s: %q", r.code, r.err, got)
	}
	if r := command(context.Background(), nil, "isn", "--from", path, "192.0.2.9:80"); r.code != exitUsage {
		t.Errorf("one that is not there: exit %d, %s", r.code, r.err)
	}
	if r := command(context.Background(), nil, "isn", "--from", path, "192.0.2.2"); r.code != exitUsage || !strings.Contains(r.err, "ADDRESS:PORT") {
		t.Errorf("no port: exit %d, %s", r.code, r.err)
	}
}

// isnClasses lists the records of a run: place, samples, class.
func isnClasses(t *testing.T, r ran) string {
	t.Helper()
	var list []string
	for _, record := range records(t, r.out) {
		if record.str("type") == "isn" {
			list = append(list, fmt.Sprintf("%s %v %v %s", record.str("target"), record["port"], record["samples"], record.str("class")))
		}
	}
	return strings.Join(list, "; ")
}

// TestISNFromReadsOwnFile: the file that read writes holds several servers, and each
// is told of by itself, or the one that is named; so are several files.
func TestISNFromReadsOwnFile(t *testing.T) {
	path, dir := counted(t), t.TempDir()
	csv, plain := filepath.Join(dir, "isn.csv"), filepath.Join(dir, "plain.csv")
	if r := command(context.Background(), nil, "read", "--isn", csv, path); r.code != exitYes {
		t.Fatalf("read --isn: exit %d, %s", r.code, r.err)
	}
	writeFile(t, plain, []byte("isn,sport\n"+strings.Repeat("7,1\n7,2\n", 6)), 0o600)
	const both = "192.0.2.2 80 19 global-step; 192.0.2.3 80 1 unknown"
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"all", []string{"--from", csv}, both},
		{"one", []string{"--from", csv, "192.0.2.2:80"}, "192.0.2.2 80 19 global-step"},
		{"the same rows twice", []string{"--from", csv, "--from", csv, "192.0.2.2:80"}, "192.0.2.2 80 19 global-step"},
		{"two files", []string{"--from", csv, "--from", plain}, both + "; " + plain + " <nil> 12 constant"},
		{"one of two files", []string{"--from", plain, "--from", csv, "192.0.2.3:80"}, "192.0.2.3 80 1 unknown"},
	} {
		r := command(context.Background(), nil, append([]string{"isn", "-o", "json"}, tc.args...)...)
		if got := isnClasses(t, r); got != tc.want {
			t.Errorf("%s: exit %d, %s: %q, want %q", tc.name, r.code, r.err, got, tc.want)
		}
	}
	raw := filepath.Join(dir, "raw.csv")
	if r := command(context.Background(), nil, "isn", "--from", csv, "--from", plain, "--raw", raw); r.code != exitYes {
		t.Fatalf("--raw: exit %d, %s", r.code, r.err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "raw*.csv")); len(files) != 3 {
		t.Errorf("--raw wrote %v", files)
	}
	if r := command(context.Background(), nil, "isn", "--from", csv, "--from", filepath.Join(dir, "none.csv")); r.code != exitUsage || !strings.Contains(r.err, "none.csv") || r.out != "" {
		t.Errorf("one is not there: exit %d, %s", r.code, r.err)
	}
}
