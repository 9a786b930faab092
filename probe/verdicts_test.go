package probe_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/internal/probetest"
	"synscope/probe/isn"
	"synscope/probe/paths"
	"synscope/probe/ping"
	"synscope/probe/sample"
	"synscope/probe/scan"
	"synscope/probe/simnet"
	"synscope/probe/trace"
	"synscope/probe/wide"
)

// An engine asks one port, and tells its verdict and what it counted.
type engine struct {
	name  string
	ports int
	ask   func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error)
}

type answer struct {
	state  probe.State
	reason probe.Reason
	counts probe.Summary
	from   netip.Addr // the responder, of engines that tell one
	found  []probe.Finding
}

var engines = []engine{
	{"scan", 5, func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
		var got portSink
		s, err := scan.Run(ctx, n, scan.Config{Targets: slices.Values([]netip.AddrPort{target})}, &got)
		return answer{got.State, got.Reason, s, got.Responder, slices.Concat(got.Findings, got.host)}, err
	}},
	{"stateless", 2, statelessly},
	{"ping", 5, func(ctx context.Context, n probe.Polled, target netip.AddrPort) (a answer, err error) {
		take := func(s ping.Sample) { a.state, a.reason, a.from, a.found = s.State, s.Reason, s.Responder, s.Findings }
		a.counts, err = ping.Run(ctx, n, ping.Config{Targets: []netip.AddrPort{target}, Count: 1, Late: take}, func(s ping.Sample) error {
			take(s)
			return nil
		})
		return a, err
	}},
	{"trace", 64, func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
		path, err := trace.Run(ctx, n, trace.Config{Target: target}, func(trace.Hop) error { return nil })
		return answer{path.Verdict.State, path.Verdict.Reason, path.Summary, path.Verdict.Responder, path.Verdict.Findings}, err
	}},
	{"watch", 64, func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
		path, err := trace.Watch(ctx, n, trace.WatchConfig{Config: trace.Config{Target: target}, Interval: 2 * time.Second, Rounds: 2}, func(trace.Hop) error { return nil })
		return answer{path.Verdict.State, path.Verdict.Reason, path.Summary, path.Verdict.Responder, path.Verdict.Findings}, err
	}},
	{"paths", 128, func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
		m, err := paths.Run(ctx, n, paths.Config{Target: target})
		return answer{m.Verdict.State, m.Verdict.Reason, m.Summary, m.Verdict.Responder, m.Verdict.Findings}, err
	}},
	{"handshake", 1, func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
		r, err := handshake.Run(ctx, n, handshake.Config{Target: target})
		return answer{r.State, r.Reason, r.Traffic, r.Responder, r.Findings}, err
	}},
	{"sample", isn.QuickPlan().Ports(), func(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
		var got sampleSink
		s, err := sample.Run(ctx, n, sample.Config{Targets: []netip.AddrPort{target}, Plan: isn.QuickPlan(), Seed: [32]byte{1}}, &got)
		return answer{got.got.State, got.got.Reason, s, got.got.Sender, got.findings()}, err
	}},
}

// statelessly asks without a table of probes: what stays silent is counted and
// not told of.
func statelessly(ctx context.Context, n probe.Polled, target netip.AddrPort) (answer, error) {
	cfg := wide.Config{Plan: onePort(target), Config: scan.Config{Retries: 1}}
	b, err := wide.NewBlaster(n, cfg)
	if err != nil {
		return answer{}, err
	}
	var got portSink
	s, err := wide.Run(ctx, b, cfg, &got)
	if !got.Target.IsValid() && s.States[probe.StateFiltered] == 1 {
		return answer{probe.StateFiltered, probe.ReasonNoResponse, s.Summary, netip.Addr{}, nil}, err
	}
	return answer{got.State, got.Reason, s.Summary, got.Responder, got.Findings}, err
}

// onePort is a plan of one port.
type onePort netip.AddrPort

