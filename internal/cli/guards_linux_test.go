package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guarded is what a plan of these words leaves.
func guarded(t *testing.T, args ...string) ran {
	t.Helper()
	return command(t.Context(), nil, append([]string{"scan", "--plan", "--seed", "1", "-p", "443"}, args...)...)
}

func TestSpecialRangesAreSkippedUnlessAskedFor(t *testing.T) {
	list := filepath.Join(t.TempDir(), "list")
	os.WriteFile(list, []byte("0.0.0.0/0\n192.168.7.0/24 # the office\n"), 0o644)
	for _, tc := range []struct {
		words string
		count string
	}{
		{"0.0.0.0/0", "3,702,258,432"},                                 // 2^32 less the registry
		{"0.0.0.0/0 10.1.0.0/16", "3,702,323,968"},                     // 65,536 more
		{"0.0.0.0/0 10.1.0.0/16:22,80", "3,702,323,968"},               // own ports do not matter
		{"0.0.0.0/0 10.0-1.5.1-254", "3,702,258,940"},                  // a pattern: 508 more
		{"0.0.0.0/0 fe80::1%lo", "3,702,258,433"},                      // one more, of the other family
		{"0.0.0.0/0 127.0.0.1 127.0.0.2", "3,702,258,434"},             // two
		{"10.0.0.0/8", "16,777,216"},                                   // nothing but what was asked for
		{"10.0.0.0/8 192.168.0.0/16", "16,842,752"},                    //
		{"192.0.2.0/23", "512"},                                        // too few to guard
		{"192.0.0.0/15", "130,560"},                                    // 131,072 less 192.0.0.0/24 and 192.0.2.0/24
		{"2001:db8::/100 2606:4700::/100", "536,870,912"},              // documentation, asked for
		{"2001::/96", "4,294,967,296"},                                 // lies in 2001::/23
		{"--exclude 8.0.0.0/8 0.0.0.0/0", "3,685,481,216"},             //
		{"--exclude 10.0.0.0/9 0.0.0.0/0 10.0.0.0/8", "3,710,647,040"}, // exclusions win
		{"-iL " + list, "3,702,258,688"},
		{"fd00::/64", "18,446,744,073,709,551,615"}, // as many as can be counted
		{"-p 80 -p 22 10.0.0.0/8", "16,777,216"},    // lists add up
	} {
		r := guarded(t, strings.Fields(tc.words)...)
		if r.code != exitYes || !strings.Contains(r.out, " of "+tc.count+" addresses") {
			t.Errorf("%s: exit %d, want %s: %s%s", tc.words, r.code, tc.count, strings.SplitN(r.out, "\n", 2)[0], r.err)
		}
	}
}

