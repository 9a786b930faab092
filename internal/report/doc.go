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
// A new record is one file with its type; a format is one file with its sink,
// and one entry in [Formats].
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
