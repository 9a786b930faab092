package record

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/sample"
)

// ISNSample is one SYN and the sequence number that answered it. A number that
// is absent was lost. Addr is zero for samples read from a file.
type ISNSample struct {
	Target string
	Addr   netip.Addr
	Port   uint16
	isn.Sample
}

// NewISNSample makes the record of a sample of target, the word that the user
// typed.
func NewISNSample(target string, dst netip.AddrPort, s isn.Sample) *ISNSample {
	return &ISNSample{Target: nameOr(target, dst.Addr()), Addr: dst.Addr(), Port: dst.Port(), Sample: s}
}

// nameOr is the word that the user typed, or the address.
func nameOr(target string, a netip.Addr) string {
	if target == "" {
		return a.String()
	}
	return target
}

// Type is "isn_sample".
func (*ISNSample) Type() string { return "isn_sample" }

// ISNColumns are the fields of a sample in their order, present or not.
func ISNColumns() []string {
	return []string{
		"target", "addr", "port", "series", "src", "sport", "client_isn", "sent", "received", "isn", "rtt_ns",
		"mss", "wscale", "sack", "tsval", "window", "ttl", "syn_options",
	}
}

func (s *ISNSample) Fields(w FieldWriter) {
	placeFields(w, s.Target, s.Addr, s.Port)
	strField(w, "series", s.Series)
	addrField(w, "src", s.Src)
	uintField(w, "sport", s.SrcPort)
	uintField(w, "client_isn", s.ClientISN)
	timeField(w, "sent", s.Sent)
	timeField(w, "received", s.Received)
	uintField(w, "isn", s.ISN)
	if rtt, ok := s.RTT(); ok {
		w.Nanoseconds("rtt_ns", rtt)
	}
	uintField(w, "mss", s.MSS)
	uintField(w, "wscale", s.WScale)
	boolField(w, "sack", s.SACK)
	uintField(w, "tsval", s.TSVal)
	uintField(w, "window", s.Window)
	uintField(w, "ttl", s.TTL)
	if offer, ok := s.Offer.Get(); ok {
		w.Str("syn_options", offer.String())
	}
}

// placeFields says what was probed, as far as that is known.
func placeFields(w FieldWriter, target string, a netip.Addr, port uint16) {
	w.Str("target", target)
	addrField(w, "addr", a)
	if port != 0 {
		w.Uint("port", uint64(port))
	}
}

// timeField writes an instant in ns since 1970 where it was measured.
func timeField(w FieldWriter, name string, o isn.Opt[int64]) {
	if ns, ok := o.Get(); ok {
		w.Time(name, time.Unix(0, ns))
	}
}

// ISN is how one host chooses its sequence numbers.
type ISN struct {
	Target string
	Addr   netip.Addr   // zero for samples read from a file
	Port   uint16       // the same
	State  probe.State  // the same: unknown
	Reason probe.Reason // of State; "" for samples read from a file
	Clock  string       // that took the stamps, "" unknown
	Report isn.Report
}

// NewISN makes the record of a sampled target, target being the word that the
// user typed.
func NewISN(target string, r *sample.Result) *ISN {
	record := &ISN{Target: nameOr(target, r.Target.Addr()), Addr: r.Target.Addr(), Port: r.Target.Port(),
		State: r.State, Reason: r.Reason, Report: r.Report}
	if r.Report.Samples > 0 {
		record.Clock = r.Clock.String()
	}
	return record
}

// NewISNOfFile makes the record of the samples in a file.
func NewISNOfFile(file string, r isn.Report) *ISN { return &ISN{Target: file, Report: r} }

// Type is "isn".
func (*ISN) Type() string { return "isn" }

func (r *ISN) Fields(w FieldWriter) {
	placeFields(w, r.Target, r.Addr, r.Port)
	if r.Addr.IsValid() {
		w.Str("state", r.State.String())
		strField(w, "reason", string(r.Reason))
	}
	w.Uint("samples", uint64(r.Report.Samples))
	w.Uint("lost", uint64(r.Report.Lost))
	w.Str("class", r.Report.Class.String())
	strField(w, "variant", r.Report.Variant)
	w.Float("confidence", r.Report.Confidence)
	r.comparison(w)
	strField(w, "rtt_clock", r.Clock)
	r.generator(w)
	r.guessing(w)
	r.evidence(w)
	if len(r.Report.Flags) > 0 {
		w.Strs("flags", r.Report.Flags)
	}
	findingsField(w, "findings", r.Report.Findings)
}

// generator writes what moves the numbers, and by how much.
func (r *ISN) generator(w FieldWriter) {
	if c, ok := r.Report.Clock.Get(); ok {
		w.Float("clock_hz", c.Hz)
		w.Float("clock_hz_low", c.Low)
		w.Float("clock_hz_high", c.High)
		if c.Nominal != 0 {
			w.Float("clock_hz_nominal", c.Nominal)
		}
	}
	if step, ok := r.Report.Step.Get(); ok {
		w.Float("step", float64(step))
	}
	if len(r.Report.Inputs) > 0 {
		w.Strs("inputs", r.Report.Inputs)
	}
	if r.Report.Machines > 0 {
		w.Uint("machines", uint64(r.Report.Machines))
	}
	uintField(w, "gcd", r.Report.GCD)
	uintField(w, "server_mss", r.Report.ServerMSS)
}

// guessing writes how hard the next number is to guess, and nmap's figures.
func (r *ISN) guessing(w FieldWriter) {
	floatField(w, "entropy_bits", r.Report.EntropyBits)
	floatField(w, "guesses_p50", r.Report.GuessesP50)
	floatField(w, "difficulty", r.Report.Difficulty)
	n, ok := r.Report.Nmap.Get()
	if !ok {
		return
	}
	w.Object("nmap", func(w FieldWriter) {
		w.Uint("gcd", uint64(n.GCD))
		w.Uint("isr", uint64(n.ISR))
		if sp, ok := n.SP.Get(); ok {
			w.Uint("sp", uint64(sp))
		}
	})
}

// StampedBy says in words how samples were stamped, "" where nothing is known.
func StampedBy(clock string) string {
	switch clock {
	case netraw.ClockKernel.String():
		return "stamped by the kernel"
	case netraw.ClockKernelRx.String():
		return "answers stamped by the kernel, SYNs by this program"
	}
	return ""
}
