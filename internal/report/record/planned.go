package record

// Planned is a line of what a run would do: of --dry-run and --plan, which send
// nothing.
type Planned struct {
	Text string // a packet in tcpdump's notation, a command, or a number of the plan
}

// Type is "planned".
func (*Planned) Type() string { return "planned" }

func (p *Planned) Fields(w FieldWriter) { w.Str("text", p.Text) }
