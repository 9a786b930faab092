package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"synscope/internal/lab"
)

// The trials wait more than they compute.
func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4")
	os.Exit(lab.Main(m))
}

// programPath names the program to the copies in which the trials run.
const programPath = "SYNSCOPE_TEST_PROGRAM"

// Under forged answers of every kind no command believes anything, sends more than
// it may, or fails to end. scripts/attack does the same at full rate and for long.
func TestNothingIsBelieved(t *testing.T) {
	lab.Require(t)
	if os.Getenv(programPath) == "" {
		program := filepath.Join(t.TempDir(), "synscope")
		if out, err := exec.Command("go", "build", "-o", program, "synscope").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		t.Setenv(programPath, program)
	}
	for i := range trials {
		switch trials[i].name {
		case "scan-fin", "scan-ack", "scan-window", "scan-null", "scan-xmas", "scan-maimon", "discover", "withhold", "packet", "xdp":
			continue // as the others, or for those who may more: scripts/attack has them
		}
		t.Run(trials[i].name, func(t *testing.T) {
			if lab.Apart(t) { // kernelResets is of a whole namespace
				withstands(t, &trials[i])
			}
		})
	}
}

// withstands attacks a command.
func withstands(t *testing.T, trial *trial) {
	f, err := newField(os.Getenv(programPath), 20000, lab.IPv4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.close() })
	o, err := f.try(trial, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range o.faults() {
		t.Errorf("%s: %s", o.name, fault)
	}
	if o.forged < 1000 || o.received == 0 && o.name != "check" {
		t.Errorf("%s: %d forged, %d read: it was not attacked", o.name, o.forged, o.received)
	}
}

// The judge sees what a run believes.
func TestJudge(t *testing.T) {
	for line, want := range map[string]int{
		`{"type":"port","state":"open","reason":"syn-ack"}`:                                                         1,
		`{"type":"port","state":"refused","reason":"reset"}`:                                                        1,
		`{"type":"port","state":"refused","reason":"unverified-reset"}`:                                             0,
		`{"type":"port","state":"filtered","reason":"admin-prohibited"}`:                                            1,
		`{"type":"rtt","state":"filtered","reason":"no-response","rtt_ns":7}`:                                       1,
		`{"type":"handshake","state":"filtered","reason":"no-response"}`:                                            0,
		`{"type":"isn_sample","isn":0}`:                                                                             1,
		`{"type":"isn","class":"unknown","samples":0}`:                                                              0,
		`{"type":"isn","class":"random","samples":9}`:                                                               1,
		`{"type":"hop","kind":"time-exceeded"}`:                                                                     1,
		`{"type":"check","ok":false}`:                                                                               1,
		`{"type":"hop_summary","kind":"none"}`:                                                                      0,
		`{"type":"hop_summary","kind":"unreachable"}`:                                                               1,
		`{"type":"path","nodes":[{"kind":"self"},{"kind":"dead"}]}`:                                                 0,
		`{"type":"path","nodes":[{"kind":"self"},{"kind":"router"}]}`:                                               1,
		`{"type":"diagnosis","causes":[{"evidence":["SYN: 3 silence (3 RSTs without a number of ours ignored)"]}]}`: 0,
		`{"type":"diagnosis","causes":[{"evidence":["SYN: 3 silence"]},{"evidence":["FIN: reset"]}]}`:               1,
		`{"type":"host","state":"up","reason":"reset"}`:                                                             1,
		`{"type":"port","state":"filtered","reason":"no-response"}` + "\nnoise":                                     0,
	} {
		o := outcome{trial: &trials[0]}
		if o.judge(0, []byte(line), ""); len(o.believed) != want {
			t.Errorf("%s: believed %q", line, o.believed)
		}
	}
	o := outcome{trial: &trials[0], took: time.Second, runs: 1, heard: 2 * rate, memory: flat + 1, hung: 1}
	if n := len(o.faults()); n != 3 {
		t.Errorf("faults: %q", o.faults())
	}
}
