package record

// SchemaText is the schema of a record, or of the language of check, as a record itself.
type SchemaText struct {
	Name string // of the record; "records" are all, "check" is the language
	Text string // the JSON Schema
}

// Type is "schema".
func (*SchemaText) Type() string { return "schema" }

func (s *SchemaText) Fields(w FieldWriter) {
	w.Str("name", s.Name)
	w.Str("text", s.Text)
}
