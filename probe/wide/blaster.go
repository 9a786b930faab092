package wide

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// stamped is a Network as a Blaster: templates are stamped out into a batch of
// whole packets, which are sent as any others.
type stamped struct {
	probe.Network
	v4, v6 *craft.Template
	bytes  []byte
	batch  [][]byte
	links  []int          // of each, for destinations in zones
	zones  map[string]int // interfaces of zones
}

// NewBlaster sends the probes of cfg over n.
func NewBlaster(n probe.Network, cfg Config) (Blaster, error) {
	v4, v6, err := cfg.Templates()
	if err != nil {
		return nil, err
	}
	return &stamped{Network: n, v4: v4, v6: v6, zones: map[string]int{}}, nil
}

// Blast stamps and sends.
func (s *stamped) Blast(fields []craft.Fields) (int, error) {
	s.bytes, s.batch, s.links = s.bytes[:0], s.batch[:0], s.links[:0]
	if room := len(fields) * max(s.v4.Len(), s.v6.Len()); cap(s.bytes) < room {
		s.bytes = make([]byte, 0, room)
	}
	for i := range fields {
		start := len(s.bytes)
		s.bytes = s.template(&fields[i]).AppendTo(s.bytes, fields[i])
		s.batch = append(s.batch, s.bytes[start:])
		s.links = append(s.links, s.link(fields[i].Dst.Addr()))
	}
	return wire.SendOn(s.Network, s.batch, s.links)
}

// link is the interface of an address in a zone, 0 for others.
func (s *stamped) link(a netip.Addr) int {
	if a.Zone() == "" {
		return 0
	}
	link, known := s.zones[a.Zone()]
	if !known {
		if route, err := s.Route(a); err == nil {
			link = route.IfIndex
		}
		s.zones[a.Zone()] = link
	}
	return link
}

func (s *stamped) template(f *craft.Fields) *craft.Template {
	if f.Dst.Addr().Is4() {
		return s.v4
	}
	return s.v6
}

// AnswersResets is false: the run sends them.
func (s *stamped) AnswersResets() bool { return false }

// Backlog is the network's, where that knows it.
func (s *stamped) Backlog() float64 {
	if n, ok := s.Network.(interface{ Backlog() float64 }); ok {
		return n.Backlog()
	}
	return 0
}

// Unwrap is the network: what it knows of routes holds here too.
func (s *stamped) Unwrap() probe.Network { return s.Network }
