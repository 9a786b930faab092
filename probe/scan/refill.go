package scan

// A host may limit its answers so much that what it has left over is answered before its limit is seen: of
// 400 refused ports 20 answers at once, and then five a second. All ports have had their tries by then, and what
// is left keeps silent like filtered ports; nothing was rescued by another try that would tell. But while nothing
// is sent such a host may save up answers again. So before its silent ports are believed silent, some
// of them are asked once more. Where they answer, the loss is known, and the limit is found as any.

const (
	// refillChecks ports of a host are asked once more, where so many were answered and refillLeast more are silent.
	refillChecks, refillAnswers, refillLeast = 4, 4, 8
)

// asksRefilled has a silent port asked once more, if it is one of those few, and tells whether it is.
func (e *engine) asksRefilled(id uint32, f *flight) bool {
	h := f.host
	s := h.several
	if s == nil || s.refills >= refillChecks || h.losses.answers < refillAnswers || h.busy() < refillLeast || h.limiter().rate > 0 ||
		!e.mayStay(f) || len(f.tx) > e.cfg.Retries || h.persistence.needed() || e.suspects(f) {
		return false
	}
	s.refills++
	e.requeue(id, f)
	return true
}
