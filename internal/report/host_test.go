package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/netraw"
	"synscope/probe"
)

func vendorOf(mac net.HardwareAddr) string { return "Maker & Sons" }

// someHosts are one that is on the link, one that is not there, and one that
// could not be asked.
func someHosts() []probe.HostReport {
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	return []probe.HostReport{
		{
			Addr: at("192.0.2.7"), State: probe.HostUp, Reason: probe.ReasonARP, RTT: 123 * time.Microsecond, Clock: netraw.ClockUser,
			MAC: net.HardwareAddr{0, 0, 0xc, 1, 2, 0xff}, Began: someTime.Add(-time.Millisecond), Time: someTime,
		},
		{Addr: at("192.0.2.8"), State: probe.HostDown, Reason: probe.ReasonNoNeighbour, Began: someTime, Time: someTime.Add(750 * time.Millisecond)},
		{Addr: at("192.0.2.9"), Reason: probe.ReasonNoRoute, Err: errors.New("no route to host"), Time: someTime},
	}
}

// hostRun writes a search for hosts in a format.
func hostRun(t *testing.T, format string, o sink.Options, hosts []probe.HostReport) string {
	t.Helper()
	var out bytes.Buffer
	f := formatOf(t, format)
	o.HostList, o.Hosts = true, 256
	s := f.New(sink.NewLineWriter(&out, "out"), o)
	s.Record(&record.Run{Version: "0", Command: "scan", Args: []string{"scan", "-sn"}, Start: someTime})
	counts := map[probe.HostState]uint64{}
	down := map[probe.Reason]uint64{}
	for i, h := range hosts {
		counts[h.State]++
		if h.State == probe.HostDown {
			down[h.Reason]++
		}
		target := "192.0.2.0/24"
		if i == 0 {
			target = "web.example"
		}
		s.Record(record.NewHost(target, &h, vendorOf))
	}
	end := record.NewSummary(&probe.Summary{Probes: uint64(len(hosts)), Sent: 6, Received: 1, Complete: true, Took: time.Second}, someTime.Add(time.Second))
	end.HostsUp, end.HostsDown, end.Down = record.Some(counts[probe.HostUp]), record.Some(counts[probe.HostDown]), down
	if n := counts[probe.HostUnknown]; n > 0 {
		end.HostsUnknown = record.Some(n)
	}
	s.Record(end)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// emptyNetwork is two of someHosts, and n more that are not there.
func emptyNetwork(n int) []probe.HostReport {
	all := someHosts()[:2]
	for i := range n {
		h := all[1]
		h.Addr = netip.AddrFrom4([4]byte{192, 0, 2, byte(10 + i)})
		all = append(all, h)
	}
	return all
}

func TestHostListForPeople(t *testing.T) {
	for _, tc := range []struct {
		name  string
		o     sink.Options
		hosts []probe.HostReport
	}{
		{"hosts-few", sink.Options{}, someHosts()},
		{"hosts-many", sink.Options{}, emptyNetwork(40)},
		{"hosts-reason", sink.Options{Reason: true, Verbose: true}, emptyNetwork(12)},
		{"hosts-colour-banner", sink.Options{Colour: sink.Coloured, Banner: true}, someHosts()},
		{"hosts-quiet", sink.Options{Quiet: true}, emptyNetwork(40)},
	} {
		golden(t, tc.name, hostRun(t, "text", tc.o, tc.hosts))
	}
}

// Nothing that was not measured is told.
func TestHostFieldsAreAbsent(t *testing.T) {
	hosts := someHosts()
	for i, want := range []string{
		`{"type":"host","time":"2026-03-01T12:00:00.123456789Z","target":"web.example","addr":"192.0.2.7","name":"web.example","state":"up",` +
			`"reason":"arp-response","rtt_ns":123000,"rtt_clock":"user","mac":"00:00:0c:01:02:ff","vendor":"Maker & Sons","began":"2026-03-01T12:00:00.122456789Z"}`,
		`{"type":"host","time":"2026-03-01T12:00:00.873456789Z","target":"web.example","addr":"192.0.2.8","name":"web.example","state":"down",` +
			`"reason":"no-neighbour","began":"2026-03-01T12:00:00.123456789Z"}`,
		`{"type":"host","time":"2026-03-01T12:00:00.123456789Z","target":"web.example","addr":"192.0.2.9","name":"web.example","reason":"no-route-here",` +
			`"findings":[{"code":"no-route-here","severity":"warning","text":"no route to host"}]}`,
	} {
		if got := string(rows.AppendJSON(nil, record.NewHost("web.example", &hosts[i], vendorOf))); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	probed := hosts[0]
	probed.Ports, probed.Loss = 4, probe.HostLoss{Sent: 4}
	if got := string(rows.AppendJSON(nil, record.NewHost("", &probed, nil))); !strings.HasSuffix(got, `"ports_probed":4,"loss":0}`) {
		t.Error(got)
	}
}

func TestHostsInOtherFormats(t *testing.T) {
	csv := strings.Split(strings.TrimSpace(hostRun(t, "csv", sink.Options{}, someHosts())), "\n")
	if len(csv) != 4 || csv[0] != strings.Join(record.HostColumns(), ",") ||
		csv[1] != "2026-03-01T12:00:00.123456789Z,web.example,192.0.2.7,web.example,up,arp-response,123000,user,,00:00:0c:01:02:ff,Maker & Sons,2026-03-01T12:00:00.122456789Z,,," {
		t.Errorf("%q", csv)
	}
	noComments := func(s string) []string {
		return slices.DeleteFunc(strings.Split(strings.TrimSpace(s), "\n"), isComment)
	}
	if got := noComments(hostRun(t, "grep", sink.Options{}, someHosts())); !slices.Equal(got, []string{"Host: 192.0.2.7 (web.example)\tStatus: Up"}) {
		t.Errorf("%q", got)
	}
	want := []string{"Host: 192.0.2.7 (web.example)\tStatus: Up", "Host: 192.0.2.8 ()\tStatus: Down", "Host: 192.0.2.9 ()\tStatus: Unknown"}
	if got := noComments(hostRun(t, "grep", sink.Options{Verbose: true}, someHosts())); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestHostsInXML(t *testing.T) {
	document := hostRun(t, "xml", sink.Options{}, someHosts())
	checkNmapType(t, document)
	if err := xml.Unmarshal([]byte(document), new(struct{})); err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		`<host starttime="1772366400" endtime="1772366400"><status state="up" reason="arp-response" reason_ttl="0"/>` +
			`<address addr="192.0.2.7" addrtype="ipv4"/>` + "\n" + `<address addr="00:00:0C:01:02:FF" addrtype="mac" vendor="Maker &amp; Sons"/>`,
		`<status state="down" reason="no-response" reason_ttl="0"/><address addr="192.0.2.8"`,
		`<status state="unknown" `, `<hosts up="1" down="1" total="3"/>`,
	} {
		if !strings.Contains(document, want) {
			t.Errorf("no %s in\n%s", want, document)
		}
	}
}

// A host whose ports were probed though it kept silent counts as up, as in nmap
// where hosts are not looked for; what was asked and answered is told of each
// host below its ports.
func TestHostsAfterAScan(t *testing.T) {
	silent, web := someHosts()[1], someHosts()[0]
	silent.Reason = probe.ReasonNoResponse
	silent.Ports, web.Ports, web.Loss = 1, 2, probe.HostLoss{Sent: 40, Unanswered: 1}
	records := []record.Record{
		record.NewPort("", new(verdict("192.0.2.7:80", probe.StateOpen, probe.ReasonSYNACK))),
		record.NewPort("", new(verdict("192.0.2.7:81", probe.StateRefused, probe.ReasonReset))),
		record.NewPort("", new(verdict("192.0.2.8:80", probe.StateFiltered, probe.ReasonNoResponse))),
		record.NewHost("", &web, vendorOf), record.NewHost("", &silent, nil),
	}
	write := func(format string, o sink.Options) string {
		var out bytes.Buffer
		f, _ := FormatByName(format)
		s := f.New(sink.NewLineWriter(&out, "out"), o)
		s.Record(&record.Run{Command: "scan", Start: someTime})
		for _, r := range records {
			s.Record(r)
		}
		end := record.NewSummary(&probe.Summary{Probes: 3, Complete: true}, someTime)
		end.HostsUp, end.HostsDown, end.Down = record.Some(uint64(2)), record.Some(uint64(254)), map[probe.Reason]uint64{"no-neighbour": 250, "no-response": 4}
		s.Record(end)
		s.Close()
		return out.String()
	}
	document := write("xml", sink.Options{})
	checkNmapType(t, document)
	if !strings.Contains(document, `; 256 IP addresses (2 hosts up) scanned in `) {
		t.Error(document)
	}
	for _, want := range []string{`<status state="up" reason="user-set" reason_ttl="0"/><address addr="192.0.2.8"`, `<hosts up="2" down="254" total="256"/>`} {
		if !strings.Contains(document, want) {
			t.Errorf("no %s in\n%s", want, document)
		}
	}
	if got := write("grep", sink.Options{}); !strings.Contains(got, "Host: 192.0.2.7 ()\tStatus: Up\nHost: 192.0.2.7 ()\tPorts: ") {
		t.Error(got)
	}
	golden(t, "scan-hosts", write("text", sink.Options{}))
	golden(t, "scan-hosts-reason", write("text", sink.Options{Reason: true}))
}

// Silence is never called certain.
func TestSureIsNeverRoundedUp(t *testing.T) {
	for sure, want := range map[float64]string{0.9996: "99.9 % sure", 1: "99.9 % sure", 0.98: "98.0 % sure", 0.97999: "97.9 % sure", 0.5: "50.0 % sure"} {
		if got := text.SureWords(sure); got != want {
			t.Errorf("%v: %s, want %s", sure, got, want)
		}
	}
}

// Of many hosts only those with findings are told of one by one.
func TestManyHostsAreNotDescribed(t *testing.T) {
	for n, want := range map[int]int{25: 25, 40: 0} {
		var out bytes.Buffer
		s := text.New(sink.NewLineWriter(&out, "out"), sink.Options{Reason: true})
		s.Record(&record.Run{Command: "scan"})
		for i := range n {
			h := probe.HostReport{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), State: probe.HostUp, Reason: "reset", Ports: 3, Began: someTime, Time: someTime}
			s.Record(record.NewHost("", &h, nil))
		}
		odd := probe.HostReport{Addr: netip.MustParseAddr("198.51.100.1"), Findings: []probe.Finding{{Code: "all-open", Text: "everything"}}}
		s.Record(record.NewHost("", &odd, nil))
		s.Record(record.NewSummary(&probe.Summary{Complete: true}, someTime))
		s.Close()
		if got := strings.Count(out.String(), "3 ports from"); got != want || !strings.Contains(out.String(), "all-open") {
			t.Errorf("%d hosts: %d are described\n%s", n, got, out.String())
		}
	}
}
