package schema

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"synscope/internal/explain"
	"synscope/internal/report/record"
)

var update = flag.Bool("update", false, "write records.json")

// any of the writer's methods and helpers, as JSON Schema.
var (
	text    = map[string]any{"type": "string"}
	count   = map[string]any{"type": "integer", "minimum": 0}
	nanos   = map[string]any{"type": "integer", "description": "nanoseconds"}
	decimal = map[string]any{"type": "number"}
	truth   = map[string]any{"type": "boolean"}
	moment  = map[string]any{"type": "string", "format": "date-time"}

	kinds = map[string]map[string]any{
		"Str": text, "Addr": text, "Uint": count, "Nanoseconds": nanos, "Float": decimal, "Bool": truth, "Time": moment,
		"Strs":      {"type": "array", "items": text},
		"Counts":    {"type": "object", "additionalProperties": count},
		"Findings":  {"type": "array", "items": map[string]any{"$ref": "#/$defs/finding"}},
		"Durations": {"type": "array", "items": nanos},
		"Object":    {"type": "object"},
	}
	helpers = map[string]map[string]any{
		"strField": text, "uintField": count, "boolField": truth, "durationField": nanos, "addrField": text,
		"floatField": decimal, "timeField": moment, "momentField": moment,
		"findingsField": {"type": "array", "items": map[string]any{"$ref": "#/$defs/finding"}},
	}
)

// worded are the fields that hold one of the words of a kind.
var worded = map[string]explain.Kind{"close": explain.Close, "class": explain.Class, "kind": explain.Hop}

func (o *object) schema() map[string]any {
	m := map[string]any{"type": "object", "properties": o.properties}
	if len(o.required) > 0 {
		m["required"] = o.required
	}
	return m
}

// made is the schema of all records, as the source has them.
func made(t *testing.T) []byte {
	t.Helper()
	all := readSource(t).records()
	explanation := newObject()
	for _, name := range []string{"kind", "word", "means"} {
		explanation.put(name, text, always)
	}
	for _, name := range []string{"concluded_from", "advice", "see"} {
		explanation.put(name, text, sometimes)
	}
	all["explanation"] = explanation
	finding := newObject()
	finding.put("code", text, always)
	finding.put("severity", map[string]any{"enum": []string{"info", "notice", "warning"}}, always)
	finding.put("text", text, always)
	finding.put("evidence", text, sometimes)
	defs := map[string]any{"finding": finding.schema()}
	var refs []any
	names := []string{}
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		o := all[name]
		for field, kind := range worded {
			if _, has := o.properties[field]; has && name != "explanation" {
				o.properties[field] = map[string]any{"enum": explain.Words(kind)}
			}
		}
		if name == "run" {
			o.properties["schema"] = map[string]any{"const": record.Schema}
		}
		o.properties["type"] = map[string]any{"const": name}
		o.required = append([]string{"type"}, o.required...)
		defs[name] = o.schema()
		refs = append(refs, map[string]any{"$ref": "#/$defs/" + name})
	}
	head, err := json.Marshal(map[string]any{
		"$schema": draft, "$id": "https://synscope.invalid/1/records", "title": "A line of synscope's JSON lines (" + record.Schema + ")",
		"description": "A field that was not measured is absent. New fields may come without a new version.", "oneOf": refs,
	})
	if err != nil {
		t.Fatal(err)
	}
	return inLines(t, head, defs)
}

// inLines adds definitions to a schema, each in a line of its own: with each word in one, the program would be larger by
// as much again.
func inLines(t *testing.T, head []byte, defs map[string]any) []byte {
	t.Helper()
	b := append(bytes.TrimSuffix(head, []byte("}")), `,"$defs":{`...)
	for i, name := range slices.Sorted(maps.Keys(defs)) {
		def, err := json.Marshal(defs[name])
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(fmt.Appendf(b, "\n%q:", name), def...)
	}
	return append(b, "\n}}\n"...)
}

// The schema in the repository is the one that the source gives.
func TestRecordsAreThoseOfTheSource(t *testing.T) {
	want := made(t)
	if *update {
		if err := os.WriteFile("records.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, Records) {
		t.Error("records.json is not what internal/report writes: go test ./internal/schema -update")
	}
	for _, name := range []string{"run", "port", "rtt", "rtt_summary", "handshake", "isn", "hop", "check", "summary", "segment", "host"} {
		if !slices.Contains(Names(), name) {
			t.Errorf("no %s", name)
		}
	}
}

// compiled is a schema that a validator made by others accepts.
func compiled(t *testing.T, name string, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://example.invalid/"+name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://example.invalid/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Records of each type are accepted, and broken ones not.
func TestSchemasJudge(t *testing.T) {
	s := compiled(t, "records", Records)
	for line, valid := range map[string]bool{
		`{"type":"check","name":"n","target":"t","ok":true,"expected":"e","got":"g"}`:  true,
		`{"type":"check","name":"n","target":"t","ok":"yes","expected":"e","got":"g"}`: false,
		`{"type":"check","name":"n"}`: false,
		`{"type":"nonsense"}`:         false,
		`{"type":"run","schema":"synscope/1","version":"0","command":"c","args":[],"start":"2026-01-01T00:00:00Z"}`: true,
		`{"type":"run","schema":"synscope/2","version":"0","command":"c","args":[],"start":"2026-01-01T00:00:00Z"}`: false,
		`{"type":"run","schema":"synscope/1","version":"0","command":"c","args":[],"start":"yesterday"}`:            false,
		`{"type":"port","target":"t","addr":"192.0.2.1","port":-1,"state":"open","reason":"syn-ack","attempts":1}`:  false,
	} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); (err == nil) != valid {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, name := range Names() {
		one, ok := Record(name)
		if !ok {
			t.Errorf("no schema of %s alone", name)
			continue
		}
		compiled(t, name, one)
	}
	if _, ok := Record("finding"); ok {
		t.Error("a finding is no record")
	}
}

// The language's schema accepts what is documented and refuses what the language
// refuses.
func TestCheckSchema(t *testing.T) {
	s := compiled(t, "check", Check)
	page, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	valid := map[string]bool{
		"expekt: []": false, "expect: []": false, "expect: [{open: 80}]": false, "expect: [{targets: a, opne: 80}]": false,
		"expect: [{targets: a, open: 80, rtt: {p96: 1s}}]": false, "expect: [{targets: a, open: 80, only: perhaps}]": false,
		"expect: [{targets: a, open: 80, isn: tuple-clok}]": false, "version: 2\nexpect: [{targets: a, open: 80}]": false,
		"expect: [{targets: a, open: [80, https]}]": true, "expect: [{targets: [a, b], port: 1, handshake: {}}]": true,
		"expect: [{targets: a, open: 80, handshake: {close: fourway}}]": false,
		"expect: [{targets: a, open: 0}]":                               false, "expect: [{targets: a, open: 80, loss: 1}]": false, "expect: [{targets: a, open: 80, loss: 0.5}]": true,
		"expect: [{targets: a, open: 80, rtt: {}}]": false, "expect: [{targets: a, open: 80, path: {}}]": false,
		"expect: [{targets: a, open: 80, isn: {quick: true}}]": false, "expect: [{targets: a, open: 80, isn: {class: random, quick: true}}]": true,
		"expect: [{targets: a, open: 80, name: ''}]": false,
	}
	for _, part := range strings.Split(string(page), "```") {
		if example, ok := strings.CutPrefix(part, "yaml\n"); ok {
			valid[example] = true
		}
	}
	for text, want := range valid {
		var doc any
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
