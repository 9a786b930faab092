package record

import "synscope/netraw"

// Capability is one thing that probing needs, and whether it was found here.
type Capability struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	For    string `json:"for"`              // what needs it
	Error  string `json:"error,omitempty"`  // why it is missing
	Remedy string `json:"remedy,omitempty"` // how to mend that
}

// NewCapability makes the record of what [netraw.Capabilities] found.
func NewCapability(c *netraw.Capability) *Capability {
	r := &Capability{Name: c.Name, OK: c.OK, For: c.For}
	if !c.OK {
		r.Remedy = c.Remedy
	}
	if c.Err != nil {
		r.Error = ErrorWords(c.Err)
	}
	return r
}

// Type is "capability".
func (*Capability) Type() string { return "capability" }

func (c *Capability) Fields(w FieldWriter) {
	w.Str("name", c.Name)
	w.Bool("ok", c.OK)
	w.Str("for", c.For)
	strField(w, "error", c.Error)
	strField(w, "remedy", c.Remedy)
}
