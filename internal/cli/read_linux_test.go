package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/capture"
)

// captured is a pcapng file of one connection that is accepted and one that is
// refused.
func captured(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddrPort("192.0.2.1:40000")
	open, closed := netip.MustParseAddrPort("192.0.2.2:80"), netip.MustParseAddrPort("192.0.2.2:81")
	at := time.Unix(1_700_000_000, 0)
	for _, p := range []struct {
		after    time.Duration
		src, dst netip.AddrPort
		seq, ack craft.Seq
		flags    craft.Flags
	}{
		{0, client, open, 100, 0, craft.SYN},
		{20 * time.Millisecond, open, client, 900, 101, craft.SYN | craft.ACK},
		{30 * time.Microsecond, client, open, 101, 901, craft.ACK},
		{time.Millisecond, client, closed, 500, 0, craft.SYN},
		{20 * time.Millisecond, closed, client, 0, 501, craft.RST | craft.ACK},
	} {
		at = at.Add(p.after)
		s := craft.Segment{Src: p.src, Dst: p.dst, TTL: 64, Seq: p.seq, Ack: p.ack, Flags: p.flags, Window: 512}
		direction := capture.Outbound
		if p.src != client {
			s.TTL, direction = 57, capture.Inbound
		}
		data, err := s.AppendTo(nil)
		if err == nil {
			err = w.Write(&capture.Packet{Time: at, Direction: direction, Data: data})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(at, at, 2); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// readIt runs read on a file of that content.
func readIt(t *testing.T, content []byte, args ...string) ran {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pcapng")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return command(context.Background(), nil, append(append([]string{"read"}, args...), path)...)
}

func TestReadRecords(t *testing.T) {
	r := readIt(t, captured(t), "-o", "json", "--segments")
	list := records(t, r.out)
	var got []string
	for _, record := range list {
		line := record.str("type")
		switch line {
		case "handshake":
			line += fmt.Sprintf(" %v %s %s %v %s", record["port"], record.str("state"), record.str("reason"), record["rtt_ns"], record.str("view"))
		case "segment":
			line += fmt.Sprintf(" %s %s %s %s", record.str("dir"), record.str("flags"), record.str("local_state"), record.str("peer_state"))
		case "summary":
			line += fmt.Sprintf(" %v %v %v %v", record["complete"], record["packets"], record["connections"], record["kernel_drops"])
		}
		got = append(got, line)
	}
	want := []string{
		"run",
		"segment out S SYN_SENT ",
		"segment in S. ESTABLISHED SYN_RECEIVED",
		"segment out . ESTABLISHED ESTABLISHED",
		"segment out S SYN_SENT ",
		"segment in R. CLOSED CLOSED",
		"handshake 80 open syn-ack 2e+07 client",
		"handshake 81 refused reset 2e+07 client",
		"summary true 5 2 2",
	}
	if r.code != exitYes || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("exit %d, %s\ngot\n%s\nwant\n%s", r.code, r.err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReadText(t *testing.T) {
	r := readIt(t, captured(t), "-v")
	for _, want := range []string{
		"192.0.2.1:40000 > 192.0.2.2:80", "20.0 ms", "SYN_RECEIVED", "refused",
		"2 connection attempts in 5 packets: 1 open, 1 refused", "the capture lost 2 packets",
	} {
		if !strings.Contains(r.out, want) {
			t.Errorf("nothing of %q in\n%s", want, r.out)
		}
	}
}

// TestReadBadFiles: what could be read comes first, then the error, and 2.
func TestReadBadFiles(t *testing.T) {
	good := captured(t)
	for _, c := range []struct {
		name       string
		content    []byte
		out, words string
	}{
		{"cut", good[:len(good)-120], `"type":"handshake"`, "cut short"},
		{"corrupt", append(append([]byte{}, good...), "rubbish at the end"...), `"state":"refused"`, "packet 6, offset"},
		{"no capture", []byte("GIF89a, say"), `"fault":`, "not a capture file: it begins with 47 49 46 38"},
		{"empty", nil, `"fault":`, "it is empty"},
	} {
		r := readIt(t, c.content, "-o", "json")
		if r.code != exitUsage || !strings.Contains(r.err, c.words) || !strings.Contains(r.out, c.out) {
			t.Errorf("%s: exit %d, %q\n%s", c.name, r.code, r.err, r.out)
		}
	}
	if r := command(context.Background(), nil, "read", "/nowhere/file.pcap"); r.code != exitUsage {
		t.Errorf("no file: exit %d, %s", r.code, r.err)
	}
	if r := command(context.Background(), nil, "read"); r.code != exitUsage || r.out != "" {
		t.Errorf("no name: exit %d, %s", r.code, r.err)
	}
}
