package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

func stampOf(ns int64) time.Time { return time.Unix(ns/1e9, ns%1e9) }

// cleaned is what of a comment can be in a file.
func cleaned(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxComment)], "") }

// written is a file with a few packets, and those.
func written(t *testing.T) ([]byte, []Packet) {
	t.Helper()
	packets := []Packet{
		{Time: time.Unix(1700000000, 123456789), Direction: Outbound, Data: syn4(t), Comment: "open (syn-ack), 1 attempt"},
		{Time: time.Unix(1700000000, 123470001), Direction: Inbound, Data: syn6(t), Comment: "größer als π"},
		{Time: time.Unix(1700000001, 0), Data: syn4(t)},
	}
	var file bytes.Buffer
	w := newWriter(t, &file, "synscope test", "scan -p80 192.0.2.2")
	for i := range packets {
		if err := w.Write(&packets[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(packets[0].Time, packets[2].Time, 4); err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), packets
}

func TestWriterReadsBack(t *testing.T) {
	file, want := written(t)
	got, r, err := readAll(file)
	if err != nil || len(got) != len(want) || r.Dropped() != 4 {
		t.Fatalf("%d packets, %d dropped, %v", len(got), r.Dropped(), err)
	}
	for i, w := range want {
		g := got[i]
		if !g.Time.Equal(w.Time) || g.Direction != w.Direction || g.Comment != w.Comment || !g.Own ||
			!bytes.Equal(g.Data, w.Data) || g.Length != len(w.Data) || g.Link != LinkRaw {
			t.Errorf("packet %d: %+v, want %+v", i+1, g, w)
		}
	}
}

// TestWriterAgainstGopacket reads the file with another implementation.
func TestWriterAgainstGopacket(t *testing.T) {
	file, want := written(t)
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	if r.LinkType() != layers.LinkTypeRaw {
		t.Errorf("link type %v", r.LinkType())
	}
	for i, w := range want {
		data, info, err := r.ReadPacketData()
		if err != nil || !bytes.Equal(data, w.Data) || !info.Timestamp.Equal(w.Time) {
			t.Errorf("packet %d: %v, %v, %v", i+1, data, info.Timestamp, err)
		}
	}
}

// peer returns the path of a program, or skips the test.
func peer(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func onDisk(t testing.TB, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.pcapng")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWriterAgainstTshark(t *testing.T) {
	tshark := peer(t, "tshark")
	file, want := written(t)
	out, err := exec.Command(tshark, "-n", "-r", onDisk(t, file), "-T", "json",
		"-e", "frame.comment", "-e", "frame.time_epoch", "-e", "frame.p2p_dir",
		"-e", "frame.packet_flags_direction", "-e", "tcp.seq_raw", "-e", "tcp.flags.str").Output()
	if err != nil {
		t.Fatal(err)
	}
	var frames []struct {
		Source struct {
			Layers map[string][]string `json:"layers"`
		} `json:"_source"`
	}
	if err := json.Unmarshal(out, &frames); err != nil {
		t.Fatal(err)
	}
	if len(frames) != len(want) {
		t.Fatalf("tshark sees %d packets", len(frames))
	}
	for i, w := range want {
		g := frames[i].Source.Layers
		comment := strings.Join(g["frame.comment"], "|")
		stamp := fmt.Sprintf("%d.%09d", w.Time.Unix(), w.Time.Nanosecond())
		if comment != w.Comment || strings.Join(g["tcp.seq_raw"], "") != "1000" || !sameStamp(g["frame.time_epoch"], stamp) {
			t.Errorf("packet %d: tshark sees %v, want comment %q at %s", i+1, g, w.Comment, stamp)
		}
		direction := strings.Join(g["frame.packet_flags_direction"], "")
		if w.Direction != DirectionUnknown && !strings.HasSuffix(direction, fmt.Sprint(uint8(w.Direction))) {
			t.Errorf("packet %d: tshark sees direction %q, want %d", i+1, direction, w.Direction)
		}
	}
}

// sameStamp accepts both of the notations that tshark's versions have.
func sameStamp(got []string, epoch string) bool {
	if len(got) != 1 {
		return false
	}
	if at, err := time.Parse(time.RFC3339Nano, got[0]); err == nil {
		return fmt.Sprintf("%d.%09d", at.Unix(), at.Nanosecond()) == epoch
	}
	return got[0] == epoch
}

func TestWriterAgainstCapinfos(t *testing.T) {
	capinfos := peer(t, "capinfos")
	file, _ := written(t)
	out, err := exec.Command(capinfos, onDisk(t, file)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"pcapng", "Raw IP", "nanoseconds", "synscope test", "scan -p80 192.0.2.2"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("capinfos says nothing of %q:\n%s", want, out)
		}
	}
}

// torn is an output that takes part of one write, then nothing more.
type torn struct {
	kept []byte
	room int
}

var errTorn = errors.New("killed")

func (w *torn) Write(b []byte) (int, error) {
	n := min(len(b), w.room)
	w.kept, w.room = append(w.kept, b[:n]...), w.room-n
	if n < len(b) {
		return n, errTorn
	}
	return n, nil
}

// TestWriterKilledAnywhere ends a file at every byte: what was written whole
// reads back, and nothing else does.
func TestWriterKilledAnywhere(t *testing.T) {
	file, want := written(t)
	for n := range len(file) + 1 {
		got, _, err := readAll(file[:n])
		if err != nil && !errors.Is(err, ErrCut) && !errors.Is(err, ErrNotCapture) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if len(got) > len(want) {
			t.Fatalf("%d bytes: %d packets", n, len(got))
		}
		for i, g := range got {
			if !bytes.Equal(g.Data, want[i].Data) || g.Comment != want[i].Comment {
				t.Fatalf("%d bytes: packet %d is %+v", n, i+1, g)
			}
		}
	}
}

// TestWritesAreWholeBlocks looks at a file after each of the writer's writes.
func TestWritesAreWholeBlocks(t *testing.T) {
	log := &writes{}
	w := newWriter(t, log, "test", "")
	p := Packet{Time: time.Unix(1, 0), Data: make([]byte, 999), Comment: "filtered (no-response)"}
	for range 500 {
		if err := w.Write(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(p.Time, p.Time, 0); err != nil {
		t.Fatal(err)
	}
	if len(log.ends) < 5 || len(log.ends) > 20 {
		t.Errorf("%d writes", len(log.ends))
	}
	for _, n := range log.ends {
		if _, _, err := readAll(log.file[:n]); err != nil {
			t.Errorf("after a write, at %d bytes: %v", n, err)
		}
	}
}

type writes struct {
	file []byte
	ends []int
}

func (w *writes) Write(b []byte) (int, error) {
	w.file = append(w.file, b...)
	w.ends = append(w.ends, len(w.file))
	return len(b), nil
}

func TestWriterKeepsItsError(t *testing.T) {
	w := newWriter(t, &torn{room: 200}, "", "")
	p := Packet{Time: time.Unix(1, 0), Data: make([]byte, 500)}
	if err := errors.Join(w.Write(&p), w.Flush()); !errors.Is(err, errTorn) {
		t.Errorf("error %v", err)
	}
	if err := w.Write(&p); !errors.Is(err, errTorn) {
		t.Errorf("later error %v", err)
	}
}

func newWriter(t *testing.T, out io.Writer, application, comment string) *Writer {
	t.Helper()
	w, err := NewWriter(out, application, comment)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
