package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// TestBadInput: whatever is wrong with a command line is said in one line that
// names it, with the right code, and before anything is sent.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	list := filepath.Join(dir, "list")
	writeFile(t, list, []byte("192.0.2.1\n# fine\n192.0.2.999\n"), 0o600)
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{"scan", exitUsage, "no target"},
		{"frobnicate", exitUsage, `unknown command "frobnicate"`},
		{"scan --tiemout 3 192.0.2.1", exitUsage, `unknown flag --tiemout: did you mean "--timeout"?`},
		{"trace -Pn 192.0.2.1", exitUsage, "looks for hosts"},
		{"scan -Pn -sn 192.0.2.1", exitUsage, "one of them at a time"},
		{"scan --discover maybe 192.0.2.1", exitUsage, "maybe"},
		{"scan -sn -p 80 192.0.2.1", exitUsage, "no port is probed"},
		{"scan -sn -o list 192.0.2.1", exitUsage, "only hosts"},
		{"scan -sn -oM /tmp/x 192.0.2.1", exitUsage, "only hosts"},
		{"scan -sn --fields port 192.0.2.1", exitUsage, "no field of scan -sn"},
		{"scan -sn --expect open 192.0.2.1", exitUsage, "--expect"},
		{"scan -sn -sT 192.0.2.1", exitUsage, "-sT"},
		{"scan --discover only --engine connect 192.0.2.1", exitUsage, "--engine connect"},
		{"scan --stateless --discover auto --shard 1/2 --seed 1 127.0.0.0/24", exitUsage, "--shard"},
		{"scan -T4 192.0.2.1", exitUsage, "--rate"},
		{"scan --scan-delay 1s 192.0.2.1", exitUsage, "use --rate"},
		{"scan --source-port=53 192.0.2.1", exitUsage, "use -g"},
		{"scan -PS80 192.0.2.1", exitUsage, "--discover"},
		{"scan -D RND:10 192.0.2.1", exitUsage, "nothing about them is disguised"},
		{"ping -W 1 192.0.2.1:80", exitUsage, "use --timeout"},
		{"ping -s 100 192.0.2.1:80", exitUsage, "has no payload"},
		{"trace -T 192.0.2.1:80", exitUsage, "TCP is what is probed with"},
		{"trace --report 192.0.2.1:80", exitUsage, "--watch"},
		{"scan -oA -p 80 192.0.2.1", exitUsage, "flag -oA needs a value, and -p is a flag"},
		{"ping --metrics -c 2 192.0.2.1:80", exitUsage, "flag --metrics needs a value, and -c is a flag: if it is meant, write --metrics=-c"},
		{"ping --metrics --histogram 192.0.2.1:80", exitUsage, "--histogram is a flag"},
		{"ping --metrics :99999 192.0.2.1:80", exitUsage, "no address to listen on"},
		{"why --budget 0,0 192.0.2.1:80", exitUsage, "0 packets: want 20"},
		{"why --budget 400,0 192.0.2.1:80", exitUsage, "want 1s to 24h"},
		{"scan --pcap - 192.0.2.1", exitUsage, "--pcap -: standard output is for results: name a file"},
		{"isn --raw - 192.0.2.1:80", exitUsage, "--raw -: standard output"},
		{"scan -oA - 192.0.2.1", exitUsage, "-oA -: standard output"},
		{"scan -o json --fields port 192.0.2.1", exitUsage, "this run writes none of them"},
		{"scan -o xml -oJ /dev/null --fields port 192.0.2.1", exitUsage, "this run writes none of them"},
		{"scan 192.0.2.1 80", exitUsage, "a port is written HOST:80"},
		{"scan --skip-bad-targets 192.0.2.999", exitUsage, `was skipped: target "192.0.2.999": octet 4`},
		{"handshake https://192.0.2.1/", exitUsage, "not a URL"},
		{"scan 192.0.2.1 -p", exitUsage, "flag -p needs a value"},
		{"scan -p 80,banana 192.0.2.1", exitUsage, `"banana"`},
		{"scan -p 70000 192.0.2.1", exitUsage, "70000"},
		{"scan 192.0.2.0/33", exitUsage, "192.0.2.0/33"},
		{"scan 192.0.2.300", exitUsage, "192.0.2.300"},
		{"scan no-such-host.invalid", exitUsage, "no-such-host.invalid"},
		{"scan -iL /no/such/file", exitUsage, "/no/such/file"},
		{"scan -iL " + list, exitUsage, list + ":3"},
		{"scan --exclude-file /no/such/file 192.0.2.1", exitUsage, "/no/such/file"},
		{"scan --exclude 192.0.2.0/24 192.0.2.1", exitUsage, "nothing"},
		{"scan --rate fast 192.0.2.1", exitUsage, `"fast"`},
		{"scan --rate 0 192.0.2.1", exitUsage, `"0"`},
		{"scan --timeout never 192.0.2.1", exitUsage, `"never"`},
		{"scan --timeout 0 192.0.2.1", exitUsage, "--timeout"},
		{"scan --max-retries 1000 192.0.2.1", exitUsage, "--max-retries"},
		{"scan --max-retries -1 192.0.2.1", exitUsage, "--max-retries"},
		{"scan --ttl 256 192.0.2.1", exitUsage, "--ttl"},
		{"scan -g 0 192.0.2.1", exitUsage, "-g"},
		{"scan --profile beos 192.0.2.1", exitUsage, "beos"},
		{"scan --technique telepathy 192.0.2.1", exitUsage, "telepathy"},
		{"scan -sS -sA 192.0.2.1", exitUsage, "one technique"},
		{"scan --flags SQ 192.0.2.1", exitUsage, "SQ"},
		{"scan --engine warp 192.0.2.1", exitUsage, "warp"},
		{"scan --engine connect -sF 192.0.2.1", exitUsage, "fin"},
		{"scan --engine raw -sT 192.0.2.1", exitUsage, "connect"},
		{"scan --expect ajar 192.0.2.1", exitUsage, "ajar"},
		{"scan -o yaml 192.0.2.1", exitUsage, "yaml"},
		{"scan -oJ /no/such/dir/x 192.0.2.1", exitUsage, "/no/such/dir/x"},
		{"scan -S nonsense 192.0.2.1", exitUsage, "nonsense"},
		{"scan -4 -6 192.0.2.1", exitUsage, "-4 and -6"},
		{"scan -p 80 --top-ports 5 192.0.2.1", exitUsage, "-p and --top-ports"},
		{"scan --shard 5/4 192.0.2.1", exitUsage, "5/4"},
		{"--color mauve scan 192.0.2.1", exitUsage, "mauve"},
		{"scan -e nosuch0 192.0.2.1", exitUnable, "nosuch0"},
		{"scan -S 203.0.113.9 192.0.2.1", exitUnable, "203.0.113.9"},
		{"scan 203.0.113.9", exitUnable, "no route"},
		{"why 203.0.113.9:80", exitUnable, "no route"},
		{"doctor 192.0.2.1", exitUsage, "doctor takes no target"},
		{"demo 192.0.2.1", exitUsage, "demo takes no target"},
	} {
		t.Run(tc.args, func(t *testing.T) {
			t.Parallel()
			lab.Require(t)
			r := command(t.Context(), standardLab(t), strings.Fields(tc.args)...)
			if r.code != tc.code || !strings.Contains(r.err, tc.says) {
				t.Errorf("exit %d, want %d; stderr %q should contain %q", r.code, tc.code, r.err, tc.says)
			}
			if n := strings.Count(r.err, "\n"); n != 1 {
				t.Errorf("%d lines: %q", n, r.err)
			}
		})
	}
}

