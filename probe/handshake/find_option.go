package handshake

import (
	"fmt"
	"strings"

	"synscope/craft"
	"synscope/probe"
)

// optionPatterns are what the two SYNs say to each other.
var optionPatterns = []pattern{
	{
		"options-altered", probe.SeverityNotice,
		"the SYN-ACK does not answer the options of our SYN as a stack would: something on the way changes them, or the stack lacks them",
		optionsAltered,
	}, {
		"mss-clamped", probe.SeverityNotice,
		"the maximum segment size is lower than Ethernet and our interface allow: a tunnel, or somebody on the way lowers it",
		mssClamped,
	}, {
		"path-mtu", probe.SeverityNotice,
		"a router on the way does not let through what the maximum segment size allows",
		pathMTU,
	},
	{"ecn-negotiated", probe.SeverityInfo, "congestion is signalled by marks (RFC 3168)", agreed(ECNClassic)},
	{"accecn", probe.SeverityInfo, "congestion is signalled by accurate marks (RFC 9768)", agreed(ECNAccurate)},
	{"ecn-refused", probe.SeverityInfo, "the peer does not take congestion marks", agreed(ECNRefused)},
	{
		"ecn-bleached", probe.SeverityNotice,
		"a congestion mark of ours was not echoed: something on the way washes it off",
		ecnBleached,
	},
	{"tfo-cookie", probe.SeverityInfo, "the peer gave a cookie for data on the SYN (RFC 7413)", tfoCookie},
	{"tfo-accepted", probe.SeverityInfo, "the peer took the cookie and the data that came with it", tfoAccepted},
	{"data-on-syn-acked", probe.SeverityInfo, "the SYN-ACK acknowledges data of the SYN", dataOnSYNAcked},
	{"data-on-syn-ignored", probe.SeverityInfo, "the SYN-ACK acknowledges the SYN and not its data", dataOnSYNIgnored},
	{"mptcp-capable", probe.SeverityInfo, "the peer speaks multipath TCP (RFC 8684)", mptcpCapable},
	{"mptcp-fallback", probe.SeverityInfo, "the peer answers multipath TCP with the plain kind", mptcpFallback},
}

// optionsAltered compares the two SYNs. An option that was not offered must
// not come back (RFC 7323 §1.3, RFC 2018 §2); one that every full stack has
// should; NOPs where it would stand show who took it away.
func optionsAltered(f *Follower, _ *Result) string {
	if f.seen.synack.segment.Flags&(craft.SYN|craft.ACK) != craft.SYN|craft.ACK || f.seen.synack.segment.Window == 0 {
		return ""
	}
	s := f.seen.synack.segment.Options
	var what []string
	for _, option := range []struct {
		name           string
		offered, taken bool
	}{
		{"window scale", f.Client.Scaled, f.Server.Scaled},
		{"SACK", f.Client.SACK, f.Server.SACK},
		{"timestamps", f.Client.Stamped, f.Server.Stamped},
	} {
		switch {
		case option.offered && !option.taken:
			what = append(what, option.name+" gone")
		case option.taken && !option.offered:
			what = append(what, option.name+" unasked")
		}
	}
	if f.seen.syn.segment.Options != nil && f.Client.MSS != 0 && f.Server.MSS == 0 {
		what = append(what, "MSS gone")
	}
	if err := s.Malformed(); err != nil {
		what = append(what, err.Error())
	}
	if len(what) == 0 {
		return ""
	}
	return strings.Join(what, ", ") + "; SYN-ACK has [" + s.String() + "]"
}

// ethernetMSS is what fits into a frame of 1500 bytes.
func ethernetMSS(v4 bool) uint16 {
	if v4 {
		return 1460
	}
	return 1440
}

func mssClamped(f *Follower, _ *Result) string {
	mss := f.Server.MSS
	expected := ethernetMSS(f.server.Addr().Is4())
	if f.context.MSS != 0 {
		expected = min(expected, f.context.MSS)
	}
	if !f.seen.synack.seen() || mss == 0 || mss >= expected {
		return ""
	}
	return fmt.Sprintf("MSS %d, expected at least %d", mss, expected)
}

