// Package report writes what a run found: text for people, JSON lines, CSV,
// nmap's XML and its grepable lines, to standard output and to any number of
// files at once.
//
// The life of one result: the engine hands over a [probe.Verdict]; [NewPort]
// turns it into a [Port] record, in which a field that was not measured is
// absent; [Output.Record] gives the record to every [Sink]; a sink renders it
// as whole lines into a [LineWriter]; a batch of whole lines is one write.
//
// A record names its fields once, in order, and JSON and CSV both read that
// list: a new record is one file with its type. A format is one file with its
// [Sink], and one entry in [Formats].
//
//	out, err := report.Open(report.Config{
//		Stdout: os.Stdout,
//		Files:  []report.File{{Format: "json", Path: "run.jsonl"}},
//	})
//	out.Record(&report.Run{Version: version, Command: "scan", Start: time.Now()})
//	summary, err := probe.Scan(ctx, conn, cfg, func(v probe.Verdict) error {
//		return out.Record(report.NewPort(set.Name(v.Target.Addr()), &v))
//	})
//	out.Record(report.NewSummary(&summary, time.Now()))
//	err = out.Close()
//
// The formats of nmap tell of hosts, one after the other, where records tell of
// probes as they end. A hostbook gathers records by host until a host is told
// of; what of a record has no element of its own there goes into a script
// element in full.
//
// What is written while a run goes on besides results, the progress line,
// shares the terminal with them through [Screen].
package report