// TestInterfaceGoesDown: what was found is written, the summary says that the
// run was cut short, and the code says so too.
func TestInterfaceGoesDown(t *testing.T) {
	lab.Require(t)
	t.Parallel()
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: "falling"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := l.Host("falling")
	link, err := netlink.LinkByName(h.Interface())
	if err != nil {
		t.Fatal(err)
	}
	out, errs := &countdown{left: 150, done: func() { netlink.LinkSetDown(link) }}, &strings.Builder{}
	s := Streams{In: strings.NewReader(""), Out: out, Err: errs, Env: bareEnv}
	code := Main(t.Context(), []string{"synscope", "scan", "-o", "json", "-p", "1-6000", "--rate", "5000", h.Addr4().String()}, s)
	if code != exitInterrupted || !strings.Contains(errs.String(), "network went down") {
		t.Errorf("exit %d: %q", code, errs)
	}
	list := records(t, out.String())
	last := list[len(list)-1]
	states, _ := last["states"].(map[string]any)
	if refused, _ := states["refused"].(float64); last["complete"] != false || refused < 100 {
		t.Errorf("summary %v", last)
	}
}

// TestHostGoesSilent: a host that answers nothing any more, while the link stays up,
// makes no port filtered. If it comes back, nothing is missing; if not, the summary
// and the code say so.
func TestHostGoesSilent(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	for name, tc := range map[string]struct {
		engine string
		back   bool
	}{"deaf": {"raw", true}, "dead": {"raw", false}, "deafc": {"connect", true}, "deadc": {"connect", false}} {
		back := tc.back
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: name}}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			h := l.Host(name)
			var once sync.Once
			out, errs := &countdown{left: 300, done: func() {
				once.Do(func() {
					if err := h.Do(dropAll); err != nil {
						t.Error(err)
					}
					if back {
						time.AfterFunc(time.Second, func() { h.Do(acceptAll) })
					}
				})
			}}, &strings.Builder{}
			s := Streams{In: strings.NewReader(""), Out: out, Err: errs, Env: bareEnv}
			code := Main(t.Context(), []string{"synscope", "scan", "-o", "json", "--engine", tc.engine, "-p", "1-3000", "--rate", "1000", h.Addr4().String()}, s)
			list := records(t, out.String())
			last := list[len(list)-1]
			states, _ := last["states"].(map[string]any)
			refused, _ := states["refused"].(float64)
			unknown, _ := states["unknown"].(float64)
			switch {
			case states["filtered"] != nil:
				t.Errorf("filtered: %v", last)
			case back && (code != exitYes || refused != 3000 || last["complete"] != true):
				t.Errorf("exit %d, %v: %s", code, last, errs)
			case !back && (code != exitInterrupted || refused < 299 || refused+unknown != 3000 || last["went_silent"] != unknown || last["complete"] != false):
				t.Errorf("exit %d, %v: %s", code, last, errs)
			case !back && !strings.Contains(errs.String(), "went silent"):
				t.Errorf("said %q", errs)
			}
		})
	}
}

