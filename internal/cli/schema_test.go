package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"synscope/internal/schema"
)

// published is the schema of the records, as a validator of others reads it.
var published = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema.Records))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://example.invalid/records", doc); err != nil {
		return nil, err
	}
	return c.Compile("https://example.invalid/records")
})

// known are the fields of each record in the schema.
var known = sync.OnceValue(func() map[string]map[string]any {
	var doc struct {
		Defs map[string]struct{ Properties map[string]any } `json:"$defs"`
	}
	json.Unmarshal(schema.Records, &doc)
	all := map[string]map[string]any{}
	for name, def := range doc.Defs {
		all[name] = def.Properties
	}
	return all
})

// valid holds a JSON line against the published schema, and each of its fields
// must be in there.
func valid(t *testing.T, line string) {
	t.Helper()
	s, err := published()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
	if err != nil {
		t.Errorf("%v: %s", err, line)
		return
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, line)
		return
	}
	fields := doc.(map[string]any)
	for name := range fields {
		if _, ok := known()[fields["type"].(string)][name]; !ok {
			t.Errorf("the schema has no %s.%s", fields["type"], name)
		}
	}
}

// Commands that write records without a run do so by the schema, a line each.
func TestRecordsWithoutARun(t *testing.T) {
	for _, line := range []string{"doctor -o json", "explain -o json"} {
		out, errs, _ := ranAlone(t, strings.Fields(line)...)
		if !strings.HasSuffix(out, "}\n") {
			t.Errorf("%s: does not end with a whole line: %s", line, errs)
		}
		for jsonRecord := range strings.Lines(out) {
			valid(t, jsonRecord)
		}
	}
}

func TestSchemaCommand(t *testing.T) {
	for line, want := range map[string]string{"schema": "oneOf", "schema port": "#/$defs/port", "schema check": "expect", "schema handshake": "negotiated"} {
		out, errs, code := ranAlone(t, strings.Fields(line)...)
		if code != exitYes || errs != "" || !strings.Contains(out, want) || !json.Valid([]byte(out)) {
			t.Errorf("%s: exit %d %s", line, code, errs)
		}
	}
	for _, line := range []string{"schema nonsense", "schema port rtt"} {
		if out, errs, code := ranAlone(t, strings.Fields(line)...); code != exitUsage || out != "" || errs == "" {
			t.Errorf("%s: exit %d %s", line, code, out)
		}
	}
}
