package cli

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"synscope/internal/report/record"
	"synscope/probe"
)

// explained runs the command and returns its output and exit code.
func explained(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), append([]string{"synscope", "explain"}, args...), Streams{In: strings.NewReader(""), Out: &o, Err: &e, Env: bareEnv})
	return o.String(), e.String(), code
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		args      string
		code      int
		out, errs string
	}{
		{"accept-queue-full", exitYes, "Recv-Q above Send-Q", ""},
		{"SYN_PROXY", exitYes, "syn-proxy (class)", ""},
		{"icmp-3-5", exitYes, "type 3 with that code", ""},
		{"", exitYes, "REJECTION", ""},
		{"classes", exitYes, "tuple-clock", ""},
		{"chalenge-ack", exitUsage, "", "did you mean \"challenge-ack\""},
		{"nonsense-xyzzy", exitUsage, "", "lists them"},
		{"rtt_ns", exitUsage, "", "`synscope schema"},
		{"arp", exitYes, "arp (rejection)", ""},
		{"flows", exitYes, "flows (experiment)", ""},
		{"ethertype-0x88b5", exitYes, "ethertype-n (rejection)", ""},
		{"reset -o xml", exitUsage, "", "text or json"},
	} {
		out, errs, code := explained(t, strings.Fields(tc.args)...)
		if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) || tc.errs != "" && out != "" {
			t.Errorf("%q: exit %d\n%s%s", tc.args, code, out, errs)
		}
	}
	out, _, _ := explained(t, "-o", "json")
	for line := range strings.Lines(out) {
		var m map[string]string
		if err := json.Unmarshal([]byte(line), &m); err != nil || m["type"] != "explanation" || m["word"] == "" || m["means"] == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// Text ends with the words that are unusual, each once, and says nothing where
// nothing is.
func TestUnusual(t *testing.T) {
	pair := netip.MustParseAddrPort("192.0.2.1:80")
	port := func(reason probe.Reason, codes ...string) record.Record {
		v := probe.Verdict{Target: pair, Reason: reason}
		for _, c := range codes {
			v.Findings = append(v.Findings, probe.Finding{Code: c, Severity: probe.SeverityNotice})
		}
		return record.NewPort("", &v)
	}
	for want, records := range map[string][]record.Record{
		"": {port(probe.ReasonSYNACK), port(probe.ReasonNoResponse), &record.Summary{}},
		"\nmore: synscope explain admin-prohibited challenge-ack\n": {port("admin-prohibited"), port(probe.ReasonReset, "challenge-ack"), port("admin-prohibited", "challenge-ack")},
	} {
		u := &unusual{}
		for _, r := range records {
			u.see(r)
		}
		var b strings.Builder
		if err := u.hint(&b); err != nil || b.String() != want {
			t.Errorf("%q, want %q", b.String(), want)
		}
	}
	if err := (*unusual)(nil).hint(nil); err != nil {
		t.Error(err)
	}
}
