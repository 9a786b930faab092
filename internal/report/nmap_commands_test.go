package report

import (
	"bytes"
	"encoding/xml"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/isn"
	"synscope/probe/ping"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// nmapDocument writes the records of a command's run in one of nmap's formats.
func nmapDocument(t *testing.T, format, command string, records []record.Record) string {
	t.Helper()
	var out bytes.Buffer
	f := formatOf(t, format)
	s := f.New(sink.NewLineWriter(&out, "out"), sink.Options{})
	start := time.Unix(1_700_000_000, 0).UTC()
	run := []record.Record{&record.Run{Version: "0", Command: command, Args: []string{command}, Start: start}}
	summary := record.NewSummary(&probe.Summary{Probes: 2, Complete: true, Took: time.Second}, start.Add(time.Second))
	for _, r := range slices.Concat(run, records, []record.Record{summary}) {
		if err := s.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var webPort = netip.MustParseAddrPort("192.0.2.7:80")

// pingRecords are an answer, silence, an answer in doubt, and a port that no
// probe could be sent to.
func pingRecords() []record.Record {
	probed := func(n uint64, state probe.State, reason probe.Reason, trip time.Duration, doubt probe.Doubt) *record.RTT {
		return record.NewRTT("web.example", &ping.Sample{Target: webPort, N: n, Attempt: 1, State: state, Reason: reason, RTT: trip, Doubt: doubt, TTL: 63})
	}
	elsewhere := netip.MustParseAddrPort("192.0.2.9:81")
	return []record.Record{
		probed(1, probe.StateOpen, probe.ReasonSYNACK, 8*time.Millisecond, ""),
		probed(2, probe.StateOpen, probe.ReasonSYNACK, time.Second, probe.DoubtCold),
		probed(3, probe.StateOpen, probe.ReasonSYNACK, 16*time.Millisecond, ""),
		probed(4, probe.StateFiltered, probe.ReasonNoResponse, 0, ""),
		record.NewRTT("", &ping.Sample{Target: elsewhere, N: 1, Reason: probe.ReasonNoRoute}),
		&record.RTTSummary{Target: "web.example", Addr: webPort.Addr(), Port: 80, State: probe.StateFiltered, Clock: "kernel", Summary: rtt.Summary{
			Sent: 4, Received: 3, Lost: 1, Loss: 0.25, Measured: 2, Min: 8e6, Mean: 12e6, Max: 16e6,
		}},
		&record.RTTSummary{Addr: elsewhere.Addr(), Port: 81, Unsent: 1},
		&record.RTTSummary{Target: "unknown.example"},
		&record.RTTComparison{A: "web.example", B: "192.0.2.9:81"},
	}
}

// handshakeRecords are two connections to one port, one after the other.
func handshakeRecords() []record.Record {
	open := &handshake.Result{
		Target: webPort, State: probe.StateOpen, Reason: probe.ReasonSYNACK, Attempts: 1, RTT: 20 * time.Millisecond,
		Clock: netraw.ClockKernel, Reply: &craft.Segment{TTL: 61}, Negotiated: handshake.Negotiated{MSS: 1460},
		Findings: []probe.Finding{{Code: "banner", Text: "the peer speaks first", Evidence: "<a&b>\x01"}},
	}
	refused := &handshake.Result{Target: webPort, State: probe.StateRefused, Reason: "reset", Attempts: 1}
	return []record.Record{record.NewConnection("web.example", open), record.NewConnection("web.example", refused)}
}

func isnRecords() []record.Record {
	sample := isn.Sample{ISN: isn.Some(craft.Seq(5)), TTL: isn.Some(uint8(62)), Sent: isn.Some(int64(0)), Received: isn.Some(int64(2e6))}
	figures := isn.Nmap{GCD: 1, ISR: 20, SP: isn.Some(11), N: 4}
	copy(figures.ISNs[:], []craft.Seq{1, 0xABCDEF, 3, 4})
	report := isn.Report{Class: isn.ClassGlobalClock, Confidence: 0.97, Samples: 1, Nmap: isn.Some(figures),
		Findings: []isn.Finding{{Code: "global-clock", Severity: isn.Warning, Text: "one clock"}}}
	silent := netip.MustParseAddrPort("192.0.2.9:80")
	return []record.Record{
		record.NewISNSample("web.example", webPort, sample),
		&record.ISN{Target: "web.example", Addr: webPort.Addr(), Port: 80, State: probe.StateOpen, Reason: probe.ReasonSYNACK, Report: report},
		record.NewISNSample("", silent, isn.Sample{}),
		&record.ISN{Target: "192.0.2.9", Addr: silent.Addr(), Port: 80, State: probe.StateFiltered, Reason: probe.ReasonNoResponse},
	}
}

// traceRecords are a hop of two routers, one that keeps silent, and the port.
func traceRecords() []record.Record {
	hop := func(ttl, query int, addr, name string, trip time.Duration) *record.Hop {
		h := &trace.Hop{TTL: ttl, Query: query, RTT: trip}
		if addr != "" {
			h.Addr = netip.MustParseAddr(addr)
		}
		return record.NewHop("web.example", 80, h, name)
	}
	rewritten := hop(3, 1, "192.0.2.7", "", 1234*time.Microsecond)
	rewritten.Changes = []trace.Change{{Field: "tos", Sent: "0x00", Seen: "0x20"}}
	return []record.Record{
		hop(1, 1, "198.51.100.1", "gate.example", 900*time.Microsecond),
		hop(1, 2, "198.51.100.2", "", 0),
		hop(1, 3, "198.51.100.1", "gate.example", 500*time.Microsecond),
		hop(2, 1, "", "", 0),
		rewritten,
		record.NewPort("web.example", &probe.Verdict{Target: webPort, State: probe.StateOpen, Reason: probe.ReasonSYNACK, RTT: 1234 * time.Microsecond}),
	}
}

// nmapRuns are runs of every command that probes ports, and what must be in
// their documents.
var nmapRuns = map[string]struct {
	records   func() []record.Record
	xml, grep []string
}{
	"ping": {
		pingRecords,
		[]string{
			`<state state="open" reason="syn-ack" reason_ttl="63"/>`, `<state state="unknown" reason="no-route-here" reason_ttl="0"/>`,
			`<script id="rtt_summary" output="4 probes sent, 3 received, 1 lost (25 %), 1 without a time to trust; RTT min 8.0 ms, mean 12.0 ms, max 16.0 ms, stddev 0 ns, jitter 0 ns (kernel clock)">`,
			`output="0 probes sent, 0 received, 0 lost, 1 could not be sent"`, `<elem key="loss">0.25</elem>`,
			// RFC 6298: 8 ms gives 8 and 4; 16 ms then 9 and 5, and 9 + 4·5 = 29.
			`<times srtt="9000" rttvar="5000" to="29000"/>`, `2 probes made in 1.00 seconds" exit`, `up="2"`,
			`<postscript><script id="rtt_comparison" output="nothing to compare: one of them gave no time">`,
		},
		[]string{"Host: 192.0.2.7 (web.example)\tPorts: 80/open/tcp/////", "Host: 192.0.2.9 ()\tPorts: 81/unknown/tcp/////", "# nothing to compare: one of them gave no time"},
	},
	"handshake": {
		handshakeRecords,
		[]string{
			`<state state="open" reason="syn-ack" reason_ttl="61"/>`, `<state state="closed" reason="reset" reason_ttl="0"/>`,
			`<script id="handshake" output="open (syn-ack); negotiated: mss 1460">`, `<table key="negotiated">`, `<elem key="mss">1460</elem>`,
			`<script id="banner" output="info: the peer speaks first [&lt;a&amp;b&gt;�]"/>`,
			`<times srtt="20000" rttvar="10000" to="60000"/>`, `2 connections followed in 1.00 seconds" exit`, `up="1"`,
		},
		[]string{"Host: 192.0.2.7 (web.example)\tPorts: 80/open/tcp/////", "Host: 192.0.2.7 (web.example)\tPorts: 80/closed/tcp/////"},
	},
	"isn": {
		isnRecords,
		[]string{
			`<state state="open" reason="syn-ack" reason_ttl="62"/>`, `<state state="filtered" reason="no-response" reason_ttl="0"/>`,
			`<script id="isn" output="global-clock, very likely (97 %)">`, `<elem key="class">global-clock</elem>`, `<script id="isn" output="unknown">`,
			`<script id="global-clock" output="warning: one clock"/>`,
			`<tcpsequence index="11" difficulty="Formidable" values="1,ABCDEF,3,4"/>`, `<times srtt="2000" rttvar="1000" to="6000"/>`,
		},
		[]string{"Host: 192.0.2.7 (web.example)\tPorts: 80/open/tcp/////\tSeq Index: 11", "Host: 192.0.2.9 ()\tPorts: 80/filtered/tcp/////"},
	},
	"trace": {
		traceRecords,
		[]string{
			"<trace port=\"80\" proto=\"tcp\">\n" +
				"<hop ttl=\"1\" ipaddr=\"198.51.100.1\" rtt=\"0.50\" host=\"gate.example\"/>\n" +
				"<hop ttl=\"1\" ipaddr=\"198.51.100.2\"/>\n" +
				"<hop ttl=\"3\" ipaddr=\"192.0.2.7\" rtt=\"1.23\"/>\n</trace>",
			`<script id="hop" output="hop 3, 192.0.2.7: tos 0x00&gt;0x20">`, `<elem key="addr">192.0.2.7</elem>`,
			`<times srtt="1234" rttvar="617" to="3702"/>`,
		},
		[]string{"Host: 192.0.2.7 (web.example)\tPorts: 80/open/tcp/////"},
	},
	"scan": {
		func() []record.Record {
			return []record.Record{&record.Host{Target: "web.example", Addr: webPort.Addr(), Findings: []probe.Finding{{Code: "answers-all", Text: "every port"}}}}
		},
		[]string{"<ports></ports>\n<hostscript><script id=\"answers-all\" output=\"info: every port\"/></hostscript>"},
		[]string{"Host: 192.0.2.7 (web.example)"},
	},
}

func isComment(line string) bool { return strings.HasPrefix(line, "#") }

func TestXMLOfEveryCommand(t *testing.T) {
	for command, tc := range nmapRuns {
		document := nmapDocument(t, "xml", command, tc.records())
		if err := xml.Unmarshal([]byte(document), new(struct{})); err != nil {
			t.Errorf("%s: %v", command, err)
		}
		for _, want := range tc.xml {
			if !strings.Contains(document, want) {
				t.Errorf("%s: no %s in\n%s", command, want, document)
			}
		}
		if n := strings.Count(document, "<host "); n != len(slices.DeleteFunc(slices.Clone(tc.grep), isComment)) {
			t.Errorf("%s: %d hosts in\n%s", command, n, document)
		}
		checkNmapType(t, document)
	}
}

func TestGrepableOfEveryCommand(t *testing.T) {
	for command, tc := range nmapRuns {
		lines := strings.Split(strings.TrimSpace(nmapDocument(t, "grep", command, tc.records())), "\n")
		if got := lines[1 : len(lines)-1]; !slices.Equal(got, tc.grep) {
			t.Errorf("%s: got  %q\nwant %q", command, got, tc.grep)
		}
	}
}
