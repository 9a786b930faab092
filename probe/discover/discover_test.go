package discover_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

const ms = probetest.Millisecond

// look runs one discovery of 16 addresses, of which the hosts are there.
func look(t *testing.T, hosts map[string]simnet.Host, cfg discover.Config) (map[string]discover.Host, probe.Summary) {
	t.Helper()
	n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}})
	for a, h := range hosts {
		n.HandleAddr(a, h)
	}
	conn := n.Conn(discover.SourcePorts, simnet.WatchOutgoing())
	defer conn.Close()
	var all []netip.Addr
	for a, i := netip.MustParseAddr("198.51.100.0"), 0; i < 16; a, i = a.Next(), i+1 {
		all = append(all, a)
	}
	cfg.Hosts = slices.Values(all)
	found := map[string]discover.Host{}
	summary, err := discover.Run(t.Context(), conn, cfg, func(h discover.Host) error {
		if _, twice := found[h.Addr.String()]; twice {
			t.Errorf("%v is decided twice", h.Addr)
		}
		found[h.Addr.String()] = h
		return nil
	})
	if err != nil || len(found) != 16 || !summary.Complete || summary.Probes != 16 {
		t.Errorf("%d hosts, summary %+v, %v", len(found), summary, err)
	}
	return found, summary
}

// Where one port is of interest a silent address costs three packets, and whoever answers
// there or an echo is found.
func TestSearchForOnePort(t *testing.T) {
	port := func(netip.Addr) uint16 { return 8443 }
	for _, ack := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			if _, silent := look(t, nil, discover.Config{Port: port, ACK: ack}); silent.Sent != 3*16 {
				t.Errorf("%d packets for 16 silent addresses", silent.Sent)
			}
			found, sum := look(t, map[string]simnet.Host{
				"198.51.100.9": only(8443, probetest.Listener()), "198.51.100.10": only(443, probetest.Listener()), "198.51.100.11": only(8443, simnet.Closed{}),
			}, discover.Config{Port: port, ACK: ack})
			if !found["198.51.100.9"].Up || found["198.51.100.10"].Up || !found["198.51.100.11"].Up {
				t.Errorf("%+v\n%+v\n%+v", found["198.51.100.9"], found["198.51.100.10"], found["198.51.100.11"])
			}
			if sum.Sent > 3*16+2*2 {
				t.Errorf("ack %v: %d packets", ack, sum.Sent)
			}
		})
	}
}

// only lets a host see segments to one port.
func only(port uint16, h simnet.Host) simnet.Host {
	return simnet.OnPorts(h, func(p uint16) bool { return p == port })
}

// What proves that a host is there, and what does not.
func TestWhatProvesAHost(t *testing.T) {
	router := netip.MustParseAddr("203.0.113.1")
	bare := simnet.Mangle(simnet.Closed{}, func(s *craft.Segment) { s.Flags, s.Ack = craft.RST, 0 })
	for name, tc := range map[string]struct {
		host   simnet.Host
		up     bool
		reason probe.Reason
	}{
		"SYN-ACK":                             {only(443, probetest.Listener()), true, "syn-ack"},
		"RST to the SYN":                      {only(443, simnet.Closed{}), true, "reset"},
		"RST to the ACK":                      {only(80, simnet.Closed{}), true, "reset"},
		"only SSH, in the second round":       {only(22, probetest.Listener()), true, "syn-ack"},
		"its own port unreachable":            {simnet.Rejected{ICMP: simnet.ICMP{Type: 3, Code: 3}}, true, "port-unreachable"},
		"a split handshake":                   {only(443, simnet.Split{}), true, "split-handshake"},
		"a bare RST, and one to the question": {only(443, simnet.Chorus(simnet.Only(craft.SYN, bare), simnet.Only(craft.ACK, simnet.Closed{}))), true, "reset"},
		"nobody":                              {simnet.Dropped{}, false, "no-response"},
		"a router's word":                     {simnet.Rejected{ICMP: simnet.ICMP{From: router, Type: 3, Code: 1}}, false, "host-unreachable"},
		"a SYN-ACK of another number":         {only(443, simnet.Mangle(probetest.Listener(), simnet.AckOff(1))), false, "no-response"},
		"a bare RST, and nothing to the question": {simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN {
				out.Segment(0, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Flags: craft.RST})
			}
		}), false, "no-response"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				found, _ := look(t, map[string]simnet.Host{"198.51.100.9": tc.host}, discover.Config{})
				h := found["198.51.100.9"]
				if h.Up != tc.up || h.Reason != tc.reason {
					t.Errorf("up %v (%s), want %v (%s)", h.Up, h.Reason, tc.up, tc.reason)
				}
				want := 10 * ms
				if strings.HasPrefix(name, "a bare") || name == "a split handshake" { // the answer is one to a question
					want = 0
				}
				if h.RTT != want && h.Reason != "port-unreachable" && tc.up {
					t.Errorf("RTT %v, want %v", h.RTT, want)
				}
			})
		})
	}
}

