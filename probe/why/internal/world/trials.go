package world

import (
	"time"

	"synscope/probe/why"
)

const (
	wait   = 1300 * time.Millisecond // for an answer
	repeat = time.Second             // after which hosts retransmit a SYN-ACK

	leastRTO = 250 * time.Millisecond // of bytes
)

// trial makes one trial and says how long it took.
func (w *World) trial(t *why.Trial) time.Duration {
	switch t.Kind {
	case why.Local:
		t.Outcome = why.No
		if w.Facts[t.Fact] || w.Fact != nil && w.Fact(w, t.Fact) {
			t.Outcome = why.Yes
		}
		return 0
	case why.SYN:
		return w.syn(t, 0)
	case why.ACK:
		return w.single(t, ackOnly)
	case why.FIN:
		return w.single(t, fin)
	case why.Echo:
		return w.single(t, echo)
	case why.Trace:
		return w.trace(t)
	case why.Kernel:
		return w.kernel(t)
	case why.DuplicateSYN:
		return w.duplicateSYN(t)
	}
	return w.connection(t)
}

// single sends one packet of no connection.
func (w *World) single(t *why.Trial, k kind) time.Duration {
	answers, refused := w.send(packet{kind: k, t: t, ttl: 64, at: t.At})
	switch {
	case refused:
		t.Outcome = why.SendRefused
		return 0
	case len(answers) == 0:
		t.Outcome = why.Silence
		return time.Second
	}
	w.read(t, answers[0])
	return answers[0].after
}

// read writes an answer into a trial.
func (w *World) read(t *why.Trial, a answer) {
	t.Reply.RTT = a.after
	t.Reply.TTL = w.ttl(a.from)
	t.Reply.From = w.address(a.from, packet{t: t})
	t.Outcome = map[says]why.Outcome{saysSYNACK: why.SYNACK, saysRST: why.Reset, saysChallenge: why.Challenge, saysEcho: why.EchoReply,
		saysUnreachable: why.HostUnreachable, saysProhibited: why.Prohibited, saysRejected: why.RejectedByHost, saysACK: why.Challenge, saysExceeded: why.Expired, saysNoRoute: why.NoWay, saysWrong: why.WrongACK, saysElsewhere: why.Elsewhere}[a.says]
	if a.says == saysSYNACK {
		t.Reply.Window = 64240
		if a.zero {
			t.Reply.Window = 0
		}
	}
}

// syn sends one SYN, the nth of its trial, closes what it opened, and says how long that took.
func (w *World) syn(t *why.Trial, nth int) time.Duration {
	p := packet{kind: syn, t: t, ttl: 64, at: t.At, nth: nth}
	answers, refused := w.send(p)
	if refused {
		t.Outcome = why.SendRefused
		return 0
	}
	if len(answers) == 0 && w.reached {
		if a, ok := w.repeated(p); ok {
			answers = append(answers, a)
		}
	}
	if len(answers) == 0 {
		t.Outcome = why.Silence
		return wait
	}
	w.judge(t, answers)
	return t.Reply.RTT
}

// judge reads one or two answers to a SYN.
func (w *World) judge(t *why.Trial, answers []answer) {
	synack, rst := -1, -1
	for i, a := range answers {
		switch a.says {
		case saysSYNACK:
			synack = i
		case saysRST:
			rst = i
		}
	}
	switch {
	case synack >= 0 && rst >= 0:
		w.read(t, answers[rst])
		t.Outcome = why.ResetToo
		w.sent++
	case synack >= 0:
		w.read(t, answers[synack])
		w.sent++
	default:
		w.read(t, answers[0])
		if t.Outcome == why.Challenge {
			w.sent++
		}
	}
	w.overruled(t, answers)
}

// overruled notes an ICMP error that the host's own answer overrules.
func (w *World) overruled(t *why.Trial, answers []answer) {
	for _, a := range answers {
		if t.Outcome == why.SYNACK && a.says.routers() {
			t.Reply.Overruled = w.address(a.from, packet{t: t})
		}
	}
}

