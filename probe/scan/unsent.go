package scan

// Most ports wait for their first transmission until the limit of their host opens. There may be a
// hundred thousand, and the order of the targets lets each turn touch others: so they have no record
// but their number in the queue of their host. What is sent and answered stays in the processor's caches.

// unsentPort marks the id of such a ticket: no record has one so high.
const unsentPort = 1 << 31

func unsent(port uint16) ticket { return ticket{id: unsentPort | uint32(port)} }

func (t ticket) unsent() bool { return t.id&unsentPort != 0 }

// port is that of an unsent one.
func (t ticket) port() uint16 { return uint16(t.id) }

// enqueueUnsent lets a port wait for its first transmission.
func (e *engine) enqueueUnsent(h *host, port uint16) {
	e.flights.count(h)
	e.Hungry = true
	e.ready.addUnsent(h, port)
}

// waiting takes the next probe that waits of a host. One that was never sent gets its record.
func (e *engine) waiting(h *host) ticket {
	t := e.ready.take(h)
	if t.unsent() {
		t = e.flights.recorded(h, t)
	}
	return t
}

// recorded is the ticket of a port with a record.
func (t *flights) recorded(h *host, x ticket) ticket { return t.ticket(t.record(h, x.port())) }

// recordUnsent gives records to all ports that wait, so that they may have their verdicts.
func (e *engine) recordUnsent() {
	if e.ready.unsent == 0 {
		return
	}
	for _, h := range e.hosts.all() {
		h.pending.each(func(t ticket) ticket {
			if t.unsent() {
				e.ready.unsent--
				t = e.flights.recorded(h, t)
			}
			return t
		})
	}
}
