// Package htmlreport makes one HTML page of the JSON lines of runs. The page is
// whole by itself: it asks for nothing over a network, reads without scripts
// (which only sort and filter), on paper and on a phone, dark and light.
//
// The life of a line: [Report.Read] checks it and decodes it by its type
// (records.go); a [run] takes it in and keeps what a page has room for; when all
// is read, [Report.Write] lets each part of the page make its view (hosts.go,
// trips.go, ladder.go, numbers.go, paths.go, ...), and page.html shows the views.
//
// The files are strangers': a line that is no record is an error that names it
// ([ErrInput]), everything is escaped, and what a page, or memory, has no room
// for is counted and said to be left out.
//
//	var r htmlreport.Report
//	if err := r.Read("run.jsonl", f); err != nil {
//		return err
//	}
//	return r.Write(w)
package htmlreport