// TestStatelessHostGoesSilent: so it is without state, on every engine: what was sent
// into the silence is sent again, and a run that nothing answers any more is cut short.
func TestStatelessHostGoesSilent(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	for i, engine := range []string{"raw", "packet", "xdp"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			name := fmt.Sprintf("hush%d", i)
			l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: name}}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			h := l.Host(name)
			if err := h.AcceptRedirects(); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			out, errs := &countdown{left: 300, done: func() {
				once.Do(func() {
					if err := h.Do(dropAll); err != nil {
						t.Error(err)
					}
					time.AfterFunc(3*time.Second, func() { h.Do(acceptAll) })
				})
			}}, &strings.Builder{}
			s := Streams{In: strings.NewReader(""), Out: out, Err: errs, Env: bareEnv}
			code := Main(t.Context(), []string{"synscope", "scan", "--stateless", "--engine", engine, "-o", "json", "-p", "1-3000", "--rate", "1000", h.Addr4().String()}, s)
			if engine == "xdp" && code == exitUnable && os.Getenv("CI") != "true" {
				t.Skip("needs the right to load XDP programs: ", errs)
			}
			list := records(t, out.String())
			last := list[len(list)-1]
			states, _ := last["states"].(map[string]any)
			if code != exitYes || states["refused"] != 3000.0 || last["complete"] != true || !strings.Contains(errs.String(), "were probed again") {
				t.Errorf("exit %d, %v: %s", code, last, errs)
			}
			if loss, _ := last["loss"].(float64); loss > 0.05 { // nothing is lost beside the outage, and that was sent again
				t.Errorf("a loss of %v: %v", loss, last)
			}
		})
	}
}