// repeated is the second SYN-ACK of a host whose first one was lost.
func (w *World) repeated(p packet) (answer, bool) {
	a := answer{says: saysSYNACK, from: w.far(), after: repeat + w.rtt()}
	if w.rng.Float64() < w.LossBack || w.Back != nil && w.Back(w, p, a) || a.after > wait {
		return a, false
	}
	return a, true
}

// duplicateSYN sends the same SYN twice.
func (w *World) duplicateSYN(t *why.Trial) time.Duration {
	took := w.syn(t, 0)
	if t.Outcome != why.SYNACK {
		return took
	}
	second := *t
	took += w.syn(&second, 1)
	if second.Outcome != why.SYNACK {
		t.Outcome = why.NotMade
		return took
	}
	t.Outcome = why.ISNMoves
	if w.Cookies {
		t.Outcome = why.ISNStays
	}
	return took
}

// kernel is connect(2): two SYNs at most.
func (w *World) kernel(t *why.Trial) time.Duration {
	for range 2 {
		if w.Connect2 != nil {
			if o := w.Connect2(w); o != why.NotMade {
				t.Outcome = o
				return wait
			}
		}
		took := w.syn(t, 0)
		if t.Outcome == why.SYNACK {
			t.Outcome = why.Acked
			w.completed++
			return took
		}
		if t.Outcome != why.Silence {
			return took
		}
	}
	return 2 * wait
}

// connection opens one and does what the trial wants.
func (w *World) connection(t *why.Trial) time.Duration {
	took := w.syn(t, 0)
	if t.Outcome != why.SYNACK && t.Outcome != why.ResetToo {
		return took
	}
	if t.Outcome == why.ResetToo {
		return took
	}
	w.sent-- // it is not closed yet
	if t.Kind == why.Hold {
		w.held++
	}
	if t.Pause > 0 && t.Kind != why.Idle {
		w.pending = append(w.pending, withheld{t.At + max(t.Pause, took), t})
		return took
	}
	return took + w.complete(t, t.At+took)
}

// complete sends a third ACK and what follows.
func (w *World) complete(t *why.Trial, at time.Duration) time.Duration {
	w.clock = at
	answers, _ := w.send(packet{kind: third, t: t, ttl: 64, at: at})
	w.taken = w.answered
	t.Completed = w.completed
	w.completed++
	for _, a := range answers {
		if a.says == saysRST {
			t.Outcome = why.ResetOnACK
			return a.after
		}
	}
	switch t.Kind {
	case why.Connect:
		return w.bytes(t)
	case why.Hold:
		return w.hold(t)
	case why.Large:
		return w.large(t)
	case why.Idle:
		return w.idle(t)
	}
	return w.reuse(t)
}

// byte1 sends a byte until it is acknowledged, and counts how often it had to.
func (w *World) byte1(t *why.Trial, size int, idle time.Duration, tries int) (sent int, last *answer) {
	w.twice = false
	w.clock += idle
	for sent = 1; sent <= tries; sent++ {
		answers, _ := w.send(packet{kind: data, t: t, ttl: 64, size: size, at: w.clock, idle: idle})
		for i := range answers {
			w.clock += answers[i].after
			return sent, &answers[i]
		}
		w.twice = w.twice || w.answered
		w.clock += max(leastRTO, 4*w.RTT) * time.Duration(sent)
	}
	return sent, nil
}

func (w *World) bytes(t *why.Trial) time.Duration {
	t.Outcome = why.Acked
	left, there, back, unknown := 8, 0, 0, false
	for i := range 5 {
		sent, a := w.byte1(t, 1, 0, min(3, left))
		left -= sent
		switch {
		case a == nil && i == 0:
			t.Outcome = why.Ignored
			return w.clock - t.At
		case a == nil:
			unknown = true
		case a.says == saysRST:
			t.Outcome = why.ResetOnACK
			return a.after
		case a.slow > 0:
			t.Outcome, t.Reply.Answer = why.SlowProgram, a.slow
			return a.slow
		case sent > 1 && w.twice:
			back++
		case sent > 1:
			there++
		}
		if left <= 0 {
			break
		}
	}
	w.sent++
	if w.answerLost(t) {
		t.Outcome = why.LargeBack
		return 3500 * time.Millisecond
	}
	if unknown {
		t.Outcome = why.Lossy
		return w.clock - t.At
	}
	t.Reply.Answer = max(w.RTT, 1)
	w.whichWay(t, there, back, left)
	return w.clock - t.At
}

