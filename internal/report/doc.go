// Package report writes what a run found, to standard output and to any number
// of files at once, in any of [Formats].
//
// The life of one result: the engine hands over a [probe.Verdict];
// [record.NewPort] turns it into a [record.Port]; [Output.Record] gives that to
// every [sink.Sink]; a sink renders it into a [sink.LineWriter]. The rooms:
//
//	record    the records, and their fields in order
//	sink      what a format is, and the writer of whole lines
//	units     numbers and words for people
//	text      text for people
//	rows      JSON lines, CSV, columns
//	nmap      nmap's XML and grepable lines
//	lists     open ports as other scanners list them
//	screen    what stays in place on a terminal
//
// A new record is one file with its type in package record; its schema follows by
//
//	go test ./internal/schema -update
//
// What people see of it is a case of text.New's sink, or the text of its command; what a
// page shows is a case of internal/htmlreport's run.take, without which a test
// there fails. It has a place in CSV and columns where it fills the table of a command
// (tableOf in rows), in nmap's formats where it tells of a host (hostbook_records.go),
// and among the words that the last line of the text explains where it has reasons or
// findings (internal/cli/explain_hint.go).
//
// A new count of a run is a field of [probe.Summary], which adds it up, and of
// [record.Summary] in the same file with its JSON; tests fail where it is left out. Pages show what
// summaryRecord.facts of internal/htmlreport lists.
//
// A format is one file with its sink, and one entry in [Formats].
//
//	out, err := report.Open(report.Config{
//		Stdout: os.Stdout,
//		Files:  []report.File{{Format: "json", Path: "run.jsonl"}},
//	})
//	out.Record(&record.Run{Version: version, Command: "scan", Start: time.Now()})
//	summary, err := scan.Run(ctx, conn, cfg, func(v probe.Verdict) error {
//		return out.Record(record.NewPort(set.Name(v.Target.Addr()), &v))
//	})
//	out.Record(record.NewSummary(&summary, time.Now()))
//	err = out.Close()
package report