// dropAll has this namespace drop all IPv4 packets that arrive.
func dropAll() error { return hearing(false) }

// acceptAll undoes that.
func acceptAll() error { return hearing(true) }

// hearing has this namespace take in IPv4 packets, or drop them all.
func hearing(on bool) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "deaf"}
	if on {
		c.DelTable(table)
		return c.Flush()
	}
	drop := nftables.ChainPolicyDrop
	c.AddChain(&nftables.Chain{
		Name: "input", Table: c.AddTable(table), Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	return c.Flush()
}

// TestInterrupt: the first Ctrl-C waits for what is in flight.
func TestInterrupt(t *testing.T) {
	l := standardLab(t)
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &countdown{left: 50, done: cancel}
	s := Streams{In: strings.NewReader(""), Out: out, Err: io.Discard, Env: bareEnv, Resolver: labNames{l}}
	code := Main(ctx, []string{"synscope", "scan", "-o", "json", "-p-", "--rate", "1000", "slow"}, s)
	list := records(t, out.String())
	if code != exitInterrupted || len(list) < 50 || len(list) > 700 {
		t.Errorf("exit %d, %d records", code, len(list))
	}
	for _, rec := range list {
		if rec.str("reason") == "interrupted" {
			t.Errorf("not waited for: %v", rec)
		}
	}
}

// countdown keeps what is written, and calls done once it has so many lines.
type countdown struct {
	strings.Builder
	left int
	done func()
}

func (c *countdown) Write(b []byte) (int, error) {
	if c.left -= bytes.Count(b, []byte("\n")); c.left <= 0 {
		c.done()
	}
	return c.Builder.Write(b)
}

// brokenPipe is a reader's end that has gone away.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestClosedPipeEndsTheScan: output that nobody reads ends the run; the other
// outputs are whole.
func TestClosedPipeEndsTheScan(t *testing.T) {
	l := standardLab(t)
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.json")
	var errs strings.Builder
	s := Streams{In: strings.NewReader(""), Out: brokenPipe{}, Err: &errs, Env: bareEnv, Resolver: labNames{l}}
	start := time.Now()
	code := Main(t.Context(), []string{"synscope", "scan", "-o", "json", "-oJ", file, "-p-", "--rate", "1000", "web"}, s)
	if code != exitInterrupted || time.Since(start) > time.Minute {
		t.Errorf("exit %d after %v: %s", code, time.Since(start), errs.String())
	}
	b, err := os.ReadFile(file)
	if err != nil || !strings.HasSuffix(string(b), "}\n") {
		t.Errorf("the file is not whole: %v %q", err, b)
	}
}

func TestDryRunNeedsNothing(t *testing.T) {
	r := command(t.Context(), nil, "scan", "--dry-run", "--seed", "7", "-S", "192.0.2.1", "-g", "40000", "203.0.113.5:443")
	const want = "IP 192.0.2.1.40000 > 203.0.113.5.443: Flags [S], seq "
	if r.code != exitYes || !strings.HasPrefix(r.out, want) || !strings.Contains(r.out, "options [mss 1460,sackOK,TS val ") {
		t.Errorf("exit %d: %q", r.code, r.out+r.err)
	}
	again := command(t.Context(), nil, "scan", "--dry-run", "--seed", "7", "-S", "192.0.2.1", "-g", "40000", "203.0.113.5:443")
	if again.out != r.out {
		t.Errorf("the same seed gives another packet: %q", again.out)
	}
}

func TestOrderOfArguments(t *testing.T) {
	for _, line := range []string{
		"scan --dry-run -p 80,81 192.0.2.1 -g 4000", "scan 192.0.2.1 -p80,81 --dry-run -g4000",
		"scan -p=80,81 -g=4000 --dry-run -- 192.0.2.1", "-q scan --dry-run -np80,81 192.0.2.1 -g 4000",
		"scan --dry-run -p 80,81 192.0.2.1 -g 4000 -q", "scan -sS 192.0.2.1 --dry-run --p=80,81 -g 4000",
	} {
		r := command(t.Context(), nil, strings.Fields(line)...)
		if n := strings.Count(r.out, "IP 0.0.0.0.4000 > 192.0.2.1.8"); r.code != exitYes || n != 2 {
			t.Errorf("%s: exit %d, %d packets: %s%s", line, r.code, n, r.out, r.err)
		}
	}
}

// withoutRights runs a command line in a process of its own that has given up
// every capability.
func withoutRights(t *testing.T, args ...string) ran {
	t.Helper()
	lab.Require(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), powerless+"=1")
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// powerless is the variable that makes this test binary the program itself,
// without capabilities.
const powerless = "SYNSCOPE_TEST_POWERLESS"

func runPowerless() int {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		panic(err)
	}
	return Main(context.Background(), os.Args, OSStreams())
}

