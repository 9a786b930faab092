package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/capture"
)

// pcapngOf is a capture of packets, and of losses of the sniffer.
func pcapngOf(t *testing.T, lost uint64, packets ...capture.Packet) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, "test", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range packets {
		err = cmp.Or(err, w.Write(&packets[i]))
	}
	last := packets[len(packets)-1].Time
	if err = cmp.Or(err, w.Close(last, last, lost)); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// packetAt is a segment that was captured then.
func packetAt(t *testing.T, at time.Time, s craft.Segment) capture.Packet {
	t.Helper()
	data, err := s.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return capture.Packet{Time: at, Data: data}
}

// captured is a pcapng file of one connection that is accepted and one that is
// refused.
func captured(t *testing.T) []byte {
	t.Helper()
	client := netip.MustParseAddrPort("192.0.2.1:40000")
	open, closed := netip.MustParseAddrPort("192.0.2.2:80"), netip.MustParseAddrPort("192.0.2.2:81")
	at := time.Unix(1_700_000_000, 0)
	var packets []capture.Packet
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
		packet := packetAt(t, at, s)
		packet.Direction = direction
		packets = append(packets, packet)
	}
	return pcapngOf(t, 2, packets...)
}

// readIt runs read on a file of that content.
func readIt(t *testing.T, content []byte, args ...string) ran {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.pcapng")
	writeFile(t, path, content, 0o644)
	return command(context.Background(), nil, append(append([]string{"read"}, args...), path)...)
}

