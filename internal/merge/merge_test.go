package merge

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/probe"
)

// open is Read of the files with these names.
func open(paths ...string) (*Scan, error) {
	var files []*os.File
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return Read(files...)
}

// file is what one process writes: of shard i of n, its part, and lines for
// ports; end is the rest of the file.
func file(shard, shards, part int, end string, ports ...string) string {
	text := fmt.Sprintf(`{"type":"run","schema":"synscope/1","version":"1","command":"scan","args":[],"engine":"raw","seed":7,"start":"2026-01-0%dT00:00:00Z"}`+"\n", part)
	text += fmt.Sprintf(`{"type":"shard","plan":"abc","seed":7,"shard":%d,"shards":%d,"targets":10,"technique":"syn","probes":2,"part":%d,"from":0}`+"\n", shard, shards, part)
	return text + strings.Join(ports, "") + end
}

func port(addr string, state string) string {
	return fmt.Sprintf(`{"type":"port","time":"2026-01-01T00:00:00.5Z","target":%q,"addr":%q,"port":80,"state":%q,"reason":"x","attempts":1}`+"\n", addr, addr, state)
}

// outcome is how a run ended.
type outcome string

const (
	complete outcome = "true" // as the field complete has it
	cutShort outcome = "false"
)

func summary(end outcome, states string) string {
	return fmt.Sprintf(`{"type":"summary","end":"2026-01-01T00:00:09Z","took_ns":9000000000,"complete":%s,"probes":10,"sent":20,"received":3,"matched":2,"rejected":{"duplicate":1},"kernel_drops":1,"states":{%s},"rate_pps":5.5}`+"\n", end, states)
}

// kept is a Recorder that remembers.
type kept struct {
	ports   map[netip.Addr]probe.State
	order   []string
	summary *record.Summary
	run     *record.Run
}

func (k *kept) Record(r record.Record) error {
	k.order = append(k.order, r.Type())
	switch r := r.(type) {
	case *record.Port:
		k.ports[r.Addr] = r.State
	case *record.Summary:
		k.summary = r
	case *record.Run:
		k.run = r
	}
	return nil
}

