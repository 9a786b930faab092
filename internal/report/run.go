package report

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

func (r *Run) fields(w fieldWriter) {
	w.str("schema", Schema)
	w.str("version", r.Version)
	w.str("command", r.Command)
	w.strs("args", r.Args)
	strField(w, "engine", r.Engine)
	uintField(w, "seed", r.Seed)
	w.time("start", r.Start)
	if len(r.Notes) > 0 {
		w.strs("notes", r.Notes)
	}
}
