package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Where a cause sits, from what the trials have shown.

func here(*Knowledge) string { return "this machine" }

func atHost(k *Knowledge) string {
	if len(k.Addrs) == 0 {
		return "the host"
	}
	return "the host " + k.Addrs[k.focus()].Addr().String()
}

// focus is the address that most trials concern.
func (k *Knowledge) focus() int {
	counts := make([]int, max(1, len(k.Addrs)))
	for i := range k.Log {
		counts[k.Log[i].Addr]++
	}
	return slices.Index(counts, slices.Max(counts))
}

func nextHop(k *Knowledge) string {
	where := "the next hop"
	k.each(func(t *Trial) bool {
		return t.Kind == Local && (t.Fact == GatewayUnresolved || t.Fact == TargetUnresolved) && t.Outcome == Yes
	}, func(t *Trial) {
		who := "the gateway"
		if t.Fact == TargetUnresolved {
			who = "the target itself"
		}
		where = strings.TrimSpace(who + " " + addrText(t.Reply.From) + " " + t.Reply.Text)
	})
	return where
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// answerer names who sent what made the trials fail.
func answerer(k *Knowledge) string {
	var who []string
	hop := 0
	k.each(func(t *Trial) bool { return t.opens(Target) && t.Outcome != SYNACK }, func(t *Trial) {
		switch t.Outcome {
		case Prohibited, HostUnreachable, NoWay, Expired:
			if name := addrText(t.Reply.From); name != "" && !slices.Contains(who, name) {
				who = append(who, name)
			}
		case ResetBy:
			if t.Reply.Reset != 0 {
				hop = distance(t.Reply.Reset)
			}
		case ResetNear, Near, ResetToo:
			if t.Reply.TTL != 0 {
				hop = distance(t.Reply.TTL)
			}
		}
	})
	if len(who) > 0 {
		return "router " + strings.Join(who, ", ")
	}
	if near := k.nearAnswer(); near != "" {
		return near
	}
	if hop > 0 {
		return fmt.Sprintf("about hop %d, by the TTL of its answers", hop)
	}
	return "somewhere on the way"
}

// nearAnswer says from which hop a trace was answered in the host's name.
func (k *Knowledge) nearAnswer() (where string) {
	k.each(func(t *Trial) bool { return t.Kind == Trace && t.Outcome == TraceNear }, func(t *Trial) {
		_, answered := t.reach()
		before := t.hopBefore(answered)
		where = fmt.Sprintf("at hop %d", answered)
		if before.IsValid() {
			where += ", behind " + before.String()
		}
	})
	return where
}

func (t *Trial) hopBefore(ttl int) (a netip.Addr) {
	for _, h := range t.Reply.Path {
		if h.TTL < ttl && h.Addr.IsValid() && !h.Target && !h.Refuses {
			a = h.Addr
		}
	}
	return a
}

// deathOf says behind which hop failing traces end.
func deathOf(k *Knowledge) string {
	where := ""
	k.each(func(t *Trial) bool { return t.Kind == Trace }, func(t *Trial) {
		last, answered := t.reach()
		if answered > 0 || t.Outcome == TraceReaches && where != "" {
			return
		}
		a := t.hopBefore(last + 1)
		switch {
		case last == 0:
			return
		case t.Outcome == TraceReaches:
			where = fmt.Sprintf("between hop %d (%s), the last router, and the host, or at the host", last, a)
		default:
			where = fmt.Sprintf("behind hop %d (%s)", last, a)
		}
	})
	if where != "" {
		return where
	}
	if who := k.unreachableBy(); who != "" {
		return "behind router " + who
	}
	return ""
}

func (k *Knowledge) unreachableBy() (who string) {
	k.each(func(t *Trial) bool { return t.Outcome == HostUnreachable && t.Reply.From.IsValid() }, func(t *Trial) { who = t.Reply.From.String() })
	return who
}

// sticky names the flows that fail.
func sticky(k *Knowledge) string {
	failing, passing := k.split()
	if len(failing) == 0 {
		return ""
	}
	var ports []string
	for _, f := range failing {
		if len(ports) == 6 {
			ports = append(ports, "...")
			break
		}
		ports = append(ports, fmt.Sprint(f.port))
	}
	text := fmt.Sprintf("%d of %d flows (source ports %s)", len(failing), len(failing)+len(passing), strings.Join(ports, ", "))
	if d := deathOf(k); d != "" {
		text += "; a failing one ends " + d
	}
	return text
}

// slowWhere says how many were slow, and how slow.
func slowWhere(k *Knowledge) string {
	slow, all, most := 0, 0, time.Duration(0)
	k.each(func(t *Trial) bool {
		return t.Role == Target && (t.Kind == SYN || t.Kind == Connect) && t.Outcome.answered()
	}, func(t *Trial) {
		all++
		if t.Outcome == SlowSYNACK || t.Outcome == SlowProgram {
			slow++
			most = max(most, t.Reply.RTT, t.Reply.Answer)
		}
	})
	if slow == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d connections took up to %v", slow, all, most.Round(time.Millisecond))
}

// droppedLooks names what failed.
func droppedLooks(k *Knowledge) string {
	var failed, passed []string
	for l := range looks {
		fail, all := k.lookFate(l)
		switch {
		case all == 0:
		case 2*fail > all:
			failed = append(failed, lookNames[l])
		default:
			passed = append(passed, lookNames[l])
		}
	}
	if len(failed) == 0 {
		return ""
	}
	text := "fails with " + strings.Join(failed, ", ")
	if len(passed) > 0 && len(passed) < len(failed) {
		text = "passes only with " + strings.Join(passed, ", ")
	}
	if d := deathOf(k); d != "" {
		text += "; " + d
	}
	return text
}

func mtuWhere(k *Knowledge) string {
	passed := 0
	k.each(func(t *Trial) bool { return t.Kind == Large && t.Outcome == LargeLost }, func(t *Trial) { passed = max(passed, t.Reply.Size) })
	switch {
	case passed == 0 && k.outcome(LargeBack) > 0:
		return "on the way back from the host"
	case passed == 0:
		return "somewhere on the way"
	}
	return fmt.Sprintf("a link whose MTU is below the interface's; packets of %d bytes pass", passed)
}

func idleWhere(k *Knowledge) string {
	lives, dies := k.Log[:0:0], k.Log[:0:0]
	k.each(isKind(Idle, Target), func(t *Trial) {
		switch t.Outcome {
		case Acked:
			lives = append(lives, *t)
		case IdleDead, IdleReset:
			dies = append(dies, *t)
		}
	})
	if len(dies) == 0 {
		return ""
	}
	text := fmt.Sprintf("after a pause of %v", dies[0].Pause)
	if len(lives) > 0 {
		text += fmt.Sprintf(", not yet after %v", lives[len(lives)-1].Pause)
	}
	return text
}

func limitWhere(k *Knowledge) string {
	most := -1
	k.each(isKind(Hold, Target), func(t *Trial) {
		if t.Outcome == Acked {
			most = max(most, t.Held+1)
		}
	})
	if most < 0 {
		return ""
	}
	return fmt.Sprintf("about %s of this source at a time", countOf(most, "connection"))
}

// flapWhere says when it was down.
func flapWhere(k *Knowledge) string {
	spans, since, down := k.outages()
	if len(spans) > mostSpans {
		spans = append(spans[:mostSpans], "...")
	}
	var parts []string
	if len(spans) > 0 {
		parts = append(parts, "at "+strings.Join(spans, ", "))
	}
	if down {
		parts = append(parts, fmt.Sprintf("from %.1f s on", since.Seconds()))
	}
	if len(parts) == 0 {
		return ""
	}
	return "failed " + strings.Join(parts, " and ") + ", counted from the beginning of the run"
}

const mostSpans = 5

// outages are the spans in which connections failed, and since when they do at the end.
func (k *Knowledge) outages() (spans []string, since time.Duration, down bool) {
	k.each(toTarget, func(t *Trial) {
		switch fails := t.Outcome.fails(); {
		case fails && !down:
			down, since = true, t.At
		case !fails && down:
			down = false
			spans = append(spans, fmt.Sprintf("%.1f-%.1f s", since.Seconds(), t.At.Seconds()))
		}
	})
	return spans, since, down
}

// commands are of this program: %s is the target, %a its address, %n its name.
func commands(list ...string) func(*Knowledge) []string {
	for i := range list {
		list[i] = "synscope " + list[i]
	}
	return shell(list...)
}

func shell(list ...string) func(*Knowledge) []string {
	return func(k *Knowledge) (out []string) {
		addr := k.Name
		if len(k.Addrs) > 0 {
			addr = k.Addrs[k.focus()].Addr().String()
		}
		r := strings.NewReplacer("%s", k.Target, "%a", addr, "%n", k.Name)
		for _, c := range list {
			out = append(out, r.Replace(c))
		}
		return out
	}
}

// lookOptions are the options of synscope send for each look.
var lookOptions = [looks]string{Usual: "--opt mss=1460,sack,ts,wscale=7", Bare: "", MSSOnly: "--opt mss=1460", NoTimestamps: "--opt mss=1460,sack,wscale=7",
	NoSACK: "--opt mss=1460,ts,wscale=7", NoScale: "--opt mss=1460,sack,ts", OldTimestamp: "--opt mss=1460,sack,ts,wscale=7", NewTimestamp: "--opt mss=1460,sack,ts,wscale=7",
	ECN: "--flags SEW --opt mss=1460,sack,ts,wscale=7", AccECN: "--flags SEW --opt mss=1460,sack,ts,wscale=7", FastOpen: "--opt mss=1460,sack,ts,wscale=7,tfo",
	MPTCP: "--opt mss=1460,sack,ts,wscale=7,mptcp", Unassigned: "--opt mss=1460,253=00000000", TOS: "--tos 0xb8 --opt mss=1460,sack,ts,wscale=7", HighTTL: "--ttl 255 --opt mss=1460,sack,ts,wscale=7"}

func lookCommands(k *Knowledge) (list []string) {
	for l := range looks {
		if fail, all := k.lookFate(l); all > 0 && 2*fail > all && len(list) < 2 {
			list = append(list, strings.Join(strings.Fields("synscope send "+lookOptions[l]+" "+k.Target), " "))
		}
	}
	return append(list, "synscope send "+lookOptions[MSSOnly]+" "+k.Target)
}