func (onePort) Count() uint64              { return 1 }
func (p onePort) At(uint64) netip.AddrPort { return netip.AddrPort(p) }

// Index lets the engine report what carried no number of ours.
func (p onePort) Index(target netip.AddrPort) (uint64, bool) { return 0, target == netip.AddrPort(p) }

type portSink struct {
	probe.Verdict
	host []probe.Finding // of a scan, which tells of a host what it would have to say of many ports
}

func (s *portSink) Port(v probe.Verdict) error    { s.Verdict = v; return nil }
func (s *portSink) Host(h probe.HostReport) error { s.host = h.Findings; return nil }

type sampleSink struct{ got sample.Result }

func (*sampleSink) Sample(netip.AddrPort, isn.Sample) error { return nil }
func (s *sampleSink) Result(r sample.Result) error          { s.got = r; return nil }

func (s *sampleSink) findings() (list []probe.Finding) {
	for _, f := range s.got.Report.Findings {
		list = append(list, probe.Finding{Code: f.Code, Text: f.Text, Evidence: f.Evidence})
	}
	return list
}

// family is what differs between the IP versions.
type family struct {
	name           string
	target, router string
}

var families = []family{
	{"IPv4", "198.51.100.7", "198.51.100.254"},
	{"IPv6", "2001:db8:1::7", "2001:db8:1::ff"},
}

func (f family) addr() netip.Addr { return netip.MustParseAddr(f.target) }

// icmp is an error of the router's.
func (f family) icmp(typ, code uint8) simnet.ICMP {
	return simnet.ICMP{From: netip.MustParseAddr(f.router), Type: typ, Code: code}
}

// unreachable is "host unreachable" or "address unreachable", prohibited is
// "administratively prohibited".
func (f family) unreachable() simnet.ICMP {
	if f.addr().Is4() {
		return f.icmp(3, 1)
	}
	return f.icmp(1, 3)
}

func (f family) prohibited() simnet.ICMP {
	if f.addr().Is4() {
		return f.icmp(3, 13)
	}
	return f.icmp(1, 1)
}

// from is an error from the k-th of some addresses that no host sends from.
func (f family) from(k int) simnet.ICMP {
	e, martians := f.prohibited(), []string{"::", "ff02::1", "::1"}
	if f.addr().Is4() {
		martians = []string{"0.0.0.0", "224.0.0.1", "127.0.0.1"}
	}
	e.From = netip.MustParseAddr(martians[k])
	return e
}

// peer is something that answers, or does not, and what it is.
type peer struct {
	name   string
	host   func(f family) simnet.Host
	state  probe.State
	reason probe.Reason
	only   string // the family; "": both
}

const (
	open     = probe.StateOpen
	refused  = probe.StateRefused
	filtered = probe.StateFiltered
)

