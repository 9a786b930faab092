package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/checkpoint"
	"synscope/probe/simnet"
	"synscope/probe/wide"
)

// synthetic is what answers in these tests.
var synthetic = &simnet.Synthetic{Seed: 4, Open: 0.2, Refused: 0.2}

// overModel runs a stateless scan's command line over a network in memory, in
// real time, as the program does once its engine is open.
func overModel(ctx context.Context, s Streams, edit func(*wide.Config), args ...string) int {
	return overPath(ctx, simnet.Path{Delay: time.Millisecond}, s, edit, args...)
}

// overPath does so over a network that is like that both ways.
func overPath(ctx context.Context, path simnet.Path, s Streams, edit func(*wide.Config), args ...string) int {
	net := simnet.New(simnet.Config{Out: path, Back: path})
	net.Handle(netip.MustParsePrefix("0.0.0.0/0"), synthetic)
	net.Handle(netip.MustParsePrefix("::/0"), synthetic)
	scan := scanCommand(s)
	scan.Action = func(c *cli.Context) error {
		j, err := newScan(c.Context, s, scanOptionsOf(c))
		if err != nil {
			return err
		}
		unlock, err := j.lockCheckpoint()
		if err != nil {
			return err
		}
		defer unlock()
		if done, err := j.beginCheckpoint(); done || err != nil {
			return err
		}
		cfg := j.stateless()
		edit(&cfg)
		conn := net.Conn(mostPerTarget(&cfg))
		defer conn.Close()
		b, err := wide.NewBlaster(conn, cfg)
		if err != nil {
			return err
		}
		return j.runOver(ctx, &blaster{Blaster: b, name: "simnet"}, cfg)
	}
	app := newApp(s)
	for i, c := range app.Commands {
		if c.Name == "scan" {
			app.Commands[i] = scan
		}
	}
	s.Args = args
	ordered, err := arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, append([]string{"synscope"}, ordered...))
	}
	if message := explain(err); message != "" {
		s.Err.Write([]byte("synscope: " + message + "\n"))
	}
	return exitCode(err)
}

func modelled(t *testing.T, args ...string) ran {
	t.Helper()
	return modelledOver(t, simnet.Path{Delay: time.Millisecond}, args...)
}

func modelledOver(t *testing.T, path simnet.Path, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	s := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: bareEnv}
	code := overPath(t.Context(), path, s, func(*wide.Config) {}, append([]string{"scan", "--stateless", "--timeout", "50ms", "--rate", "200k"}, args...)...)
	return ran{code, out.String(), errs.String()}
}

// found are the states in JSON lines, and the types of the records in order
// with equal neighbours as one.
func found(t *testing.T, text string) (ports map[netip.AddrPort]string, types []string) {
	t.Helper()
	ports = map[netip.AddrPort]string{}
	for line := range strings.Lines(text) {
		var r jsonRecord
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if kind := r.str("type"); len(types) == 0 || types[len(types)-1] != kind {
			types = append(types, kind)
		}
		if r.str("type") == "port" {
			if _, twice := ports[r.pair()]; twice {
				t.Fatalf("%v is listed twice", r.pair())
			}
			ports[r.pair()] = r.str("state")
		}
	}
	return ports, types
}

// agrees compares what was found in a prefix with the oracle.
func agrees(t *testing.T, ports map[netip.AddrPort]string, prefix string, port uint16) {
	t.Helper()
	words := map[simnet.Outcome]string{simnet.Open: "open", simnet.Refused: "refused"}
	p := netip.MustParsePrefix(prefix)
	targets := 0
	for a := p.Addr(); p.Contains(a); a = a.Next() {
		pair := netip.AddrPortFrom(a, port)
		if targets++; ports[pair] != words[synthetic.Expect(pair)] {
			t.Fatalf("%v is %q, want %q", pair, ports[pair], words[synthetic.Expect(pair)])
		}
	}
	if len(ports) > targets {
		t.Errorf("%d ports of %d targets", len(ports), targets)
	}
}

