package scan

// A host may limit its answers so strictly that its first, saved-up answers come before the limit
// shows: of 400 refused ports 20 are answered at once, and then five a second. By then every port
// has had its transmissions, and the rest look filtered; no answer came to a repeated probe, which
// would tell of a limit. But a host that is left alone for a while saves up answers again. So
// before its silent ports are believed silent, some of them are asked once more. If they answer,
// the loss is known and the limit is found like any other.

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
