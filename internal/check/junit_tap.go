package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"synscope/internal/report/units"
)

// WriteJUnit writes results as JUnit's XML, which servers for CI read: a suite,
// and a case for each result.
func WriteJUnit(w io.Writer, suite string, took time.Duration, all []Result) error {
	type failure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	type testCase struct {
		Class   string   `xml:"classname,attr"`
		Name    string   `xml:"name,attr"`
		Time    string   `xml:"time,attr,omitempty"` // s
		Failure *failure `xml:"failure,omitempty"`
		Error   *failure `xml:"error,omitempty"`
	}
	type testSuite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Time     string     `xml:"time,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	s := testSuite{Name: suite, Tests: len(all), Time: fmt.Sprintf("%.3f", took.Seconds())}
	for _, r := range all {
		c := testCase{Class: r.Name, Name: r.Target + ": " + r.Expected}
		if r.Took > 0 {
			c.Time = fmt.Sprintf("%.3f", r.Took.Seconds())
		}
		switch {
		case r.Unjudged != "":
			s.Errors++
			c.Error = &failure{"not judged: " + r.Unjudged, r.Where}
		case !r.OK:
			s.Failures++
			c.Failure = &failure{"expected " + r.Expected + ", found " + r.Got, r.Where}
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// WriteTAP writes results in the Test Anything Protocol, version 13.
func WriteTAP(w io.Writer, all []Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 13\n1..%d\n", len(all))
	for i, r := range all {
		verdict := "ok"
		if !r.OK {
			verdict = "not ok"
		}
		fmt.Fprintf(&b, "%s %d - %s\n", verdict, i+1, tapWords(r.Name+": "+r.Target+": "+r.Expected))
		if !r.OK {
			key, found := "found", r.Got
			if r.Unjudged != "" {
				key, found = "not_judged", r.Unjudged
			}
			fmt.Fprintf(&b, "  ---\n  expected: %q\n  %s: %q\n  at: %q\n  ...\n", r.Expected, key, found, r.Where)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// tapWords are a description, in which # begins a directive and a line's end ends
// it.
func tapWords(s string) string {
	return units.Printable(strings.NewReplacer("\\", "\\\\", "#", "\\#", "\n", " ", "\r", " ").Replace(s))
}