func TestStatelessRecords(t *testing.T) {
	for _, prefix := range []string{"10.0.0.0/22", "2001:db8::/118"} {
		r := modelled(t, "-o", "json", "-p", "80", "--seed", "5", prefix)
		if r.code != exitYes {
			t.Fatalf("exit %d: %s", r.code, r.err)
		}
		ports, types := found(t, r.out)
		agrees(t, ports, prefix, 80)
		if got := strings.Join(types, " "); got != "run shard port summary" {
			t.Errorf("records: %s", got)
		}
	}
}

// Where packets are lost, each target gets more probes, and the run says how much is
// lost and how sure silence is; a number that was asked for is kept.
func TestStatelessFollowsTheLoss(t *testing.T) {
	lossy := simnet.Path{Delay: time.Millisecond, Loss: 0.2}
	for _, tc := range []struct {
		retries     []string
		least, most float64 // probes a target
	}{{nil, 5, 12}, {[]string{"--max-retries", "1"}, 2, 2}, {[]string{"--max-retries", "11"}, 12, 12}} {
		r := modelledOver(t, lossy, append(tc.retries, "-o", "json", "-p", "80", "10.0.0.0/20")...)
		all := records(t, r.out)
		sum := all[len(all)-1]
		each := sum["sent"].(float64) / sum["probes"].(float64)
		if loss, _ := sum["loss"].(float64); r.code != exitYes || each < tc.least || each > tc.most || loss < 0.25 || loss > 0.5 {
			t.Errorf("%v: exit %d, %.1f probes a target: %v", tc.retries, r.code, each, sum)
		}
		ports, _ := found(t, r.out)
		open, missed := 0, 0
		p := netip.MustParsePrefix("10.0.0.0/20")
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			pair := netip.AddrPortFrom(a, 80)
			if synthetic.Expect(pair) == simnet.Open {
				if open++; ports[pair] != "open" {
					missed++
				}
			}
		}
		sure, _ := sum["confidence"].(float64)
		if off := float64(missed)/float64(open) - (1 - sure); off > 0.08 || off < -0.08 || each > 2 && missed*100 > open {
			t.Errorf("%v: %d of %d open ports missed at a confidence of %v", tc.retries, missed, open, sure)
		}
		if !strings.Contains(r.err, "of the probes of ports that answer came to nothing") {
			t.Errorf("%v: said %q", tc.retries, r.err)
		}
	}
	if r := modelled(t, "-o", "json", "-p", "80", "10.0.0.0/24"); strings.Contains(r.err, "came to nothing") || !strings.Contains(r.out, `"loss":0,`) {
		t.Errorf("nothing is lost: %s%s", r.err, r.out)
	}
}

func TestStatelessExpect(t *testing.T) {
	if r := modelled(t, "-p", "80", "--expect", "open", "10.0.0.0/24"); r.code != exitNo || !strings.Contains(r.err, "expected open, found ") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}