// An empty network costs six packets an address, twice the timeout, and a second for who is far; one live
// host shortens the wait for the others.
func TestWhatAnEmptyNetworkCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, empty := look(t, nil, discover.Config{})
		if empty.Sent != 6*16 || empty.Took < 3*time.Second || empty.Took > 3200*ms {
			t.Errorf("%d packets in %v", empty.Sent, empty.Took)
		}
		_, live := look(t, map[string]simnet.Host{"198.51.100.1": probetest.Listener()}, discover.Config{})
		if live.Took > 1500*ms {
			t.Errorf("with one live host it takes %v", live.Took)
		}
	})
}

// A rule of this machine that keeps pings in does not hide who answers TCP; one
// that keeps everything in leaves hosts neither up nor down.
func TestOwnFirewall(t *testing.T) {
	icmp := func(b []byte) bool { return b[9] == 1 }
	all := func([]byte) bool { return true }
	for name, tc := range map[string]struct {
		forbids func([]byte) bool
		state   probe.HostState
		reason  probe.Reason
	}{
		"ICMP":       {icmp, probe.HostUp, "syn-ack"},
		"everything": {all, probe.HostUnknown, "local-firewall"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := netip.MustParseAddr("198.51.100.9")
				n := simnet.New(simnet.Config{SendError: func(b []byte) error {
					if tc.forbids(b) {
						return syscall.EPERM
					}
					return nil
				}})
				n.HandleAddr(a.String(), probetest.Listener())
				conn := n.Conn(2, simnet.WatchOutgoing())
				defer conn.Close()
				var got probe.HostReport
				_, err := discover.Run(t.Context(), conn, discover.Config{Hosts: slices.Values([]netip.Addr{a})}, func(h discover.Host) error {
					got = h.Report()
					return nil
				})
				if err != nil || got.State != tc.state || got.Reason != tc.reason {
					t.Errorf("%v (%s): %v", got.State, got.Reason, err)
				}
			})
		})
	}
}

// A port that must not be probed is not probed to find its host either.
func TestForbiddenPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[uint16]bool{}
		watch := simnet.HostFunc(func(_ time.Time, in *craft.Segment, _ simnet.Emitter) { asked[in.Dst.Port()] = true })
		_, summary := look(t, map[string]simnet.Host{"198.51.100.9": watch}, discover.Config{Forbidden: []uint16{443, 22}})
		if want := map[uint16]bool{80: true}; !maps.Equal(asked, want) || summary.Sent != 16*4 {
			t.Errorf("asked ports %v, %d packets", asked, summary.Sent)
		}
		found, _ := look(t, map[string]simnet.Host{"198.51.100.9": only(80, probetest.Listener())}, discover.Config{Forbidden: []uint16{443}})
		if h := found["198.51.100.9"]; !h.Up || h.RTT != 10*ms {
			t.Errorf("%+v", h)
		}
	})
}