// TestFallsBackToConnect: a user without any right gets whole connections and
// is told so, in the records too; who names an engine gets no other.
func TestFallsBackToConnect(t *testing.T) {
	h := standardLab(t).Host("web").Addr4().String()
	r := withoutRights(t, "scan", "-o", "json", "-p", "80,81", h)
	if r.code != exitYes || !strings.Contains(r.err, "raw sockets are not permitted") {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
	for _, rec := range records(t, r.out) {
		switch rec.str("type") {
		case "run":
			if rec.str("engine") != "connect" {
				t.Errorf("engine %q", rec.str("engine"))
			}
		case "port":
			want := map[float64]string{80: "open connected tcp-info", 81: "refused conn-refused user"}[rec["port"].(float64)]
			if got := rec.str("state") + " " + rec.str("reason") + " " + rec.str("rtt_clock"); got != want {
				t.Errorf("%v: %s, want %s", rec["port"], got, want)
			}
		}
	}
	for _, args := range []string{"scan --engine raw -p 80 ", "scan -sF -p 80 "} {
		r := withoutRights(t, strings.Fields(args+h)...)
		if r.code != exitUnable || r.out != "" || !strings.Contains(r.err, "setcap") {
			t.Errorf("%s: exit %d: %q %q", args, r.code, r.out, r.err)
		}
	}
	if r := withoutRights(t, "doctor"); r.code != exitUnable || !strings.Contains(r.out, "MISSING") {
		t.Errorf("doctor: exit %d: %s", r.code, r.out)
	}
}

func TestHelp(t *testing.T) {
	for line, want := range map[string]string{
		"": "COMMANDS:", "--help": "COMMANDS:", "-h": "COMMANDS:",
		"scan --help": "--max-retries N", "scan -h 192.0.2.1": "-oJ FILE", "-h scan": "--technique NAME",
		"--version": "synscope " + Version, "scan -V": "synscope " + Version,
	} {
		r := command(t.Context(), nil, strings.Fields(line)...)
		if r.code != exitYes || !strings.Contains(r.out, want) || r.err != "" {
			t.Errorf("%q: exit %d, %q lacks %q; %q", line, r.code, r.out, want, r.err)
		}
	}
}
