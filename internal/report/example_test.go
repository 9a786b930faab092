package report_test

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/netraw"
	"synscope/probe"
)

// One run, written as text to standard output; a file more is one more entry.
func ExampleOpen() {
	out, err := report.Open(report.Config{
		Stdout: os.Stdout,
		Options: sink.Options{
			Hosts:   1,
			Service: func(port uint16) string { return map[uint16]string{443: "https"}[port] },
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	host := netip.MustParseAddr("192.0.2.7")
	out.Record(&record.Run{Version: "1.0", Command: "scan", Start: time.Unix(0, 0)})
	out.Record(record.NewPort("web.example", &probe.Verdict{
		Target: netip.AddrPortFrom(host, 443), State: probe.StateOpen, Reason: probe.ReasonSYNACK, RTT: 20100 * time.Microsecond, Clock: netraw.ClockUser,
	}))
	for port := range uint16(65530) {
		out.Record(record.NewPort("web.example", &probe.Verdict{
			Target: netip.AddrPortFrom(host, port), State: probe.StateRefused, Reason: probe.ReasonReset,
		}))
	}
	if err := out.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// web.example (192.0.2.7)
	// PORT       STATE          SERVICE           RTT (user)
	// 443/tcp    open           https             20.1 ms
	// 65,530 refused (reset)
}

// A field that was not measured is absent: here all that a reply would tell.
func ExampleAppendJSON() {
	record := record.NewPort("", &probe.Verdict{
		Target: netip.MustParseAddrPort("[2001:db8::1]:25"), State: probe.StateFiltered, Reason: probe.ReasonNoResponse, Attempts: 3,
	})
	fmt.Printf("%s\n", rows.AppendJSON(nil, record))
	// Output:
	// {"type":"port","target":"2001:db8::1","addr":"2001:db8::1","port":25,"state":"filtered","reason":"no-response","attempts":3}
}
