package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/probe"
)

func csvOf(t *testing.T, records ...record.Record) [][]string {
	t.Helper()
	var b bytes.Buffer
	sink := rows.NewCSV(sink.NewLineWriter(&b, "buffer"), sink.Options{})
	for _, r := range records {
		if err := sink.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestCSVHasItsHeaderWhateverHappens(t *testing.T) {
	for _, records := range [][]record.Record{nil, {&record.Run{}}, {&record.Run{}, &record.Summary{}}} {
		rows := csvOf(t, records...)
		if len(rows) != 1 || !slices.Equal(rows[0], record.PortColumns()) {
			t.Errorf("%d records gave %v", len(records), rows)
		}
	}
}

// Every cell holds what the JSON of the same record holds, empty where absent.
func TestCSVAgreesWithJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 1000 {
		p := randomPort(r)
		p.Target, p.Findings = strings.ToValidUTF8(p.Target, ""), nil
		p.Reason, p.Clock, p.Flags = "reset", "kernel", "R."
		table := csvOf(t, p)
		var fields map[string]any
		d := json.NewDecoder(bytes.NewReader(rows.AppendJSON(nil, p)))
		d.UseNumber()
		if err := d.Decode(&fields); err != nil {
			t.Fatal(err)
		}
		for i, column := range table[0] {
			if got, want := table[1][i], cell(fields[column]); got != want {
				t.Fatalf("column %s: %q, in JSON %q", column, got, want)
			}
		}
		if len(fields) > len(table[0])+1 {
			t.Fatalf("%d fields, %d columns", len(fields), len(table[0]))
		}
	}
}

func cell(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return map[bool]string{true: "true", false: "false"}[v]
	}
	return ""
}

func TestCSVJoinsFindingsByCode(t *testing.T) {
	p := record.NewPort("", &silentVerdict)
	p.Findings = []probe.Finding{{Code: "challenge-ack"}, {Code: "tarpit"}}
	rows := csvOf(t, p)
	if got := rows[1][len(rows[1])-1]; got != "challenge-ack tarpit" {
		t.Errorf("got %q", got)
	}
}

// Records of every field kind can become rows, whichever columns are wanted.
func TestRowTakesTheColumnsThatItKnows(t *testing.T) {
	s := &record.Summary{End: time.Unix(0, 0), Complete: true, Rejected: map[string]uint64{"b": 2, "a": 1}, Rate: record.Some(0.5)}
	got := string(rows.AppendRow(nil, []string{"end", "complete", "sent", "rejected", "nothing", "rate_pps"}, s))
	if want := "1970-01-01T00:00:00Z,true,0,a=1 b=2,,0.5\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
