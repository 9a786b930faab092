package record

import "time"

// Run opens every run: who asked for what, and how packets leave.
type Run struct {
	Version string        `json:"version"`
	Command string        `json:"command"`
	Args    []string      `json:"args"` // the command line as given, without the program's name
	Engine  string        `json:"engine,omitempty"`
	Seed    Maybe[uint64] `json:"seed,omitzero"`
	Start   time.Time     `json:"start"`
	Notes   []string      `json:"notes,omitempty"` // what the run had to do without, a sentence each
}

// Type is "run".
func (*Run) Type() string { return "run" }

func (r *Run) Fields(w FieldWriter) {
	w.Str("schema", Schema)
	w.Str("version", r.Version)
	w.Str("command", r.Command)
	w.Strs("args", r.Args)
	strField(w, "engine", r.Engine)
	uintField(w, "seed", r.Seed)
	w.Time("start", r.Start)
	if len(r.Notes) > 0 {
		w.Strs("notes", r.Notes)
	}
}