func TestStdinIsReadOnceAndCountsTwice(t *testing.T) {
	var out, errs bytes.Buffer
	s := Streams{In: strings.NewReader("0.0.0.0/0\n10.0.0.1\n"), Out: &out, Err: &errs, Env: bareEnv}
	code := Main(t.Context(), strings.Fields("synscope scan  --plan --seed 1 -p 443 -iL -"), s)
	if code != exitYes || !strings.Contains(out.String(), " of 3,702,258,433 addresses") {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
}

// A list that is given twice adds up: what was to be spared once stays spared.
func TestListsAddUp(t *testing.T) {
	for words, want := range map[string]string{
		"-p 22,80 -p 443 192.0.2.1":                                     "192.0.2.1:22 192.0.2.1:80 192.0.2.1:443",
		"-p 22,80,443 --exclude-ports 22 --exclude-ports 443 192.0.2.1": "192.0.2.1:80",
		"-p 80 --exclude 192.0.2.1 --exclude 192.0.2.3 192.0.2.1-4":     "192.0.2.2:80 192.0.2.4:80",
	} {
		r := command(t.Context(), nil, append([]string{"scan", "--plan", "--seed", "1"}, strings.Fields(words)...)...)
		for _, pair := range []string{"192.0.2.1:22", "192.0.2.1:80", "192.0.2.1:443", "192.0.2.2:80", "192.0.2.3:80", "192.0.2.4:80"} {
			if got, wanted := strings.Contains(r.out, pair+"\n"), slices.Contains(strings.Fields(want), pair); got != wanted {
				t.Errorf("%s: %s probed is %v, want %v: %s%s", words, pair, got, wanted, r.out, r.err)
			}
		}
	}
}

// Nothing is sent to more public addresses than a /16 without a thought.
func TestWideScansNeedAThought(t *testing.T) {
	const refused = "name those that must not be probed with --exclude-file, or say --yes-wide"
	for _, words := range []string{"8.0.0.0/15", "0.0.0.0/0", "2606:4700::/100"} {
		r := command(t.Context(), nil, append([]string{"scan", "-p", "443", "--engine", "nonsense"}, strings.Fields(words)...)...)
		if r.code != exitUsage || !strings.Contains(r.err, refused) {
			t.Errorf("%s: exit %d: %s", words, r.code, r.err)
		}
	}
	never := filepath.Join(t.TempDir(), "never")
	os.WriteFile(never, []byte("8.0.0.0/16\n"), 0o644)
	for _, words := range []string{"8.0.0.0/16", "10.0.0.0/8", "--yes-wide 8.0.0.0/15", "--exclude-file " + never + " 8.0.0.0/14"} {
		r := command(t.Context(), nil, append([]string{"scan", "-p", "443", "--engine", "nonsense"}, strings.Fields(words)...)...)
		if strings.Contains(r.err, refused) || !strings.Contains(r.err, "unknown engine") {
			t.Errorf("%s: exit %d: %s", words, r.code, r.err)
		}
	}
}

func TestShardOf(t *testing.T) {
	env := func(pairs string) func(string) string {
		m := map[string]string{}
		for _, pair := range strings.Fields(pairs) {
			name, value, _ := strings.Cut(pair, "=")
			m[name] = value
		}
		return func(name string) string { return m[name] }
	}
	array := func(id, low, high, count, step string) string {
		return "SLURM_ARRAY_TASK_ID=" + id + " SLURM_ARRAY_TASK_MIN=" + low + " SLURM_ARRAY_TASK_MAX=" + high +
			" SLURM_ARRAY_TASK_COUNT=" + count + " SLURM_ARRAY_TASK_STEP=" + step
	}
	for _, tc := range []struct {
		word, env string
		want      shard
		err       string
	}{
		{"", "", shard{0, 1}, ""},
		{"3/7", "JOB_COMPLETION_INDEX=1", shard{2, 7}, ""},
		{"auto", "JOB_COMPLETION_INDEX=0 SYNSCOPE_SHARDS=5", shard{0, 5}, ""},
		{"auto", "JOB_COMPLETION_INDEX=4 SYNSCOPE_SHARDS=5", shard{4, 5}, ""},
		{"auto", "JOB_COMPLETION_INDEX=5 SYNSCOPE_SHARDS=5", shard{}, "there are only 5 shards"},
		{"auto", "JOB_COMPLETION_INDEX=5", shard{}, "SYNSCOPE_SHARDS is not set"},
		{"auto", "JOB_COMPLETION_INDEX=x SYNSCOPE_SHARDS=5", shard{}, `"x", no number`},
		{"auto", array("1", "1", "100", "100", "1"), shard{0, 100}, ""},
		{"auto", array("100", "1", "100", "100", "1"), shard{99, 100}, ""},
		{"auto", array("8", "0", "12", "4", "4"), shard{2, 4}, ""},
		{"auto", array("7", "3", "7", "2", "1"), shard{}, "has holes"},
		{"auto", array("7", "7", "7", "1", "1") + " SYNSCOPE_SHARDS=100", shard{7, 100}, ""},
		{"auto", "SLURM_ARRAY_TASK_ID=1", shard{}, "SLURM_ARRAY_TASK_MIN is not set"},
		{"auto", "", shard{}, "neither JOB_COMPLETION_INDEX"},
		{"8/7", "", shard{}, "a shard is I/N"},
	} {
		got, err := shardOf(tc.word, env(tc.env))
		if tc.err == "" && (err != nil || got != tc.want) || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%q with %s: %v, %v; want %v %s", tc.word, tc.env, got, err, tc.want, tc.err)
		}
	}
}

func TestParseBandwidth(t *testing.T) {
	for word, want := range map[string]float64{"1000": 1000, "500k": 5e5, "10M": 1e7, "2.5G": 2.5e9} {
		if got, err := parseBandwidth(word); err != nil || got != want {
			t.Errorf("%s: %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "0", "-1M", "fast", "1T", "InfG", "NaN"} {
		if got, err := parseBandwidth(word); err == nil {
			t.Errorf("%q is %v", word, got)
		}
	}
	// 1 Gbit/s of SYNs with the options of Linux: 60 bytes, 98 on the wire.
	if r := guarded(t, "--bandwidth", "1G", "10.0.0.0/24"); !strings.Contains(r.out, "at 1.28M pps, 1 Gbit/s") {
		t.Errorf("plan: %s%s", r.out, r.err)
	}
}