// peers is the table of SEMANTICS §1 for a SYN, row by row, and combinations.
func peers() []peer {
	linux := func(family) simnet.Host { return simnet.Linux(80) }
	list := []peer{
		{"open", linux, open, probe.ReasonSYNACK, ""},
		{"closed", func(family) simnet.Host { return simnet.Linux() }, refused, probe.ReasonReset, ""},
		{"silent", func(family) simnet.Host { return simnet.Dropped{} }, filtered, probe.ReasonNoResponse, ""},
		{"SYN-ACK without options or window", func(family) simnet.Host { return simnet.AllOpen{} }, open, probe.ReasonSYNACK, ""},
		{"SYN-ACK with FIN", edit(craft.SYN|craft.ACK, func(s *craft.Segment) { s.Flags |= craft.FIN }), open, probe.ReasonSYNACK, ""},
		{"RST with SYN", edit(craft.SYN|craft.ACK, func(s *craft.Segment) { s.Flags |= craft.RST }), refused, probe.ReasonReset, ""},
		{"RST with SYN and FIN", edit(craft.SYN|craft.ACK, func(s *craft.Segment) { s.Flags |= craft.RST | craft.FIN }), refused, probe.ReasonReset, ""},
		{"SYN-ACK with ECE and PSH", edit(craft.SYN|craft.ACK, func(s *craft.Segment) { s.Flags |= craft.ECE | craft.PSH }), open, probe.ReasonSYNACK, ""},
		{"SYN-ACK that acknowledges one too many", edit(craft.ACK, func(s *craft.Segment) { s.Ack++ }), filtered, probe.ReasonNoResponse, ""},
		{"SYN-ACK that acknowledges nothing of the SYN", edit(craft.ACK, func(s *craft.Segment) { s.Ack-- }), filtered, probe.ReasonNoResponse, ""},
		{"SYN-ACK that acknowledges something else, then the right one", chorus(edit(craft.ACK, func(s *craft.Segment) { s.Ack += 77 }), slow(linux, 20*time.Millisecond)), open, probe.ReasonSYNACK, ""},
		{"ACK of every SYN, without a SYN", func(family) simnet.Host { return probetest.ACKs(func(isn craft.Seq) craft.Seq { return isn + 1 }) }, filtered, probe.ReasonNoResponse, ""},
		{"a way that is too narrow for options", func(family) simnet.Host { return &probetest.Narrow{Host: simnet.Linux(80)} }, open, probe.ReasonSYNACK, ""},
		{"SYN-ACK from another address", moved(craft.SYN | craft.ACK), filtered, probe.ReasonNoResponse, ""},
		{"RST from another address", moved(craft.RST | craft.ACK), filtered, probe.ReasonNoResponse, ""},
		{"SYN-ACK from another address, then genuine", chorus(moved(craft.SYN|craft.ACK), slow(linux, 20*time.Millisecond)), open, probe.ReasonSYNACK, ""},
		{"SYN-ACK from another port", edit(craft.ACK, func(s *craft.Segment) { s.Src = netip.AddrPortFrom(s.Src.Addr(), 81) }), filtered, probe.ReasonNoResponse, ""},
		{"SYN-ACK with a wrong checksum", func(family) simnet.Host { return simnet.Garble(simnet.Linux(80), simnet.FlipLast) }, filtered, probe.ReasonNoResponse, ""},
		{"SYN-ACK with a wrong checksum of its IP header", func(family) simnet.Host { return simnet.Garble(simnet.Linux(80), spoiltHeader) }, filtered, probe.ReasonNoResponse, "IPv4"},
		{"SYN-ACK with a wrong checksum of its IP header, then genuine", chorus(func(family) simnet.Host { return simnet.Garble(simnet.Linux(80), spoiltHeader) }, slow(linux, 20*time.Millisecond)), open, probe.ReasonSYNACK, "IPv4"},
		{"RST with a wrong checksum of its IP header", func(family) simnet.Host { return simnet.Garble(simnet.Closed{}, spoiltHeader) }, filtered, probe.ReasonNoResponse, "IPv4"},
		{"FIN-ACK", finACK, filtered, probe.ReasonNoResponse, ""},
		{"FIN-ACK, then genuine", chorus(finACK, slow(linux, 20*time.Millisecond)), open, probe.ReasonSYNACK, ""},
		{"FIN", says(reply{craft.FIN, bySYN}), filtered, probe.ReasonNoResponse, ""},
		{"segment without flags", says(reply{0, bySYN}), filtered, probe.ReasonNoResponse, ""},
		{"simultaneous open", says(reply{craft.SYN, bySYN}, reply{craft.ACK, bySYNACK}), open, probe.ReasonSplitHandshake, ""},
		{"SYN of somebody else", says(reply{craft.SYN, bySYN}), filtered, probe.ReasonNoResponse, ""},
		{"SYN of somebody else, and silence to our question, then ICMP", chorus(says(reply{craft.SYN, bySYN}), onSYN(family.unreachable)), filtered, "host-unreachable", "IPv4"},
		{"RST without ACK, and no answer to our question", says(reply{craft.RST, bySYN}), refused, probe.ReasonUnverifiedReset, ""},
		{"RST without ACK, which stands by it", standsBy, refused, probe.ReasonReset, ""},
		{"RST without ACK, which stands by it, then genuine", chorus(standsBy, slow(linux, 700*time.Millisecond)), open, probe.ReasonSYNACK, ""},
		{"RST without ACK, which stands by it, then RST", chorus(standsBy, slow(func(family) simnet.Host { return simnet.Closed{} }, 700*time.Millisecond)), refused, probe.ReasonReset, ""},
		{"RST without ACK, which stands by it, then ICMP", chorus(standsBy, slow(onSYN(family.prohibited), 100*time.Millisecond)), refused, probe.ReasonReset, ""},
		{"RST without ACK, which stands by it, then genuine, but only to the same SYN once more", chorus(standsBy, persistent(linux)), open, probe.ReasonSYNACK, ""},
		{"RST that acknowledges the ISN itself", edit2(func(s *craft.Segment) { s.Ack-- }), refused, probe.ReasonUnverifiedReset, ""},
		{"RST that acknowledges the ISN itself, which stands by it", func(family) simnet.Host { return simnet.Mangle(simnet.Closed{}, simnet.AckOff(^uint32(0))) }, refused, probe.ReasonReset, ""},
		{"SYN-ACK that is cut short", func(family) simnet.Host { return simnet.Garble(simnet.Linux(80), simnet.Cut(30)) }, filtered, probe.ReasonNoResponse, ""},
		{"every reply twice", func(family) simnet.Host { return simnet.Repeat(simnet.Linux(80), 2, time.Millisecond) }, open, probe.ReasonSYNACK, ""},
		{"ICMP that quotes other numbers", func(f family) simnet.Host { return simnet.ForgedICMP(simnet.Dropped{}, f.unreachable()) }, filtered, probe.ReasonNoResponse, ""},
		{"ICMP from no address", func(f family) simnet.Host { return simnet.Rejected{ICMP: f.from(0)} }, filtered, probe.ReasonNoResponse, ""},
		{"ICMP from a multicast address", func(f family) simnet.Host { return simnet.Rejected{ICMP: f.from(1)} }, filtered, probe.ReasonNoResponse, ""},
		{"ICMP from a loopback address", func(f family) simnet.Host { return simnet.Rejected{ICMP: f.from(2)} }, filtered, probe.ReasonNoResponse, ""},
		{"RST that acknowledges the SYN and has a number", edit2(func(s *craft.Segment) { s.Seq = 0xdeadbeef }), refused, probe.ReasonReset, ""},
		{"RST with a wrong checksum", func(family) simnet.Host { return simnet.Garble(simnet.Closed{}, spoilt) }, filtered, probe.ReasonNoResponse, ""},
		{"RST that acknowledges something else", edit2(func(s *craft.Segment) { s.Ack += 1000 }), filtered, probe.ReasonNoResponse, ""},
		{"forged RST, then genuine", func(family) simnet.Host { return simnet.ForgedReset(simnet.Linux(80), 50, 2*time.Millisecond) }, open, probe.ReasonSYNACK, ""},
		{"RST without ACK, then genuine", chorus(says(reply{craft.RST, bySYN}), linux), open, probe.ReasonSYNACK, ""},
		{"SYN of somebody else, then genuine", chorus(says(reply{craft.SYN, bySYN}), linux), open, probe.ReasonSYNACK, ""},
		{"ACK of nothing, then genuine", chorus(says(reply{craft.ACK, bySYN}), linux), open, probe.ReasonSYNACK, ""},
		{"ICMP that quotes other numbers, then genuine", func(f family) simnet.Host { return simnet.ForgedICMP(simnet.Linux(80), f.unreachable()) }, open, probe.ReasonSYNACK, ""},
		{"ICMP, then genuine", chorus(onSYN(family.prohibited), linux), open, probe.ReasonSYNACK, ""},
		{"near ICMP, then genuine from far", chorus(onSYN(family.prohibited), far(linux)), open, probe.ReasonSYNACK, ""},
		{"near ICMP, then genuine half a second later", chorus(onSYN(family.prohibited), slow(linux, 480*time.Millisecond)), open, probe.ReasonSYNACK, ""},
		{"near ICMP that may pass, then genuine 0.9 s later", chorus(onSYN(family.unreachable), slow(linux, 900*time.Millisecond)), open, probe.ReasonSYNACK, ""},
		{"near RST, then genuine from far", chorus(func(family) simnet.Host { return simnet.Only(craft.SYN, simnet.Closed{}) }, far(linux)), open, probe.ReasonSYNACK, ""},
		{"near ICMP, then RST from far", chorus(onSYN(family.prohibited), far(func(family) simnet.Host { return simnet.Closed{} })), refused, probe.ReasonReset, ""},
		{"genuine, then ICMP", chorus(linux, onSYN(family.prohibited)), open, probe.ReasonSYNACK, ""},
		{"genuine, but only to the same SYN once more", persistent(linux), open, probe.ReasonSYNACK, ""},
		{"RST, but only to the same SYN once more", persistent(func(family) simnet.Host { return simnet.Closed{} }), refused, probe.ReasonReset, ""},
		{"genuine, but after the timeout", slow(linux, 1200*time.Millisecond), open, probe.ReasonSYNACK, ""},
		{"RST, but after the timeout", slow(func(family) simnet.Host { return simnet.Closed{} }, 1200*time.Millisecond), refused, probe.ReasonReset, ""},
		{"genuine, but the first of each is lost", func(family) simnet.Host { return probetest.WithoutFirst(simnet.Linux(80)) }, open, probe.ReasonSYNACK, ""},
		{"ICMP, then RST", chorus(onSYN(family.prohibited), func(family) simnet.Host { return simnet.Closed{} }), refused, probe.ReasonReset, ""},
		{"RST, then ICMP", chorus(func(family) simnet.Host { return simnet.Closed{} }, onSYN(family.prohibited)), refused, probe.ReasonReset, ""},
		{"RST without ACK, then ICMP", chorus(says(reply{craft.RST, bySYN}), onSYN(family.prohibited)), filtered, "admin-prohibited", ""},
		{"ICMP, then RST without ACK", chorus(onSYN(family.prohibited), says(reply{craft.RST, bySYN})), filtered, "admin-prohibited", ""},
	}
	return slices.Concat(list, errorPeers(), quotePeers(), fragmentPeers())
}

