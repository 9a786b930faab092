package paths

// vertex is a place that flows pass, at one TTL: an interface, or what is known of
// a hop that does not answer, or the several interfaces behind a balancer that
// sends each packet elsewhere.
type vertex struct {
	ttl      int
	place    place   // of an interface; the zero value otherwise
	members  []place // of the interfaces behind a balancer of packets
	silent   bool
	perhaps  bool // silent, and nothing behind it has answered: there may be nothing
	givenUp  bool // the same, and what may be behind it was searched for long enough
	box      bool // answers in the target's name, and is not the target
	loop     bool // the same interface for the third time
	waist    bool // all flows pass here
	spreads  bool // sends the packets of one flow to several next hops
	flows    []*flow
	inferred map[*flow]bool // that pass here although it was not tried
	before   []*vertex

	next    []*link
	settled int // flows for which the next hop is known
	flying  int // flows for which it is being asked
	pending []*pair
	same    int     // probes sent twice that went the same way
	lossy   float64 // share of probes lost of those that were for hops behind and were answered in the end; -1: not known yet
}

// link is the way from one vertex to the next.
type link struct {
	from, to *vertex
	flows    int
	proven   bool  // by a flow that was seen at both ends
	unproven *flow // or one that was not
}

// share is how much of what passes the vertex before goes this way: as the flows
// were seen to, with a few added that go each way alike, since routers balance
// evenly more often than not.
func (l *link) share() float64 {
	const added = 8
	return float64(l.flows+added) / float64(l.from.settled+added*len(l.from.next))
}

// ends reports whether no hop is looked for behind the vertex.
func (v *vertex) ends() bool { return v.place.ends && !v.box || v.loop || v.perhaps }

// cloud reports whether the vertex stands for several interfaces.
func (v *vertex) cloud() bool { return len(v.members) > 0 }

// shown is how many next hops the vertex has shown.
func (v *vertex) shown() (n int) {
	for _, l := range v.next {
		n += max(1, len(l.to.members))
	}
	return n
}

// take infers that flows pass a vertex.
func (v *vertex) take(flows []*flow) {
	here := map[*flow]bool{}
	for _, f := range v.flows {
		here[f] = true
	}
	if v.inferred == nil {
		v.inferred = map[*flow]bool{}
	}
	for _, f := range flows {
		if !here[f] {
			v.flows = append(v.flows, f)
			v.inferred[f] = true
		}
	}
}