// Shards joined are the scan in one; what does not belong together, or is not
// all there, is refused.
func TestMergeShards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shardFile := func(name string, args ...string) string {
		path := filepath.Join(dir, name)
		if r := modelled(t, append(args, "-oJ", path)...); r.code != exitYes {
			t.Fatalf("exit %d: %s", r.code, r.err)
		}
		return path
	}
	plan := []string{"-p", "80", "--seed", "7", "10.0.0.0/22"}
	files := []string{}
	for _, i := range []string{"3/3", "1/3", "2/3"} {
		files = append(files, shardFile("shard-"+i[:1], append(plan, "--shard", i)...))
	}
	r := command(t.Context(), nil, append([]string{"merge", "-o", "json"}, files...)...)
	ports, types := found(t, r.out)
	if r.code != exitYes || strings.Join(types, " ") != "run port summary" {
		t.Fatalf("exit %d, records %v: %s", r.code, types, r.err)
	}
	agrees(t, ports, "10.0.0.0/22", 80)
	if sum := records(t, r.out); sum[len(sum)-1]["probes"] != 1024.0 || sum[len(sum)-1]["sent"].(float64) < 2048 {
		t.Errorf("summary %v", sum[len(sum)-1])
	}

	seed := shardFile("seed", "-p", "80", "--seed", "8", "--shard", "2/3", "10.0.0.0/22")
	ports81 := shardFile("ports", "-p", "81", "--seed", "7", "--shard", "2/3", "10.0.0.0/22")
	four := shardFile("four", "-p", "80", "--seed", "7", "--shard", "2/4", "10.0.0.0/22")
	cut := filepath.Join(dir, "cut")
	whole, _ := os.ReadFile(files[2])
	os.WriteFile(cut, whole[:len(whole)/2], 0o644)
	text := filepath.Join(dir, "text")
	os.WriteFile(text, []byte("192.0.2.1 80/tcp open\n"), 0o644)
	for want, args := range map[string][]string{
		"shard 2 of 3 missing":               {files[0], files[1]},
		"shards 2-3 of 3 missing":            {files[1]},
		"are both part 1 of shard 2/3":       {files[0], files[1], files[2], files[2]},
		"seed 8, not 7":                      {files[0], files[1], seed},
		"other targets, exclusions or ports": {files[0], files[1], ports81},
		"one of 4 shards, not of 3":          {files[0], files[1], four},
		"shard 2/3 was cut short":            {files[0], files[1], cut},
		"holds no run of synscope":           {files[0], text},
		"no such file":                       {files[0], filepath.Join(dir, "nothing")},
		"is read by this run already":        {files[0], files[1], files[2], "-oJ", files[1]},
		"no file: `synscope merge FILE...`":  {},
	} {
		if r := command(t.Context(), nil, append([]string{"merge"}, args...)...); r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("exit %d: got %q, want %q", r.code, r.err, want)
		}
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err != nil || len(b) == 0 {
			t.Errorf("%s was touched: %v", f, err)
		}
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	r := modelled(t, "-p", "1-200", "-oJ", "/dev/full", "10.0.0.0/20")
	if r.code != exitInterrupted || !strings.Contains(r.err, "/dev/full") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}

// A checkpoint of another run, or one that is cut short, is refused, and left
// as it is, like the results that are there.
func TestWrongCheckpoint(t *testing.T) {
	dir := t.TempDir()
	ckpt, out := filepath.Join(dir, "ckpt"), filepath.Join(dir, "out.jsonl")
	plan := []string{"-p", "80", "--seed", "7", "--shard", "1/2", "10.0.0.0/24", "--resume", ckpt, "-oJ", out}
	if r := modelled(t, plan...); r.code != exitYes {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	results, _ := os.ReadFile(out)
	whole, _ := os.ReadFile(ckpt)
	if r := modelled(t, plan...); r.code != exitYes || !strings.Contains(r.err, "nothing is left") {
		t.Errorf("again: exit %d: %s", r.code, r.err)
	}
	for want, change := range map[string][2]string{
		"the seed was 7, is 8":                          {"7", "8"},
		"the shard was 1/2, is 2/2":                     {"1/2", "2/2"},
		"the number of targets was 128":                 {"10.0.0.0/24", "10.0.0.0/23"},
		"targets, exclusions or ports are not the same": {"10.0.0.0/24", "10.0.1.0/24"},
	} {
		args := strings.Split(strings.ReplaceAll(strings.Join(plan, "\x00"), change[0]+"\x00", change[1]+"\x00"), "\x00")
		if r := modelled(t, args...); r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("%v: exit %d: %q, want %q", change, r.code, r.err, want)
		}
	}
	os.WriteFile(ckpt, whole[:len(whole)-20], 0o644)
	if r := modelled(t, plan...); r.code != exitUsage || !strings.Contains(r.err, "cut short or was changed") {
		t.Errorf("truncated: exit %d: %s", r.code, r.err)
	}
	if after, _ := os.ReadFile(out); !bytes.Equal(after, results) {
		t.Error("the results were touched")
	}
}

// killedChild is set for the process that TestKilledAndResumed kills.
const killedChild = "SYNSCOPE_TEST_KILLED"

// TestKilledChild is that process; in any other it has nothing to test.
func TestKilledChild(t *testing.T) {
	args := os.Getenv(killedChild)
	if args == "" {
		return
	}
	s := OSStreams()
	code := overModel(t.Context(), s, func(cfg *wide.Config) { cfg.CheckpointEvery = 20 * time.Millisecond }, strings.Fields(args)...)
	os.Exit(code)
}