func write(t *testing.T, files ...string) []string {
	t.Helper()
	var paths []string
	dir := t.TempDir()
	for i, text := range files {
		path := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func merged(t *testing.T, files ...string) (*kept, error) {
	t.Helper()
	scan, err := open(write(t, files...)...)
	if err != nil {
		return nil, err
	}
	k := &kept{ports: map[netip.Addr]probe.State{}}
	return k, scan.Write(context.Background(), k, "2", []string{"merge"})
}

// Of a shard that was killed and resumed each port is written once, with the
// answer that proves more, and what nobody answered is silent.
func TestPartsOfAShard(t *testing.T) {
	k, err := merged(t,
		file(1, 1, 2, summary(complete, `"open":2`), port("192.0.2.1", "open"), port("192.0.2.2", "filtered"), port("192.0.2.4", "open")),
		file(1, 1, 1, `{"type":"port","addr":"192.0`, port("192.0.2.1", "refused"), port("192.0.2.2", "filtered"), port("192.0.2.3", "refused")),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]probe.State{"192.0.2.1": probe.StateOpen, "192.0.2.2": probe.StateFiltered, "192.0.2.3": probe.StateRefused, "192.0.2.4": probe.StateOpen}
	for addr, state := range want {
		if k.ports[netip.MustParseAddr(addr)] != state {
			t.Errorf("%s is %v, want %v", addr, k.ports[netip.MustParseAddr(addr)], state)
		}
	}
	if got := strings.Join(k.order, " "); got != "run port port port port summary" {
		t.Errorf("records: %s", got)
	}
	s := k.summary
	if s.Probes != 10 || s.Sent != 20 || s.States[probe.StateFiltered] != 7 || s.States[probe.StateOpen] != 2 || s.States[probe.StateRefused] != 1 || !s.Complete {
		t.Errorf("summary %+v", s)
	}
	if k.run.Start.Day() != 1 || k.run.Version != "2" || k.run.Command != "merge" {
		t.Errorf("run %+v", k.run)
	}
}

// Shards add up, whatever their order; their rates too, and the longest says how
// long it took.
func TestShardsAddUp(t *testing.T) {
	k, err := merged(t, file(2, 2, 1, summary(complete, `"open":1,"filtered":9`), port("192.0.2.2", "open")),
		file(1, 2, 1, summary(complete, `"open":1,"filtered":9`), port("192.0.2.1", "open")))
	if err != nil {
		t.Fatal(err)
	}
	rate, _ := k.summary.Rate.Get()
	if s := k.summary; s.Probes != 20 || s.Sent != 40 || s.States[probe.StateOpen] != 2 || s.States[probe.StateFiltered] != 18 ||
		s.Took.Seconds() != 9 || rate != 11 || s.KernelDrops != 2 || s.Rejected["duplicate"] != 2 {
		t.Errorf("summary %+v", s)
	}
}

// What is not whole is refused, and the sentence names what is wrong.
func TestRefused(t *testing.T) {
	done := summary(complete, `"open":1`)
	other := strings.Replace(file(2, 2, 1, done), `"plan":"abc"`, `"plan":"xyz"`, 1)
	for want, files := range map[string][]string{
		"shard 2 of 2 missing":          {file(1, 2, 1, done)},
		"shards 2-4 of 4 missing":       {file(1, 4, 1, done)},
		"was cut short":                 {file(1, 1, 1, "")},
		"finish it with --resume":       {file(1, 1, 1, summary(cutShort, ""))},
		"part 1 of shard 1/1 missing":   {file(1, 1, 2, done)},
		"are both part 1":               {file(1, 1, 1, done), file(1, 1, 1, done)},
		"other targets":                 {file(1, 2, 1, done), other},
		"is impossible":                 {file(3, 2, 1, done)},
		"is not the output of a shard":  {`{"type":"run"}` + "\n" + done + "\n"},
		"holds no results of a scan":    {`{"type":"run"}` + "\n"},
		"its process ended as it began": {""},
		"holds no run":                  {"hello\n"},
		"which no record is":            {file(1, 1, 1, strings.Repeat("x", longestLine+1)+"\n"+done)},
		"nothing to merge":              {},
		"no record: no JSON":            {file(1, 1, 1, done, "\x00\n")},
		`"port" cannot be a number -1`:  {file(1, 1, 1, done, strings.Replace(port("192.0.2.1", "open"), ":80,", ":-1,", 1))},
	} {
		if _, err := merged(t, files...); err == nil || !strings.Contains(strings.Replace(err.Error(), "is missing", "missing", 1), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := open(filepath.Join(t.TempDir(), "nothing")); !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
}

// What one part could not tell stays unknown in the whole.
func TestUnknownStaysUnknown(t *testing.T) {
	k, err := merged(t, file(1, 1, 1, summary(cutShort, `"unknown":3,"filtered":2`)), file(1, 1, 2, summary(complete, `"open":1`), port("192.0.2.1", "open")))
	if err != nil {
		t.Fatal(err)
	}
	if s := k.summary.States; s[probe.StateUnknown] != 3 || s[probe.StateFiltered] != 6 || s[probe.StateOpen] != 1 {
		t.Errorf("states %v", s)
	}
}

// A process that was killed before its first checkpoint is followed by another
// of the same part.
func TestKilledBeforeTheFirstCheckpoint(t *testing.T) {
	k, err := merged(t, file(1, 1, 1, summary(complete, `"open":1`), port("192.0.2.1", "open")), file(1, 1, 1, "", port("192.0.2.9", "refused")))
	if err != nil || len(k.ports) != 2 {
		t.Errorf("%v, %v", err, k)
	}
}

// One that was killed as it began wrote its run record, a piece of it, or nothing,
// and takes nothing from the others.
func TestKilledAsItBegan(t *testing.T) {
	whole := file(1, 1, 1, summary(complete, `"open":1`), port("192.0.2.1", "open"))
	run, _, _ := strings.Cut(whole, "\n")
	for _, left := range []string{"", run[:20], run + "\n", run + "\n" + run + "\n"} {
		for _, files := range [][]string{{left, whole}, {whole, left}} {
			k, err := merged(t, files...)
			if err != nil || len(k.ports) != 1 {
				t.Errorf("%q: %v, %v", files, err, k)
			}
		}
	}
}

// A process that was killed while it wrote, and another that wrote to the end of the
// same file, as `>> file` has it, are two parts.
func TestTornAndAppended(t *testing.T) {
	first := file(1, 1, 1, `{"type":"port","addr":"192.0`, port("192.0.2.9", "refused"))
	k, err := merged(t, first+file(1, 1, 2, summary(complete, `"open":1`), port("192.0.2.1", "open")))
	if err != nil || len(k.ports) != 2 || k.summary.States[probe.StateFiltered] != 8 {
		t.Errorf("%v, %+v", err, k)
	}
}

func TestInterrupted(t *testing.T) {
	scan, err := open(write(t, file(1, 1, 1, summary(complete, "")))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := scan.Write(ctx, &kept{}, "", nil); err != context.Canceled {
		t.Errorf("%v", err)
	}
}

// Whatever the files hold, merging ends, and writes each port once.
func FuzzMerge(f *testing.F) {
	f.Add([]byte(file(1, 1, 1, summary(complete, `"open":1`), port("192.0.2.1", "open"))), []byte(""))
	f.Add([]byte(file(2, 2, 1, summary(complete, `"open":1`), port("::1", "open|filtered"))), []byte(file(1, 2, 1, summary(complete, ""))))
	f.Add([]byte(file(1, 1, 1, "", port("192.0.2.1", "open"))), []byte(file(1, 1, 2, summary(complete, ""), port("192.0.2.1", "refused"))))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		dir := t.TempDir()
		paths := []string{filepath.Join(dir, "a")}
		os.WriteFile(paths[0], a, 0o600)
		if len(b) > 0 {
			paths = append(paths, filepath.Join(dir, "b"))
			os.WriteFile(paths[1], b, 0o600)
		}
		scan, err := open(paths...)
		if err != nil {
			return
		}
		var out bytes.Buffer
		seen := map[netip.AddrPort]bool{}
		scan.Write(context.Background(), recorder(func(r record.Record) error {
			out.Write(rows.AppendJSON(nil, r))
			if p, ok := r.(*record.Port); ok && scan.parts[0].shard.Shards == 1 {
				pair := netip.AddrPortFrom(p.Addr, p.Port)
				if seen[pair] {
					t.Errorf("%v twice", pair)
				}
				seen[pair] = true
			}
			return nil
		}), "", nil)
	})
}

type recorder func(record.Record) error

func (f recorder) Record(r record.Record) error { return f(r) }
