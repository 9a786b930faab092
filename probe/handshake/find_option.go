package handshake

import (
	"fmt"
	"net/netip"
	"strings"

	"synscope/craft"
	"synscope/probe"
)

// optionPatterns are what the two SYNs say to each other.
var optionPatterns = []pattern{
	{
		"options-altered", probe.SeverityNotice,
		"the SYN-ACK has options that no stack would give to our SYN: something on the way changes them",
		optionsAltered,
	}, {
		"mss-clamped", probe.SeverityInfo,
		"the maximum segment size is lower than Ethernet and our interface allow: the host is set that way, a tunnel is on the way, or somebody on the way lowers it",
		mssClamped,
	}, {
		"path-mtu", probe.SeverityNotice,
		"a router on the way does not let through what the maximum segment size allows",
		pathMTU,
	},
	{"ecn-negotiated", probe.SeverityInfo, "congestion is signalled by marks (RFC 3168)", negotiated(ECNClassic)},
	{"accecn", probe.SeverityInfo, "congestion is signalled by accurate marks (RFC 9768)", negotiated(ECNAccurate)},
	{"ecn-refused", probe.SeverityInfo, "the peer does not take congestion marks", negotiated(ECNRefused)},
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
// not come back (RFC 7323 §1.3, RFC 2018 §2). One that was not taken says
// nothing: healthy stacks without it exist. NOPs where it would stand show that
// somebody took it away.
func optionsAltered(f *Follower, _ *Result) string {
	if f.seen.synack.segment.Flags&(craft.SYN|craft.ACK) != craft.SYN|craft.ACK || f.seen.synack.segment.Window == 0 || f.seen.synack.fragment {
		return ""
	}
	s := f.seen.synack.segment.Options
	what := unasked(&f.Client, &f.Server)
	if removed := cutOut(&f.Client, &f.Server, longestRun(s, craft.KindNOP)); removed != "" {
		what = append(what, removed)
	}
	if err := s.Malformed(); err != nil {
		what = append(what, err.Error())
	}
	if len(what) == 0 {
		return ""
	}
	return strings.Join(what, ", ") + "; SYN-ACK has [" + s.String() + "]"
}

// unasked are the options that a SYN-ACK has although the SYN did not offer
// them.
func unasked(client, server *End) (what []string) {
	if server.Scaled && !client.Scaled {
		what = append(what, "window scale unasked")
	}
	if server.SACK && !client.SACK {
		what = append(what, "SACK unasked")
	}
	if server.Stamped && !client.Stamped {
		what = append(what, "timestamps unasked")
	}
	return what
}

// cutOut names what was offered and is missing in a SYN-ACK with more NOPs in
// a row than any stack aligns its options by, which is two.
func cutOut(client, server *End, nops uint8) string {
	switch {
	case nops <= 2:
	case nops >= 10 && client.Stamped && !server.Stamped:
		return "NOPs in the place of timestamps"
	case nops >= 4 && client.MSS != 0 && server.MSS == 0:
		return "NOPs in the place of the MSS"
	case client.SACK && !server.SACK:
		return "NOPs in the place of SACK"
	case client.Scaled && !server.Scaled:
		return "NOPs in the place of the window scale"
	}
	return ""
}

// ethernetMSS is what fits into a frame of 1500 bytes, to an address.
func ethernetMSS(to netip.Addr) uint16 { return uint16(ethernetMTU - headersOf(to)) }

func mssClamped(f *Follower, _ *Result) string {
	mss := f.Server.MSS
	expected := ethernetMSS(f.server.Addr())
	if f.context.MSS != 0 {
		expected = min(expected, f.context.MSS)
	}
	if !f.seen.synack.seen() || f.seen.synack.fragment || mss == 0 || mss >= expected {
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

// negotiatedECN reads the flags of SYN and SYN-ACK (RFC 3168 §6.1.1, RFC 9768
// §3.1.2, table 2).
func negotiatedECN(syn, synack craft.Flags) ECN {
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

func negotiated(e ECN) func(*Follower, *Result) string {
	return func(f *Follower, r *Result) string {
		if r.Negotiated.ECN != e {
			return ""
		}
		return fmt.Sprintf("SYN [%s], SYN-ACK [%s]", f.seen.syn.segment.Flags, f.seen.synack.segment.Flags)
	}
}

func ecnBleached(f *Follower, r *Result) string {
	v := &f.seen
	classic := r.Negotiated.ECN == ECNClassic
	if !classic || v.ecn.marked == 0 || v.ecn.echoed || r.Acked == 0 {
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
	if _, asked := f.seen.syn.segment.Options.MPTCP(); !asked || !f.seen.synack.seen() || f.seen.synack.fragment || f.seen.multipath() {
		return ""
	}
	return "SYN with MP_CAPABLE, SYN-ACK without"
}
