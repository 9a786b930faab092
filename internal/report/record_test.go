package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/netraw"
	"synscope/probe"
)

// oracle is what encoding/json makes of a record.
func oracle(tb testing.TB, r record.Record) []byte {
	tb.Helper()
	var typed any
	switch r := r.(type) {
	case *record.Port:
		typed = struct {
			Type string `json:"type"`
			*record.Port
		}{r.Type(), r}
	case *record.Run:
		typed = struct {
			Type   string `json:"type"`
			Schema string `json:"schema"`
			*record.Run
		}{r.Type(), record.Schema, r}
	case *record.Host:
		typed = struct {
			Type string `json:"type"`
			*record.Host
		}{r.Type(), r}
	case *record.Summary:
		typed = struct {
			Type string `json:"type"`
			*record.Summary
		}{r.Type(), r}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(typed); err != nil {
		tb.Fatal(err)
	}
	return escaped(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// escaped is JSON without what encoding/json lets pass and a terminal obeys.
func escaped(b []byte) (out []byte) {
	for _, r := range string(b) {
		if unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Bidi_Control, r) {
			out = fmt.Appendf(out, "\\u%04x", r)
			continue
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

// maybe is Some(v) half of the time.
func maybe[T any](r *rand.Rand, v T) record.Maybe[T] {
	if r.IntN(2) == 0 {
		return record.Maybe[T]{}
	}
	return record.Some(v)
}

var someTexts = []string{"", "plain", `quo"ted\`, "tab\tnewline\n", "<&>", "µ é 漢", "\x00\x1f\x7f", "bad \xff utf-8", "\u2028\u2029", "a,b", "\x1b[31m\u009b\u202e\u2066\u200f\u061c\x7f"}

var someAddrs = []netip.Addr{
	netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::1"),
	netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("0.0.0.0"),
}

func randomPort(r *rand.Rand) *record.Port {
	text := func() string { return someTexts[r.IntN(len(someTexts))] }
	p := &record.Port{
		Target: text(), Addr: someAddrs[r.IntN(len(someAddrs))], Port: uint16(r.Uint32()),
		State: probe.State(r.IntN(6)), Reason: probe.Reason(text()), Sure: maybe(r, float64(r.IntN(1001))/1000), Attempts: r.IntN(4),
		RTT: maybe(r, time.Duration(r.Int64())), Clock: text(),
		TTL: maybe(r, uint8(r.IntN(3))), Window: maybe(r, uint16(r.IntN(2)*65535)),
		MSS: maybe(r, uint16(r.Uint32())), WScale: maybe(r, uint8(r.IntN(15))),
		SACK: maybe(r, r.IntN(2) == 0), TS: maybe(r, r.IntN(2) == 0),
		Seq: maybe(r, craft.Seq(r.Uint32())), Ack: maybe(r, craft.Seq(0)),
		Flags: text(), IPID: maybe(r, uint16(r.IntN(2))),
		ICMPType: maybe(r, uint8(r.IntN(2))), ICMPCode: maybe(r, uint8(r.IntN(2))),
	}
	if r.IntN(2) == 0 {
		p.Time = time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).UTC()
	}
	if r.IntN(2) == 0 {
		p.Responder = someAddrs[r.IntN(len(someAddrs))]
	}
	for range r.IntN(3) {
		p.Findings = append(p.Findings, probe.Finding{Code: text(), Severity: probe.Severity(r.IntN(3)), Text: text(), Evidence: text()})
	}
	return p
}

func TestPortsAreEncodedAsByEncodingJSON(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 5000 {
		p := randomPort(r)
		if got, want := rows.AppendJSON(nil, p), oracle(t, p); !bytes.Equal(got, want) {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	}
}

func TestRunAndSummaryAreEncodedAsByEncodingJSON(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	records := []record.Record{
		&record.Run{Version: "1.0", Command: "scan", Args: []string{"scan", "-p", "80", "a\"b"}, Engine: "raw", Seed: record.Some(uint64(1<<64 - 1)), Start: start, Notes: []string{"no kernel stamps"}},
		&record.Run{Version: "1.0", Command: "doctor", Args: []string{}, Start: start},
		&record.Summary{End: start, Rejected: map[string]uint64{}, States: map[probe.State]uint64{}},
		wholeSummary(t, &record.Summary{
			End: start, Took: time.Second, Complete: true, Probes: 3, Sent: 4, Retransmitted: 1, SendErrors: 5, Received: 6, Matched: 7, KernelDrops: 8,
			Resets: 9, ResetsRefused: record.Some(uint64(1)), ResetsLost: record.Some(uint64(2)), Storms: record.Some(uint64(3)),
			Loss: record.Some(0.25), WentSilent: record.Some(uint64(3)), Confidence: record.Some(0.9),
			Rejected: map[string]uint64{"bad-checksum": 2, "a": 1},
			States:   map[probe.State]uint64{probe.StateOpen: 1, probe.StateOpenFiltered: 2}, Rate: record.Some(1234.5),
			HostsUp: record.Some(uint64(7)), HostsDown: record.Some(uint64(2)), HostsUnknown: record.Some(uint64(0)),
			Down: map[probe.Reason]uint64{"no-response": 1, "no-neighbour": 1},
		}),
		record.NewHost("web.example", &someHosts()[0], vendorOf), record.NewHost("192.0.2.0/24", &someHosts()[1], nil), record.NewHost("", &someHosts()[2], nil),
	}
	for _, r := range records {
		if got, want := rows.AppendJSON(nil, r), oracle(t, r); !sameJSON(t, got, want) {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// wholeSummary is a summary without a field that is left at its zero value: a new one
// has to be set in the test.
func wholeSummary(t *testing.T, s *record.Summary) *record.Summary {
	t.Helper()
	for i, v := 0, reflect.ValueOf(s).Elem(); i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("no %s", v.Type().Field(i).Name)
		}
	}
	return s
}

// sameJSON compares two objects, the order of whose fields may differ.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestRunWithoutArgumentsHasAnEmptyList(t *testing.T) {
	if got := string(rows.AppendJSON(nil, &record.Run{})); !strings.Contains(got, `"args":[]`) {
		t.Errorf("no empty list in %s", got)
	}
}

func TestSummaryCountsNothingAsZeroNotAbsent(t *testing.T) {
	got := rows.AppendJSON(nil, record.NewSummary(&probe.Summary{}, time.Unix(0, 0)))
	const want = `{"type":"summary","end":"1970-01-01T00:00:00Z","took_ns":0,"complete":false,"probes":0,"sent":0,` +
		`"retransmitted":0,"resets":0,"send_errors":0,"received":0,"matched":0,"rejected":{},"kernel_drops":0,"states":{}}`
	if string(got) != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestPortRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 1000 {
		want := randomPort(r)
		// Invalid UTF-8 cannot survive JSON, and a severity has no inverse.
		want.Target, want.Reason, want.Flags, want.Clock, want.Findings = "t", "reset", "R", "kernel", nil
		var got record.Port
		if err := json.Unmarshal(rows.AppendJSON(nil, want), &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&got, want) {
			t.Fatalf("\n got %+v\nwant %+v", got, *want)
		}
	}
}

func FuzzJSONString(f *testing.F) {
	for _, s := range someTexts {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := &record.Port{Target: s, Addr: someAddrs[0]}
		if got, want := rows.AppendJSON(nil, p), oracle(t, p); !bytes.Equal(got, want) {
			t.Fatalf("\n got %s\nwant %s", got, want)
		}
	})
}

// ports at which nothing, and a zero of everything, was seen.
var (
	silentVerdict = probe.Verdict{
		Target: netip.MustParseAddrPort("192.0.2.7:25"), State: probe.StateFiltered, Reason: probe.ReasonNoResponse, Attempts: 2,
	}
	zeroVerdict = probe.Verdict{
		Target: netip.MustParseAddrPort("192.0.2.7:80"), State: probe.StateOpen, Reason: probe.ReasonSYNACK, Attempts: 1,
		RTT: 6800, Clock: netraw.ClockKernel,
		Reply: &craft.Segment{Src: netip.MustParseAddrPort("192.0.2.7:80"), Flags: craft.SYN | craft.ACK},
		ICMP:  &probe.ICMPCode{},
	}
)

func TestAbsentIsNotZero(t *testing.T) {
	tests := []struct {
		name    string
		verdict probe.Verdict
		want    string
	}{
		{"nothing seen", silentVerdict,
			`{"type":"port","target":"192.0.2.7","addr":"192.0.2.7","port":25,"state":"filtered","reason":"no-response","attempts":2}`},
		{"zeros seen", zeroVerdict,
			`{"type":"port","target":"192.0.2.7","addr":"192.0.2.7","port":80,"state":"open","reason":"syn-ack","attempts":1,` +
				`"rtt_ns":6800,"rtt_clock":"kernel","ttl":0,"window":0,"sack":false,"ts":false,"seq":0,"ack":0,"flags":"S.","ip_id":0,` +
				`"icmp_type":0,"icmp_code":0}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := string(rows.AppendJSON(nil, record.NewPort("", &test.verdict))); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestPortOfAReply(t *testing.T) {
	options, err := craft.NewOptions(craft.MSS(1460), craft.SACKPermitted(), craft.Timestamps(0, 0), craft.WindowScale(0))
	if err != nil {
		t.Fatal(err)
	}
	v := probe.Verdict{
		Target: netip.MustParseAddrPort("[2001:db8::1]:443"), State: probe.StateOpen, Reason: probe.ReasonSYNACK, Attempts: 1,
		Reply: &craft.Segment{
			Src: netip.MustParseAddrPort("[2001:db8::1]:443"), TTL: 64, ID: 9, Window: 65535,
			Seq: 1 << 31, Ack: 5, Flags: craft.SYN | craft.ACK, Options: options,
		},
	}
	const want = `{"type":"port","target":"web.example","addr":"2001:db8::1","port":443,"state":"open","reason":"syn-ack","attempts":1,` +
		`"ttl":64,"window":65535,"mss":1460,"wscale":0,"sack":true,"ts":true,"seq":2147483648,"ack":5,"flags":"S."}`
	if got := string(rows.AppendJSON(nil, record.NewPort("web.example", &v))); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	reset := v
	reset.Reply = &craft.Segment{Src: v.Target, Flags: craft.RST}
	p := record.NewPort("", &reset)
	if !p.Ack.IsZero() || !p.SACK.IsZero() || !p.TS.IsZero() {
		t.Error("an RST without ACK acknowledges nothing and offers nothing")
	}
}

func TestErrorOfAVerdictIsAFinding(t *testing.T) {
	shared := make([]probe.Finding, 1, 2)
	shared[0].Code = "cold"
	v := probe.Verdict{Target: silentVerdict.Target, Reason: probe.ReasonSendFailed, Findings: shared, Err: errors.New("sendmsg: network is down")}
	got := record.NewPort("", &v).Findings
	want := []probe.Finding{{Code: "cold"}, {Code: "send-failed", Severity: probe.SeverityWarning, Text: "sendmsg: network is down"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if shared[:2][1].Code != "" {
		t.Error("the verdict's own findings were written to")
	}
}

// BenchmarkJSON encodes a typical open port, here and with encoding/json; the
// last one reports how many times longer encoding/json takes in the same run.
func BenchmarkJSON(b *testing.B) {
	v := zeroVerdict
	p := record.NewPort("web.example", &v)
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = rows.AppendJSON(buf[:0], p)
		}
	})
	b.Run("sink", func(b *testing.B) {
		b.ReportAllocs()
		sink := rows.NewJSON(sink.NewLineWriter(discard{}, "nowhere"), sink.Options{})
		for b.Loop() {
			sink.Record(record.NewPort("web.example", &v))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		e := json.NewEncoder(discard{})
		for b.Loop() {
			e.Encode(p)
		}
	})
	b.Run("ratio", func(b *testing.B) {
		var buf []byte
		var ours, theirs time.Duration
		e := json.NewEncoder(discard{})
		for b.Loop() {
			begin := time.Now()
			for range 100 {
				buf = rows.AppendJSON(buf[:0], p)
			}
			middle := time.Now()
			for range 100 {
				e.Encode(p)
			}
			ours, theirs = ours+middle.Sub(begin), theirs+time.Since(middle)
		}
		b.ReportMetric(float64(theirs)/float64(ours), "×encoding/json")
	})
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