// errorPeers answer with one ICMP error.
func errorPeers() (list []peer) {
	for _, e := range []struct {
		only      string
		typ, code uint8
		reason    probe.Reason
	}{
		{"IPv4", 3, 0, "net-unreachable"}, {"IPv4", 3, 1, "host-unreachable"}, {"IPv4", 3, 2, "proto-unreachable"},
		{"IPv4", 3, 3, "port-unreachable"}, {"IPv4", 3, 4, probe.ReasonNoResponse}, {"IPv4", 3, 5, "icmp-3-5"},
		{"IPv4", 3, 9, "net-prohibited"}, {"IPv4", 3, 10, "host-prohibited"}, {"IPv4", 3, 13, "admin-prohibited"}, {"IPv4", 3, 15, "icmp-3-15"},
		{"IPv4", 4, 0, probe.ReasonNoResponse}, {"IPv4", 5, 1, probe.ReasonNoResponse}, {"IPv4", 11, 0, probe.ReasonTimeExceeded},
		{"IPv4", 11, 1, probe.ReasonTimeExceeded}, {"IPv4", 12, 0, "param-problem"},
		{"IPv6", 1, 0, "no-route"}, {"IPv6", 1, 1, "admin-prohibited"}, {"IPv6", 1, 2, "beyond-scope"}, {"IPv6", 1, 3, "addr-unreachable"},
		{"IPv6", 1, 4, "port-unreachable"}, {"IPv6", 1, 5, "policy-failed"}, {"IPv6", 1, 6, "reject-route"}, {"IPv6", 1, 7, "source-route-error"},
		{"IPv6", 2, 0, probe.ReasonNoResponse}, {"IPv6", 3, 0, probe.ReasonTimeExceeded}, {"IPv6", 4, 1, "param-problem"},
	} {
		host := func(f family) simnet.Host { return simnet.Rejected{ICMP: f.icmp(e.typ, e.code)} }
		list = append(list, peer{fmt.Sprintf("ICMP %d/%d", e.typ, e.code), host, filtered, e.reason, e.only})
	}
	return list
}