// Processes are killed with SIGKILL at random moments, and the next goes on.
// What they wrote, joined, is everything, once.
func TestKilledAndResumed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "out.jsonl")
	args := "scan --stateless -p 80 10.0.0.0/17 --rate 60k --timeout 40ms --resume " + filepath.Join(dir, "ckpt") + " -oJ " + out
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	kills := 0
	for finished := false; !finished; {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledChild$")
		child.Env = append(os.Environ(), killedChild+"="+args)
		var said bytes.Buffer
		child.Stdout, child.Stderr = &said, &said
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		var reached <-chan time.Time
		if kills < 5 {
			reached = time.After(time.Duration(100+rng.IntN(400)) * time.Millisecond)
		}
		select {
		case err := <-ended:
			if finished = true; err != nil {
				t.Fatalf("after %d kills: %v\n%s", kills, err, said.String())
			}
		case <-reached:
			kills++
			child.Process.Kill()
			<-ended
		}
	}
	parts, err := filepath.Glob(out + "*")
	if err != nil || kills == 0 {
		t.Fatal(err, kills)
	}
	r := command(t.Context(), nil, append([]string{"merge", "-o", "json"}, parts...)...)
	if r.code != exitYes {
		t.Fatalf("after %d kills: exit %d: %s", kills, r.code, r.err)
	}
	ports, _ := found(t, r.out)
	agrees(t, ports, "10.0.0.0/17", 80)
	t.Logf("%d kills, %d parts", kills, len(parts))
}

// Two processes do not work on one run at a time.
func TestLockedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	ckpt := filepath.Join(dir, "ckpt")
	unlock, err := checkpoint.Lock(ckpt)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-p", "80", "10.0.0.0/24", "--resume", ckpt}
	if r := modelled(t, args...); r.code != exitUsage || !strings.Contains(r.err, "another process") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	unlock()
	if r := modelled(t, args...); r.code != exitYes {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}

// What is excluded when a run is resumed is not probed any more, and what was
// excluded when it began is not probed either, wherever the list says so.
func TestExclusionsOfAResumedRunOnlyGrow(t *testing.T) {
	dir := t.TempDir()
	ckpt, out, list := filepath.Join(dir, "ckpt"), filepath.Join(dir, "out"), filepath.Join(dir, "never")
	args := []string{"-p", "80", "10.0.0.0/20", "--resume", ckpt, "-oJ", out, "--exclude-file", list}
	os.WriteFile(list, []byte("10.0.1.0/24 # ours\n10.0.2.0/24"), 0o600)
	var said bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := Streams{In: strings.NewReader(""), Out: &countdown{left: 20, done: cancel}, Err: &said, Env: bareEnv}
	first := overModel(ctx, s, func(*wide.Config) {}, append([]string{"scan", "--stateless", "--timeout", "50ms", "--rate", "1k", "-o", "json"}, args...)...)
	if first != exitInterrupted {
		t.Fatalf("exit %d: %s", first, said.String())
	}
	os.WriteFile(list, []byte("10.0.2.0/24\n10.0.3.0/24\n10.0.4.0/25\n"), 0o600)
	r := modelled(t, args...)
	if r.code != exitYes || !strings.Contains(r.err, "the exclusions have changed") {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	probed := func(file string) map[netip.AddrPort]string {
		text := readFile(t, file)
		ports, _ := found(t, string(text))
		return ports
	}
	before, after := probed(out+".1"), probed(out)
	for _, never := range []string{"10.0.1.0/24", "10.0.2.0/24"} {
		for pair := range before {
			if netip.MustParsePrefix(never).Contains(pair.Addr()) {
				t.Errorf("%v was probed at first", pair)
			}
		}
	}
	for _, never := range []string{"10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24", "10.0.4.0/25"} {
		for pair := range after {
			if netip.MustParsePrefix(never).Contains(pair.Addr()) {
				t.Errorf("%v was probed when resumed", pair)
			}
		}
	}
	all := netip.MustParsePrefix("10.0.0.0/20")
	for a := all.Addr(); all.Contains(a); a = a.Next() {
		pair := netip.AddrPortFrom(a, 80)
		excluded := a.As4()[2] >= 1 && a.As4()[2] <= 3 || a.As4()[2] == 4 && a.As4()[3] < 128
		if want := synthetic.Expect(pair) == simnet.Open; want && !excluded && before[pair] == "" && after[pair] == "" {
			t.Fatalf("%v was missed", pair)
		}
	}
}