// answerLost reports whether the program says more than passes in one packet, in packets
// that are too large for the way back.
func (w *World) answerLost(t *why.Trial) bool {
	says := w.Greets
	if t.Sends == why.Request {
		says = w.Answers
	}
	return w.BackMTU > 0 && says > w.BackMTU-40
}

// whichWay reads on which way bytes were lost, as far as the host tells.
func (w *World) whichWay(t *why.Trial, there, back, left int) {
	if there+back == 0 {
		return
	}
	told := back
	if told == 0 && left > 0 {
		if _, a := w.byte1(t, 1, 0, 1); a != nil {
			told = 1
		}
	}
	if w.TellsNoDuplicates {
		told, there, back = 0, there+back, 0
	}
	t.Reply.Duplicates = told
	switch {
	case back == 0:
		t.Outcome = why.LossyThere
	case there == 0:
		t.Outcome = why.LossyBack
	default:
		t.Outcome = why.Lossy
	}
}

// hold sees whether the SYN-ACK is retransmitted, and then tries a byte.
func (w *World) hold(t *why.Trial) time.Duration {
	t.Outcome = why.Acked
	w.sent++
	if w.taken {
		return w.RTT
	}
	if _, a := w.byte1(t, 1, 0, 1); a == nil {
		t.Outcome = why.Ignored
	}
	return repeat
}

func (w *World) large(t *why.Trial) time.Duration {
	if _, a := w.byte1(t, 1, 0, 3); a == nil {
		t.Outcome = why.Ignored
		return wait
	}
	_, a := w.byte1(t, 1460, 0, 3)
	w.sent++
	switch {
	case a == nil:
		t.Outcome = why.LargeLost
		if _, small := w.byte1(t, 500, 0, 3); small != nil {
			t.Reply.Size = 540
		}
		return 2 * time.Second
	case a.says == saysTooBig:
		t.Outcome = why.TooBig
	case a.says == saysRST:
		t.Outcome = why.ResetOnACK
	default:
		t.Outcome = why.Acked
	}
	return 2 * w.RTT
}

func (w *World) idle(t *why.Trial) time.Duration {
	if _, a := w.byte1(t, 1, 0, 3); a == nil {
		t.Outcome = why.Ignored
		return wait
	}
	_, a := w.byte1(t, 1, t.Pause, 3)
	w.sent++
	switch {
	case a == nil:
		t.Outcome = why.IdleDead
		return t.Pause + wait
	case a.says == saysRST:
		t.Outcome = why.IdleReset
	case a.says == saysFIN:
		t.Outcome = why.IdleClosed
	case a.slow > 0 && a.slow < t.Pause:
		t.Outcome = why.SlowProgram
	case t.Pause >= time.Second && w.answerLost(t):
		t.Outcome = why.LargeBack
	default:
		t.Outcome = why.Acked
	}
	return t.Pause + w.RTT
}

func (w *World) reuse(t *why.Trial) time.Duration {
	w.sent += 4
	return 3*w.RTT + w.syn(t, 1)
}

// trace sends SYNs of growing TTL.
func (w *World) trace(t *why.Trial) time.Duration {
	for ttl := 1; ttl <= t.Hops; ttl++ {
		h := why.Hop{TTL: ttl}
		for range 2 {
			p := packet{kind: syn, t: t, ttl: ttl, at: t.At}
			answers, refused := w.send(p)
			if refused || len(answers) == 0 {
				continue
			}
			a := answers[0]
			switch a.says {
			case saysExceeded, saysUnreachable, saysNoRoute:
				h.Addr, h.Refuses = w.address(a.from, p), a.says != saysExceeded
			case saysSYNACK, saysRST:
				h.Addr, h.Target = w.address(w.far(), p), true
				w.sent++
			}
			h.Ours = w.ttl(a.from)
			break
		}
		t.Reply.Path = append(t.Reply.Path, h)
		if h.Target {
			break
		}
	}
	t.Outcome = why.TraceEnds
	return wait
}