// edit is an open host some of whose segments are changed on the way.
func edit(flags craft.Flags, how func(*craft.Segment)) func(family) simnet.Host {
	return func(family) simnet.Host {
		return simnet.Mangle(simnet.Linux(80), func(s *craft.Segment) {
			if s.Flags&flags == flags {
				how(s)
			}
		})
	}
}

// moved is a host that answers SYNs from another address.
func moved(flags craft.Flags) func(family) simnet.Host {
	return func(f family) simnet.Host {
		return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				from := netip.AddrPortFrom(netip.MustParseAddr(f.router), in.Dst.Port())
				out.Segment(0, &craft.Segment{Src: from, Dst: in.Src, TTL: 64, Seq: 7, Ack: in.Seq.Add(1), Flags: flags})
			}
		})
	}
}

// edit2 is a closed host whose answers to SYNs are changed, and who does not
// answer questions.
func edit2(how func(*craft.Segment)) func(family) simnet.Host {
	return func(family) simnet.Host { return simnet.Only(craft.SYN, simnet.Mangle(simnet.Closed{}, how)) }
}

// finACK acknowledges a SYN by a segment that ends a connection which nobody has opened.
var finACK = edit2(func(s *craft.Segment) { s.Flags, s.Seq = craft.FIN|craft.ACK, 7 })