func pathMTU(f *Follower, _ *Result) string {
	v := &f.seen
	if !v.mtuFrom.IsValid() {
		return ""
	}
	return fmt.Sprintf("MTU %d at %s; the peer's MSS is %d", v.pathMTU, v.mtuFrom, f.Server.MSS)
}

// ecnFlags are the three bits that negotiate ECN.
const ecnFlags = craft.ECE | craft.CWR | craft.AE

// agreedECN reads the flags of SYN and SYN-ACK (RFC 3168 §6.1.1, RFC 9768
// §3.1.2, table 2).
func agreedECN(syn, synack craft.Flags) ECN {
	asked, got := syn&ecnFlags, synack&ecnFlags
	switch {
	case !asked.Has(craft.ECE | craft.CWR):
		return ""
	case asked == ecnFlags && (got == craft.CWR || got == craft.CWR|craft.ECE || got == craft.AE || got == craft.AE|craft.CWR):
		return ECNAccurate
	case got == craft.ECE:
		return ECNClassic
	}
	return ECNRefused
}

func agreed(e ECN) func(*Follower, *Result) string {
	return func(f *Follower, r *Result) string {
		if r.Negotiated.ECN != e {
			return ""
		}
		return fmt.Sprintf("SYN [%s], SYN-ACK [%s]", f.seen.syn.segment.Flags, f.seen.synack.segment.Flags)
	}
}

func ecnBleached(f *Follower, r *Result) string {
	v := &f.seen
	agreed := r.Negotiated.ECN == ECNClassic
	if !agreed || v.ecn.marked == 0 || v.ecn.echoed || r.Acked == 0 {
		return ""
	}
	return fmt.Sprintf("%d segments with congestion experienced, %d bytes acknowledged, no ECE", v.ecn.marked, r.Acked)
}

func (v *evidence) cookieGiven() bool {
	cookie, ok := v.synack.segment.Options.FastOpen()
	return v.synack.seen() && ok && len(cookie) > 0
}

// earlyTaken is how many bytes of data on the SYN the SYN-ACK acknowledges.
func (v *evidence) earlyTaken() int {
	if !v.synack.seen() || !v.synack.segment.Flags.Has(craft.ACK) || v.data.onSYN == 0 {
		return 0
	}
	return max(0, int(v.synack.segment.Ack.Sub(v.syn.segment.Seq))-1)
}

func (v *evidence) multipath() bool {
	data, ok := v.synack.segment.Options.MPTCP()
	return v.synack.seen() && ok && len(data) > 0 && data[0]>>4 == mpCapable
}

// mpCapable is the subtype of MP_CAPABLE (RFC 8684 §3.1).
const mpCapable = 0

func tfoCookie(f *Follower, _ *Result) string {
	if !f.seen.cookieGiven() {
		return ""
	}
	cookie, _ := f.seen.synack.segment.Options.FastOpen()
	return fmt.Sprintf("cookie %x", cookie)
}

func tfoAccepted(f *Follower, _ *Result) string {
	cookie, ok := f.seen.syn.segment.Options.FastOpen()
	if !ok || len(cookie) == 0 || f.seen.earlyTaken() == 0 {
		return ""
	}
	return fmt.Sprintf("%d bytes with cookie %x", f.seen.earlyTaken(), cookie)
}

func dataOnSYNAcked(f *Follower, _ *Result) string {
	if f.seen.earlyTaken() == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d bytes", f.seen.earlyTaken(), f.seen.data.onSYN)
}

func dataOnSYNIgnored(f *Follower, _ *Result) string {
	if !f.seen.synack.seen() || f.seen.data.onSYN == 0 || f.seen.earlyTaken() > 0 {
		return ""
	}
	return fmt.Sprintf("0 of %d bytes", f.seen.data.onSYN)
}

func mptcpCapable(f *Follower, _ *Result) string {
	if _, asked := f.seen.syn.segment.Options.MPTCP(); !asked || !f.seen.multipath() {
		return ""
	}
	return "SYN-ACK has MP_CAPABLE"
}

func mptcpFallback(f *Follower, _ *Result) string {
	if _, asked := f.seen.syn.segment.Options.MPTCP(); !asked || !f.seen.synack.seen() || f.seen.multipath() {
		return ""
	}
	return "SYN with MP_CAPABLE, SYN-ACK without"
}
