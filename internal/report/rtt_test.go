package report

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/screen"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/ping"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

var pingedPort = netip.MustParseAddrPort("192.0.2.7:80")

func sampleOf(n uint64, state probe.State, reason probe.Reason, edit func(*ping.Sample)) *ping.Sample {
	s := &ping.Sample{
		Target: pingedPort, N: n, Attempt: 1, State: state, Reason: reason,
		Sent: time.Date(2026, 5, 1, 12, 0, 0, 5, time.UTC), SourcePort: 40000,
	}
	if edit != nil {
		edit(s)
	}
	return s
}

func timed(d time.Duration) func(*ping.Sample) {
	return func(s *ping.Sample) { s.RTT, s.Clock, s.TTL = d, netraw.ClockKernel, 57 }
}

// Each kind of probe, as JSON and as a line of text.
func TestRTTRecords(t *testing.T) {
	const before = `{"type":"rtt","target":"web","addr":"192.0.2.7","port":80,"n":1,"attempt":1,`
	for _, tc := range []struct {
		sample     *ping.Sample
		json, text string
	}{
		{
			sampleOf(1, probe.StateOpen, probe.ReasonSYNACK, timed(20100*time.Microsecond)),
			`"state":"open","reason":"syn-ack","sent":"2026-05-01T12:00:00.000000005Z","rtt_ns":20100000,"rtt_clock":"kernel","sport":40000,"ttl":57}`,
			"SYN-ACK from web (192.0.2.7) port 80: n=1 ttl=57 sport=40000 time=20.1 ms",
		},
		{
			sampleOf(1, probe.StateOpen, probe.ReasonSYNACK, func(s *ping.Sample) { s.Supersedes, s.Doubt = probe.StateFiltered, probe.DoubtLate }),
			`"state":"open","reason":"syn-ack","supersedes":"filtered","sent":"2026-05-01T12:00:00.000000005Z","doubt":"late","sport":40000}`,
			"SYN-ACK from web (192.0.2.7) port 80: n=1 sport=40000 [late: in the place of filtered]",
		},
		{
			sampleOf(1, probe.StateRefused, probe.ReasonReset, timed(900*time.Microsecond)),
			`"state":"refused","reason":"reset","sent":"2026-05-01T12:00:00.000000005Z","rtt_ns":900000,"rtt_clock":"kernel","sport":40000,"ttl":57}`,
			"refused by web (192.0.2.7) port 80: n=1 ttl=57 sport=40000 time=900 µs",
		},
		{
			sampleOf(1, probe.StateFiltered, probe.ReasonNoResponse, nil),
			`"state":"filtered","reason":"no-response","sent":"2026-05-01T12:00:00.000000005Z","sport":40000}`,
			"no answer from web (192.0.2.7) port 80: n=1 sport=40000",
		},
		{
			sampleOf(1, probe.StateFiltered, "admin-prohibited", func(s *ping.Sample) {
				timed(time.Millisecond)(s)
				s.Responder, s.ICMP = netip.MustParseAddr("203.0.113.1"), &probe.ICMPCode{Type: 3, Code: 13}
			}),
			`"state":"filtered","reason":"admin-prohibited","sent":"2026-05-01T12:00:00.000000005Z","rtt_ns":1000000,"rtt_clock":"kernel","sport":40000,"ttl":57,"responder":"203.0.113.1","icmp_type":3,"icmp_code":13}`,
			"admin-prohibited says 203.0.113.1 of web (192.0.2.7) port 80: n=1 ttl=57 sport=40000 time=1.0 ms",
		},
		{
			sampleOf(1, probe.StateOpen, probe.ReasonSYNACK, func(s *ping.Sample) { s.Doubt, s.Attempt, s.Clock = probe.DoubtClockStep, 2, netraw.ClockKernel }),
			`"state":"open","reason":"syn-ack","sent":"2026-05-01T12:00:00.000000005Z","doubt":"clock-step","sport":40000}`,
			"SYN-ACK from web (192.0.2.7) port 80: n=1 sport=40000 (attempt 2: an old connection stood in the way) [clock-step: not counted]",
		},
		{
			sampleOf(1, probe.StateOpen, probe.ReasonConnected, func(s *ping.Sample) {
				s.RTT, s.Clock, s.SourcePort = time.Millisecond, netraw.ClockTCPInfo, 0
			}),
			`"state":"open","reason":"connected","sent":"2026-05-01T12:00:00.000000005Z","rtt_ns":1000000,"rtt_clock":"tcp-info"}`,
			"connected to web (192.0.2.7) port 80: n=1 time=1.0 ms (tcp-info clock)",
		},
		{
			sampleOf(1, probe.StateUnknown, probe.ReasonSendFailed, func(s *ping.Sample) { s.Err, s.SourcePort = errors.New("network is down"), 0 }),
			`"state":"unknown","reason":"send-failed","sent":"2026-05-01T12:00:00.000000005Z","error":"network is down"}`,
			"not sent to web (192.0.2.7) port 80 (network is down): n=1",
		},
	} {
		r := record.NewRTT("web", tc.sample)
		want := before + tc.json
		if tc.sample.Attempt == 2 {
			want = strings.Replace(want, `"attempt":1`, `"attempt":2`, 1)
		}
		if got := string(rows.AppendJSON(nil, r)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if got := told(t, "ping", r); got != tc.text+"\n" {
			t.Errorf("got  %q\nwant %q", got, tc.text)
		}
	}
}

// Whose stamps a time is between is told where hardware's were asked for.
func TestStampsAreNamed(t *testing.T) {
	r := record.NewRTT("web", sampleOf(1, probe.StateOpen, probe.ReasonSYNACK, timed(time.Millisecond)))
	for stamps, want := range map[string]string{"": "", "hardware": "hardware", "software": "software"} {
		r.Stamps = stamps
		if got := strings.Contains(string(rows.AppendJSON(nil, r)), `"stamps":"`+want+`"}`); got != (want != "") {
			t.Errorf("%q: %s", stamps, rows.AppendJSON(nil, r))
		}
		if got := strings.HasSuffix(told(t, "ping", r), " ("+want+" stamps)\n"); got != (want != "") {
			t.Errorf("%q: %s", stamps, told(t, "ping", r))
		}
	}
	for hardware, want := range map[uint64]string{
		0: "(kernel clock, no hardware stamps)", 2: "(kernel clock; 2 of 3 times by hardware stamps)", 3: "(kernel clock, hardware stamps)",
	} {
		s := summaryOf("web", 1, 2, 3)
		s.Hardware = record.Some(hardware)
		if got := told(t, "ping", s); !strings.Contains(got, want) {
			t.Errorf("want %s in %s", want, got)
		}
		if got := string(rows.AppendJSON(nil, s)); !strings.Contains(got, fmt.Sprintf(`"rtt_clock":"kernel","hardware_stamps":%d}`, hardware)) {
			t.Errorf("%s", got)
		}
	}
}

// told is the text of some records of a command.
func told(t *testing.T, command string, records ...record.Record) string {
	t.Helper()
	var out bytes.Buffer
	sink := text.New(sink.NewLineWriter(&out, "out"), sink.Options{})
	for _, r := range append([]record.Record{&record.Run{Command: command}}, records...) {
		if err := sink.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The columns of a CSV are the fields of the JSON, and a row has each in its
// place.
func TestRTTColumns(t *testing.T) {
	var out bytes.Buffer
	sink := rows.NewCSV(sink.NewLineWriter(&out, "out"), sink.Options{})
	for _, r := range []record.Record{&record.Run{Command: "ping"}, record.NewRTT("web", sampleOf(3, probe.StateOpen, probe.ReasonSYNACK, timed(5)))} {
		if err := sink.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	sink.Close()
	want := "target,addr,port,n,attempt,state,reason,supersedes,sent,rtt_ns,rtt_clock,doubt,sport,ttl,responder,icmp_type,icmp_code,syn_retransmits,error,stamps,findings\n" +
		"web,192.0.2.7,80,3,1,open,syn-ack,,2026-05-01T12:00:00.000000005Z,5,kernel,,40000,57,,,,,,,\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func summaryOf(word string, values ...int) *record.RTTSummary {
	s := rtt.NewSeries(rtt.Precise)
	for _, v := range values {
		s.Add(time.Duration(v) * time.Millisecond)
	}
	s.Lost()
	return &record.RTTSummary{Target: word, Addr: pingedPort.Addr(), Port: 80, State: probe.StateOpen, Clock: "kernel", Summary: s.Summary()}
}

// Where nothing was measured no time is written, neither zero nor null.
func TestRTTSummaryWithoutATime(t *testing.T) {
	got := string(rows.AppendJSON(nil, summaryOf("web")))
	if want := `{"type":"rtt_summary","target":"web","addr":"192.0.2.7","port":80,"sent":1,"received":0,"lost":1,"loss":1}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if text := told(t, "ping", summaryOf("web")); strings.Contains(text, "RTT") || !strings.Contains(text, "1 probe sent, 0 received, 1 lost (100 %)") {
		t.Errorf("%s", text)
	}
}

// Few targets have closing lines of their own, many a table of even columns.
func TestRTTClosingLines(t *testing.T) {
	few := told(t, "ping", summaryOf("web", 10, 20), summaryOf("api", 30))
	if strings.Count(few, "ping statistics") != 2 || !strings.Contains(few, "RTT min 10.0 ms, mean 15.0 ms, max 20.0 ms, stddev 7.1 ms, jitter 625 µs (kernel clock)") {
		t.Errorf("%s", few)
	}
	many := told(t, "ping", summaryOf("a.example", 1), summaryOf("b", 999), summaryOf("c"), summaryOf("long.name.example", 12))
	lines := strings.Split(strings.TrimSpace(many), "\n")
	if len(lines) != 5 {
		t.Fatalf("%s", many)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) != utf8.RuneCountInString(lines[0]) {
			t.Errorf("uneven: %q", line)
		}
	}
}

func TestTraceText(t *testing.T) {
	hop := func(ttl, query int, addr string, d time.Duration, kind trace.HopKind, changes ...trace.Change) *record.Hop {
		h := &trace.Hop{TTL: ttl, Query: query, Kind: kind, RTT: d, Clock: netraw.ClockKernel, Changes: changes}
		if addr != "" {
			h.Addr = netip.MustParseAddr(addr)
		}
		name := ""
		if ttl == 1 {
			name = "gw.example"
		}
		return record.NewHop("web", 80, h, name)
	}
	tos := trace.Change{Field: "tos", Sent: "0x00", Seen: "0x20"}
	got := told(t, "trace",
		hop(1, 1, "192.0.2.1", time.Millisecond, trace.HopTimeExceeded),
		hop(1, 2, "192.0.2.1", 2*time.Millisecond, trace.HopTimeExceeded),
		hop(2, 1, "", 0, trace.HopNone), hop(2, 2, "", 0, trace.HopNone),
		hop(3, 1, "192.0.2.3", 3*time.Millisecond, trace.HopTimeExceeded, tos),
		hop(3, 2, "192.0.2.4", 3*time.Millisecond, trace.HopTimeExceeded, tos),
		hop(4, 1, "192.0.2.7", 4*time.Millisecond, trace.HopSYNACK),
		record.NewPort("web", &probe.Verdict{
			Target: pingedPort, State: probe.StateOpen, Reason: probe.ReasonSYNACK,
			Findings: []probe.Finding{{Code: "challenge-ack", Severity: probe.SeverityNotice, Text: "an old connection", Evidence: "ack 7"}},
		}),
		&record.Summary{Took: 5 * time.Millisecond, Sent: 8},
	)
	want := `  1  gw.example (192.0.2.1)  1.0 ms  2.0 ms
  2  *  *
  3  192.0.2.3  3.0 ms  192.0.2.4  3.0 ms
    from here on: tos 0x00 became 0x20
  4  192.0.2.7  4.0 ms

web (192.0.2.7) port 80 is open (syn-ack)
  notice challenge-ack: an old connection [ack 7]
traced in 5.0 ms with 8 packets
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A board replaces what it showed, line for line.
func TestBoard(t *testing.T) {
	var out bytes.Buffer
	b := screen.NewBoard(&out)
	b.Show([]string{"one", "two"})
	b.Show([]string{"three"})
	b.Clear()
	if want := "one\ntwo\n\x1b[2F\x1b[Jthree\n\x1b[1F\x1b[J"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// A comparison names both targets in each of its sentences.
func TestRTTComparisonText(t *testing.T) {
	for _, tc := range []struct {
		c    rtt.Comparison
		want string
	}{
		{rtt.Comparison{NA: 40, NB: 50, Superiority: 0.9, Delta: 0.8, P: 0.00001, Shift: 3 * time.Millisecond},
			"api is slower than web\nthe median of api is 3.0 ms higher\n" +
				"in 90 % of all pairs a probe of it takes longer than one of web (large effect, Cliff's delta 0.80)\n" +
				"by chance alone that would be seen with p < 0.0001 (Mann–Whitney, 40 and 50 times)\n"},
		{rtt.Comparison{NA: 40, NB: 50, Superiority: 0.4, Delta: -0.2, P: 0.125, Shift: 2 * time.Microsecond},
			"no difference was shown that is worth a name\nthe median of web is 2.0 µs lower\n" +
				"in 60 % of all pairs a probe of it takes longer than one of api (small effect, Cliff's delta -0.20)\n" +
				"by chance alone that would be seen with p = 0.1250 (Mann–Whitney, 40 and 50 times)\n"},
		{rtt.Comparison{NA: 40}, "nothing to compare: one of them gave no time\n"},
	} {
		got := told(t, "ping", &record.RTTComparison{A: "web", B: "api", Comparison: tc.c})
		if want := "\n--- web against api ---\n" + tc.want; got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}