// spoilt turns a bit of a TCP segment's window, and leaves its checksum.
func spoilt(b []byte) []byte { b[header(b)+15] ^= 1; return b }

// spoiltHeader turns a bit of an IPv4 header's checksum.
func spoiltHeader(b []byte) []byte { b[11] ^= 1; return b }

// chorus is several hosts behind one address, in the order in which they answer.
func chorus(hosts ...func(family) simnet.Host) func(family) simnet.Host {
	return func(f family) simnet.Host {
		var list []simnet.Host
		for _, h := range hosts {
			list = append(list, h(f))
		}
		return simnet.Chorus(list...)
	}
}

// far is a host behind all who answer for it: several times as far as they are.
func far(host func(family) simnet.Host) func(family) simnet.Host {
	return slow(host, 120*time.Millisecond)
}

// persistent is a host that answers the retransmission of a SYN alone.
func persistent(host func(family) simnet.Host) func(family) simnet.Host {
	return func(f family) simnet.Host { return probetest.NewPersistent(host(f)) }
}

// standsBy sends an RST without ACK for each SYN, and answers the question about that as every host.
var standsBy = says(reply{craft.RST, bySYN}, reply{craft.RST, byACK})

// slow is a host that takes its time.
func slow(host func(family) simnet.Host, takes time.Duration) func(family) simnet.Host {
	return func(f family) simnet.Host { return simnet.Slow(host(f), takes) }
}

// onSYN is a router that answers each SYN with an error.
func onSYN(e func(family) simnet.ICMP) func(family) simnet.Host {
	return func(f family) simnet.Host { return simnet.Only(craft.SYN, simnet.Rejected{ICMP: e(f)}) }
}

// trigger is what draws a reply.
type trigger uint8

const (
	bySYN    trigger = iota
	bySYNACK         // our answer to a bare SYN
	byACK            // our question about an RST
)

type reply struct {
	flags craft.Flags
	to    trigger
}

