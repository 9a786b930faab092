// Package schema holds the JSON Schemas (draft 2020-12) of what synscope writes
// and reads: every record of the JSON lines, and the language of expectations.
// That of the records is made from the source of internal/report by this package's
// test, so that it cannot fall behind:
//
//	go test ./internal/schema -update
package schema

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Records is the schema of a JSON line: one of the records.
//
//go:embed records.json
var Records []byte

// Check is the schema of a file of expectations.
//
//go:embed check.json
var Check []byte

// document is a schema with definitions.
type document struct {
	Defs map[string]json.RawMessage `json:"$defs"`
}

// All is Records for people to read.
func All() []byte {
	var b bytes.Buffer
	json.Indent(&b, Records, "", "  ")
	return b.Bytes()
}

// Names are the records, in the order of the alphabet.
func Names() (names []string) {
	for _, name := range slices.Sorted(maps.Keys(definitions())) {
		if name != "finding" {
			names = append(names, name)
		}
	}
	return names
}

func definitions() map[string]json.RawMessage {
	var d document
	if err := json.Unmarshal(Records, &d); err != nil {
		panic(fmt.Sprintf("schema: records.json: %v", err)) // a part of the program
	}
	return d.Defs
}

// With are the records that have a field of a name, in the order of the alphabet.
func With(field string) (names []string) {
	all := definitions()
	for _, name := range Names() {
		var record struct {
			Properties map[string]json.RawMessage `json:"properties"`
		}
		if json.Unmarshal(all[name], &record) == nil && record.Properties[field] != nil {
			names = append(names, name)
		}
	}
	return names
}

// Record is the schema of one record by its type, by itself; false where there is
// no such record.
func Record(name string) ([]byte, bool) {
	all := definitions()
	own, known := all[name]
	if !known || name == "finding" {
		return nil, false
	}
	alone := map[string]any{
		"$schema": draft, "$id": "https://synscope.invalid/1/" + name, "$ref": "#/$defs/" + name,
		"$defs": map[string]json.RawMessage{name: own, "finding": all["finding"]},
	}
	b, err := json.MarshalIndent(alone, "", "  ")
	return append(b, '\n'), err == nil
}

const draft = "https://json-schema.org/draft/2020-12/schema"
