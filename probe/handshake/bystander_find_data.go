package handshake

import (
	"fmt"
	"strings"
	"time"

	"synscope/craft"
)

// altered compares the two SYNs, if both were captured with all their options.
func (v *sight) altered() string {
	if !v.known.has(knowClientSYN|knowServerSYN) || v.known&(knowSYNCut|knowSYNACKCut) != 0 || v.answer.window == 0 ||
		!v.answer.flags.Has(craft.ACK) {
		return ""
	}
	what := unasked(&v.pair.Client, &v.pair.Server)
	if removed := cutOut(&v.pair.Client, &v.pair.Server, v.answer.tally.nops); removed != "" {
		what = append(what, removed)
	}
	if v.known.has(knowBadOptions) {
		what = append(what, "malformed")
	}
	if v.more.synackDiff != nil {
		what = append(what, fmt.Sprintf("another SYN-ACK has [%s]", v.more.synackDiff))
	}
	if v.more.synack != nil && len(what) > 0 {
		what = append(what, fmt.Sprintf("SYN-ACK has [%s]", v.more.synack))
	}
	return strings.Join(what, ", ")
}

// low is by how many bytes a maximum segment size must be below Ethernet's and
// the client's own to be worth a word: servers behind common tunnels and load
// balancers are not.
const low = 100

func (v *sight) clamped() string {
	client, mss := v.pair.Client.MSS, v.pair.Server.MSS
	if !v.known.has(knowClientSYN|knowServerSYN) || mss == 0 {
		return ""
	}
	expected := ethernetMSS(v.result.Target.Addr())
	if client != 0 {
		expected = min(expected, client)
	}
	if int(mss)+low > int(expected) {
		return ""
	}
	return fmt.Sprintf("MSS %d, the client's %d", mss, client)
}

func (v *sight) pathMTU() string {
	if !v.more.mtuFrom.IsValid() {
		return ""
	}
	text := fmt.Sprintf("MTU %d at %s", v.more.pathMTU, v.more.mtuFrom)
	if mss := v.pair.Server.MSS; mss != 0 {
		text += fmt.Sprintf("; the server's MSS is %d", mss)
	}
	return text
}

func ecnSeenAs(e ECN) func(*sight) string {
	return func(v *sight) string {
		if v.result.Negotiated.ECN != e {
			return ""
		}
		return fmt.Sprintf("SYN [%s], SYN-ACK [%s]", v.syn.flags, v.answer.flags)
	}
}

func (v *sight) bleached() string {
	m := v.more
	if v.result.Negotiated.ECN != ECNClassic || m.marked == 0 || m.echoed || !m.unmarked || !v.whole {
		return ""
	}
	return fmt.Sprintf("%s with congestion experienced, acknowledged without ECE", count(m.marked, "segment"))
}

func (v *sight) cookieGiven() string {
	if v.more.cookie == nil {
		return ""
	}
	return fmt.Sprintf("cookie %x", v.more.cookie)
}

// pairSeen tells whether both SYNs were captured.
func (v *sight) pairSeen() bool { return v.known.has(knowClientSYN | knowServerSYN) }

func (v *sight) fastOpened() string {
	if v.more.fastOpen == nil || v.onSYNTaken() == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes with cookie %x", v.onSYNTaken(), v.more.fastOpen)
}

func (v *sight) dataTaken() string {
	if v.onSYNTaken() == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d bytes", v.onSYNTaken(), v.syn.data)
}

func (v *sight) dataIgnored() string {
	if !v.pairSeen() || v.syn.data == 0 || v.onSYNTaken() > 0 {
		return ""
	}
	return fmt.Sprintf("0 of %d bytes", v.syn.data)
}

func (v *sight) multipath() string {
	if !v.pairSeen() || !v.more.offered || !v.more.multipath {
		return ""
	}
	return "SYN-ACK has MP_CAPABLE"
}

func (v *sight) multipathLost() string {
	if !v.pairSeen() || !v.more.offered || v.more.multipath || v.known.has(knowSYNACKCut) {
		return ""
	}
	return "SYN with MP_CAPABLE, SYN-ACK without"
}

// spokeFirst: data that acknowledges no more than the SYN was sent before the
// server had received any.
func (v *sight) spokeFirst() string {
	switch {
	case !v.known.has(knowServerSaid):
		return ""
	case len(v.more.banner) > 0:
		return excerpt(v.more.banner)
	case v.more.bannerLen > 0:
		return fmt.Sprintf("%d bytes, which the capture has cut off", v.more.bannerLen)
	}
	return "its first bytes were not captured"
}

// earlyData: a retransmitted SYN-ACK shows that the server had no ACK when
// it sent the data.
func (v *sight) earlyData() string {
	if !v.more.early {
		return ""
	}
	return fmt.Sprintf("%d bytes, and then the SYN-ACK retransmitted", v.more.earlyBytes)
}

func (v *sight) zeroWindow() string {
	z := &v.more.zero
	switch {
	case z.count == 0 || !v.pair.Server.Confirmed() || v.last < z.first: // stamps contradict themselves
		return ""
	case v.result.Acked == 0 && z.last-z.first < heldFor:
		return "" // there was nothing to read
	case z.shut && v.result.Acked == 0:
		return fmt.Sprintf("shut from the beginning, for %v as far as captured", time.Duration(v.last-z.first))
	case z.shut:
		return fmt.Sprintf("shut after %d bytes, for %v as far as captured", v.result.Acked, time.Duration(v.last-z.first))
	}
	return fmt.Sprintf("shut for a while, open again after %d bytes", v.result.Acked)
}

// A tarpit takes crumbs and keeps its window shut over several probes of it.
const (
	enoughZeros = 3
	heldFor     = int64(time.Second)
)

func (v *sight) tarpit() string {
	z := &v.more.zero
	if z.count < enoughZeros || !z.shut || z.opened || z.last-z.first < heldFor || !v.whole || v.trust.lossy() ||
		!v.known.has(knowClientSYN) || v.result.Acked > crumbs || v.known.has(knowServerReset) || v.fins[Client].count > 0 || v.fins[Server].count > 0 {
		return ""
	}
	return fmt.Sprintf("window 0 in %d segments over %v, %d bytes taken", z.count, time.Duration(z.last-z.first), v.result.Acked)
}