// says is a host without memory: it answers each kind of segment with one.
func says(replies ...reply) func(family) simnet.Host {
	const isn = 7_000_000
	kinds := map[trigger]craft.Flags{bySYN: craft.SYN, bySYNACK: craft.SYN | craft.ACK, byACK: craft.ACK}
	return func(family) simnet.Host {
		return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
			for _, r := range replies {
				if in.Flags&(craft.SYN|craft.ACK|craft.RST|craft.FIN) != kinds[r.to] {
					continue
				}
				s := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Window: 5000, Flags: r.flags, Seq: isn}
				switch r.to {
				case bySYNACK:
					s.Seq, s.Ack = isn+1, in.Seq.Add(1)
				case byACK:
					s.Seq = in.Ack
				case bySYN:
					if r.flags.Has(craft.ACK) {
						s.Ack = in.Seq + 12345
					}
				}
				if r.flags == craft.RST && r.to == bySYN {
					s.Seq = 0
				}
				out.Segment(0, &s)
			}
		})
	}
}

// TestEveryEngineSaysTheSame: one peer has one verdict, whoever asks.
func TestEveryEngineSaysTheSame(t *testing.T) {
	for _, p := range peers() {
		for _, f := range families {
			if p.only != "" && p.only != f.name {
				continue
			}
			for _, e := range engines {
				t.Run(p.name+"/"+f.name+"/"+e.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { judge(t, p, f, e) })
				})
			}
		}
	}
}

// TestResponderInItsZone: a router that has only a link-local address is told with the
// zone in which it has it.
func TestResponderInItsZone(t *testing.T) {
	router := netip.MustParseAddr("fe80::77")
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{Back: simnet.Path{Delay: 5 * time.Millisecond}})
				n.HandleAddr(families[1].target, simnet.Rejected{ICMP: simnet.ICMP{From: router, Type: 1, Code: 1}})
				conn := n.Conn(e.ports, simnet.WatchOutgoing())
				defer conn.Close()
				got, err := e.ask(t.Context(), conn, netip.AddrPortFrom(families[1].addr(), 80))
				if want := conn.InZone(router, 0); err != nil || got.reason != "admin-prohibited" || got.from != want {
					t.Errorf("%s from %v, want %v: %v", got.reason, got.from, want, err)
				}
			})
		})
	}
}

func judge(t *testing.T, p peer, f family, e engine) {
	way := simnet.Path{Delay: 5 * time.Millisecond}
	var wire tally
	n := simnet.New(simnet.Config{Out: way, Back: way, Observe: wire.see})
	n.HandleAddr(f.target, p.host(f))
	conn := n.Conn(e.ports, simnet.WatchOutgoing())
	defer conn.Close()
	got, err := e.ask(t.Context(), conn, netip.AddrPortFrom(f.addr(), 80))
	if hops := e.name == "trace" || e.name == "watch" || e.name == "paths"; hops && rewritten[p.name] {
		p.reason = "admin-prohibited"
	}
	if err != nil || got.state != p.state || got.reason != p.reason {
		t.Errorf("%s (%s), want %s (%s): %v", got.state, got.reason, p.state, p.reason, err)
	}
	if why, known := rejections[p.name]; known && (got.counts.Rejected[why] == 0 || got.counts.Rejected["foreign-port"] > 0) {
		t.Errorf("rejected are %v, want %s", got.counts.Rejected, why)
	}
	code := findings[p.name]
	if code == "challenge-ack" && e.name == "sample" && p.name == "ACK of every SYN, without a SYN" {
		code = "stale-half-open" // of its own SYN before
	}
	if code != "" && !slices.ContainsFunc(got.found, func(f probe.Finding) bool { return f.Code == code }) {
		t.Errorf("findings are %+v, want %s", got.found, code)
	}
	if code == "other-address" && wire.resets == 0 {
		t.Errorf("what was opened is not closed")
	}
	for _, f := range got.found {
		if slices.Contains(strays, f.Code) && findings[p.name] != f.Code {
			t.Errorf("finding %+v", f)
		}
	}
	if e.name == "scan" && (!got.counts.Complete || got.counts.Probes != 1) {
		t.Errorf("complete %v, %d probes", got.counts.Complete, got.counts.Probes)
	}
	if counted := (tally{got.counts.Sent, got.counts.Resets}); counted != wire {
		t.Errorf("%d packets sent and %d RSTs are counted, of %d and %d", counted.sent, counted.resets, wire.sent, wire.resets)
	}
}