func TestReadRecords(t *testing.T) {
	r := readIt(t, captured(t), "-o", "json", "--segments")
	list := records(t, r.out)
	var got []string
	for _, jsonRecord := range list {
		line := jsonRecord.str("type")
		switch line {
		case "handshake":
			line += fmt.Sprintf(" %v %s %s %v %s", jsonRecord["port"], jsonRecord.str("state"), jsonRecord.str("reason"), jsonRecord["rtt_ns"], jsonRecord.str("view"))
		case "segment":
			line += fmt.Sprintf(" %s %s %s %s", jsonRecord.str("dir"), jsonRecord.str("flags"), jsonRecord.str("local_state"), jsonRecord.str("peer_state"))
		case "summary":
			line += fmt.Sprintf(" %v %v %v %v", jsonRecord["complete"], jsonRecord["packets"], jsonRecord["connections"], jsonRecord["kernel_drops"])
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

// TestReadBadFiles: what could be read comes first, then the error. A capture
// that is cut short is a run that was cut short, anything else a wrong file.
func TestReadBadFiles(t *testing.T) {
	good := captured(t)
	for _, c := range []struct {
		name       string
		content    []byte
		code       int
		out, words string
	}{
		{"cut", good[:len(good)-120], exitInterrupted, `"type":"handshake"`, "cut short"},
		{"corrupt", append(append([]byte{}, good...), "rubbish at the end"...), exitUsage, `"state":"refused"`, "packet 6, offset"},
		{"no capture", []byte("GIF89a, say"), exitUsage, `"fault":`, "not a capture file: it begins with 47 49 46 38"},
		{"empty", nil, exitUsage, `"fault":`, "it is empty"},
	} {
		r := readIt(t, c.content, "-o", "json")
		if r.code != c.code || !strings.Contains(r.err, c.words) || !strings.Contains(r.out, c.out) {
			t.Errorf("%s: exit %d, %q\n%s", c.name, r.code, r.err, r.out)
		}
	}
	if r := command(context.Background(), nil, "read", "/nowhere/file.pcap"); r.code != exitUsage {
		t.Errorf("no file: exit %d, %s", r.code, r.err)
	}
	if r := command(context.Background(), nil, "read"); r.code != exitUsage || r.out != "" {
		t.Errorf("no name: exit %d, %s", r.code, r.err)
	}
	for _, args := range [][]string{{"--filter", "udp"}, {"--summary-by", "colour"}, {"--isn", "/nowhere/x.csv"}, {"--summary-by", "port", "-o", "csv"}} {
		if r := readIt(t, good, args...); r.code != exitUsage || r.out != "" {
			t.Errorf("%v: exit %d, %s", args, r.code, r.err)
		}
	}
}

// TestReadForeignInterface: an interface whose link type nobody knows is left
// out and remarked on, unless there is nothing else.
func TestReadForeignInterface(t *testing.T) {
	good := captured(t)
	foreign := func(link byte) []byte { // a section with an interface and one packet
		return []byte{
			0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 28, 0, 0, 0,
			1, 0, 0, 0, 20, 0, 0, 0, link, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0,
			3, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4, 20, 0, 0, 0,
		}
	}
	r := readIt(t, append(append([]byte{}, good...), foreign(147)...), "-o", "json")
	list := records(t, r.out)
	if last := list[len(list)-1]; r.code != exitYes || last["complete"] != true || !strings.Contains(last.str("remark"), "link type 147") {
		t.Errorf("exit %d, %s\n%s", r.code, r.err, r.out)
	}
	if r := readIt(t, foreign(147), "-o", "json"); r.code != exitUsage || !strings.Contains(r.err, "link type 147") {
		t.Errorf("nothing else: exit %d, %s", r.code, r.err)
	}
}

// TestReadSeveralFiles reads a capture in two halves, given in either order.
func TestReadSeveralFiles(t *testing.T) {
	dir := t.TempDir()
	whole := captured(t)
	halves := split(t, whole, 2)
	for i, b := range halves {
		writeFile(t, filepath.Join(dir, fmt.Sprint(i)), b, 0o644)
	}
	for _, order := range [][2]string{{"0", "1"}, {"1", "0"}} {
		a, b := filepath.Join(dir, order[0]), filepath.Join(dir, order[1])
		r := command(context.Background(), nil, "read", "-o", "json", a, b)
		var got []string
		for _, jsonRecord := range records(t, r.out) {
			if jsonRecord.str("type") == "handshake" {
				got = append(got, fmt.Sprintf("%v %s %v %s %v %s", jsonRecord["port"], jsonRecord.str("state"), jsonRecord["rtt_ns"],
					filepath.Base(jsonRecord.str("file")), jsonRecord["first_packet"], filepath.Base(jsonRecord.str("last_file"))))
			}
		}
		if want := []string{"80 open 2e+07 0 1 1", "81 refused 2e+07 1 2 ."}; strings.Join(got, "; ") != strings.Join(want, "; ") {
			t.Errorf("exit %d, %s: %q", r.code, r.err, got)
		}
	}
}

// split parts a capture after some packets.
func split(t *testing.T, file []byte, after int) (halves [2][]byte) {
	t.Helper()
	r, err := capture.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var packets [2][]capture.Packet
	var p capture.Packet
	for n := 0; r.Next(&p) == nil; n++ {
		p.Data = bytes.Clone(p.Data)
		i := min(n/after, 1)
		packets[i] = append(packets[i], p)
	}
	for i, list := range packets {
		var b bytes.Buffer
		w, err := capture.NewWriter(&b, "test", "")
		if err != nil {
			t.Fatal(err)
		}
		for j := range list {
			if err := w.Write(&list[j]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(list[0].Time, list[0].Time, 0); err != nil {
			t.Fatal(err)
		}
		halves[i] = b.Bytes()
	}
	return halves
}

// TestReadGroups sums up by each kind of end.
func TestReadGroups(t *testing.T) {
	for by, want := range map[string]string{
		"client": "192.0.2.1 2 1 1 0 2e+07",
		"server": "192.0.2.2:80 1 1 0 0 2e+07; 192.0.2.2:81 1 0 1 0 2e+07",
		"port":   "80 1 1 0 0 2e+07; 81 1 0 1 0 2e+07",
	} {
		r := readIt(t, captured(t), "-o", "json", "--summary-by", by)
		var got []string
		for _, g := range records(t, r.out) {
			switch g.str("type") {
			case "handshake":
				t.Errorf("%s: a connection is told of", by)
			case "group":
				got = append(got, fmt.Sprintf("%s %v %v %v %v %v", g.str("key"), g["attempts"], g["open"], g["refused"], g["unanswered"], g["p50_ns"]))
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: exit %d, %s: %q", by, r.code, r.err, got)
		}
	}
}

// TestReadFilter follows what an expression asks for.
func TestReadFilter(t *testing.T) {
	r := readIt(t, captured(t), "-o", "json", "--filter", "host 192.0.2.2 and port 81")
	list := records(t, r.out)
	last := list[len(list)-1]
	if r.code != exitYes || last["connections"] != 1.0 || last["unwanted"] != 3.0 {
		t.Errorf("exit %d, %s\n%s", r.code, r.err, r.out)
	}
}

// TestReadPipe: from a pipe, connections are told of while it goes on, and an
// interrupt ends the run with its summary.
func TestReadPipe(t *testing.T) {
	t.Parallel()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	file := captured(t)
	if _, err := out.Write(file); err != nil { // and no end of it
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	lines := make(signalling, 64)
	done := make(chan int)
	s := Streams{In: in, Out: lines, Err: io.Discard, Env: bareEnv}
	go func() { done <- Main(ctx, []string{"synscope", "read", "-o", "json", "-"}, s) }()
	refused, going := false, false
	for !refused || !going {
		line := <-lines
		refused = refused || strings.Contains(line, `"state":"refused"`)
		going = going || strings.Contains(line, `"state":"open"`) && strings.Contains(line, `"end":"going-on"`)
	}
	cancel()
	summary := ""
	for summary == "" {
		if line := <-lines; strings.Contains(line, `"type":"summary"`) {
			summary = line
		}
	}
	if code := <-done; code != exitInterrupted || !strings.Contains(summary, `"complete":false`) || !strings.Contains(summary, `"connections":2`) {
		t.Errorf("exit %d, %s", code, summary)
	}
}

// signalling hands on what is written to it.
type signalling chan string

func (s signalling) Write(b []byte) (int, error) {
	s <- string(b)
	return len(b), nil
}