// rewritten are peers whose errors quote a segment that somebody rewrote and left its
// sequence number as it was. A trace, whose hops are behind that, reads them; to all
// others they are "foreign-quote".
var rewritten = map[string]bool{
	"ICMP that quotes a segment with another source address": true,
	"ICMP that quotes a segment with another source port":    true,
	"ICMP that quotes a segment with another target address": true,
	"ICMP that quotes a segment with another target port":    true,
}

// findings are what engines that have findings tell beside the verdict, by the names of
// the peers.
var findings = map[string]string{
	"ACK of every SYN, without a SYN":                              "challenge-ack",
	"ACK of nothing, then genuine":                                 "challenge-ack",
	"in fragments: SYN-ACK, the first of 8 bytes":                  "answer-in-fragments",
	"a way that is too narrow for options":                         "path-mtu",
	"simultaneous open":                                            "split-handshake",
	"SYN of somebody else":                                         "split-handshake",
	"SYN of somebody else, then genuine":                           "split-handshake",
	"SYN of somebody else, and silence to our question, then ICMP": "split-handshake",
	"forged RST, then genuine":                                     "forged-reset",
	"near RST, then genuine from far":                              "forged-reset",
	"SYN-ACK that acknowledges one too many":                       "wrong-ack",
	"SYN-ACK that acknowledges nothing of the SYN":                 "wrong-ack",
	"RST that acknowledges something else":                         "wrong-ack",
	"SYN-ACK from another address":                                 "other-address",
}

// strays are findings of what answers nothing, which nobody tells of where something does.
var strays = []string{"wrong-ack", "other-address"}

// rejections are the words for what some peers say, by their names: one for each.
var rejections = map[string]string{
	"SYN-ACK that acknowledges one too many":       "bad-ack",
	"SYN-ACK that acknowledges nothing of the SYN": "bad-ack",
	"SYN-ACK from another port":                    "bad-ack",
	"SYN-ACK from another address":                 "other-address",
	"RST from another address":                     "other-address",
	"SYN-ACK from another address, then genuine":   "other-address",
	"SYN-ACK with a wrong checksum":                "bad-checksum",
	"RST that acknowledges something else":         "bad-ack",
	"RST with a wrong checksum":                    "bad-checksum",
	"SYN-ACK that is cut short":                    "truncated",
	"ICMP that quotes other numbers":               "foreign-quote",
	"ICMP from no address":                         "martian",
	"ICMP from a multicast address":                "martian",
	"ICMP from a loopback address":                 "martian",

	"in fragments: SYN-ACK, the first of 8 bytes":             "fragment",
	"in fragments: SYN-ACK that acknowledges something else":  "fragment",
	"in fragments: RST without ACK":                           "fragment",
	"in fragments: ICMP with another source port":             "fragment",
	"ICMP that quotes a segment with another sequence number": "foreign-quote",
	"ICMP that quotes a segment of a later fragment":          "fragment",
	"ICMP that quotes a segment of 7 bytes of TCP":            "truncated",
	"ICMP that quotes a segment of the IP header alone":       "truncated",
}

// tally are the packets that left: RSTs, and all others.
type tally struct{ sent, resets uint64 }

func (w *tally) see(e simnet.Event) {
	var p craft.Packet
	switch {
	case e.Dir != simnet.Out || p.Decode(e.Data, craft.TrustChecksums) != nil:
	case p.Segment.Flags.Has(craft.RST):
		w.resets++
	default:
		w.sent++
	}
}
