package ping_test

import (
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/ping"
	"synscope/probe/simnet"
)

// nic is an interface with a clock of its own before a network of model hosts:
// it stamps what passes. Its departures are told by packets of their own.
type nic struct {
	*simnet.Conn
	clock   func(time.Time) time.Time
	inside  time.Duration                     // between the kernel's stamp and the interface's, each way
	told    func(departure int) time.Duration // how long after it left a departure is told of; below 0: never
	blind   func(arrival int) bool            // that arrival is not stamped
	link    int                               // the interface that arrivals are seen on
	packets chan netraw.Packet
	ended   chan struct{}
}

// plug puts an interface before a connection. It goes with the connection.
func (n *nic) plug() {
	n.packets, n.ended = make(chan netraw.Packet, 1000), make(chan struct{})
	go n.pass()
}

func (n *nic) pass() {
	var in [1]netraw.Packet
	for left, arrived := 0, 0; ; {
		if _, err := n.Conn.Recv(in[:]); err != nil {
			return
		}
		p := in[0]
		p.Data = append([]byte(nil), p.Data...)
		if !p.Outgoing {
			if p.IfIndex = n.link; !n.blind(arrived) {
				p.DeviceTime = n.clock(p.Time.Add(-n.inside))
			}
			arrived++
			n.packets <- p
			continue
		}
		n.packets <- p
		if after := n.told(left); after >= 0 {
			again := netraw.Packet{Data: p.Data, Outgoing: true, Partial: true, DeviceTime: n.clock(p.Time.Add(n.inside))}
			time.AfterFunc(after, func() { n.packets <- again })
		}
		left++
	}
}

func (n *nic) Recv(pkts []netraw.Packet) (int, error) {
	select {
	case pkts[0] = <-n.packets:
		return 1, nil
	case <-n.ended:
		return 0, os.ErrDeadlineExceeded
	}
}

func (n *nic) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && t.Before(time.Now()) {
		close(n.ended)
	}
	return nil
}

// wired is a nic that does all it should, before a far end that answers after
// 20 ms; change what it does. It must be made in a bubble.
func wired(change func(*nic)) *nic {
	w := simnet.New(simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 15 * ms}})
	w.Handle(netip.MustParsePrefix("198.51.100.0/24"), probetest.Listener())
	n := &nic{
		Conn:   w.Conn(8, simnet.WatchOutgoing()),
		clock:  func(t time.Time) time.Time { return t },
		inside: 10 * time.Microsecond,
		told:   func(int) time.Duration { return 0 },
		blind:  func(int) bool { return false },
		link:   2,
	}
	change(n)
	n.plug()
	return n
}

// With two stamps of the interface the time is between those, however far its
// clock is from the kernel's and however late it tells; with one, or with two
// that cannot be true, it is what it would have been without.
func TestPingByTheInterfacesClock(t *testing.T) {
	const software, hardware = 20 * ms, 20*ms - 20*time.Microsecond
	tell := func(after time.Duration) func(*nic) {
		return func(n *nic) { n.told = func(int) time.Duration { return after } }
	}
	for _, tc := range []struct {
		name   string
		change func(*nic)
		device int  // how many of ten samples are of the interface's clock
		first  bool // the first among them
	}{
		{"at once", tell(0), 10, true},
		{"after the answer", tell(60 * ms), 10, true},
		{"too late", tell(150 * ms), 0, false},
		{"never", tell(-1), 0, false},
		{"every second", func(n *nic) {
			// Departure 0 warms up; then each SYN is followed by its RST.
			n.told = func(i int) time.Duration { return time.Duration(min(0, -(i % 4))) }
		}, 5, false},
		{"another epoch", func(n *nic) {
			n.clock = func(t time.Time) time.Time { return t.AddDate(-30, 0, 0) }
		}, 10, true},
		{"arrivals not stamped", func(n *nic) { n.blind = func(int) bool { return true } }, 0, false},
		{"arrivals by another interface", func(n *nic) { n.link = 7 }, 0, false},
		{"set forward on the way", func(n *nic) { n.clock = set(30*ms, time.Hour) }, 9, false},
		{"set back on the way", func(n *nic) { n.clock = set(30*ms, -time.Hour) }, 9, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := wired(tc.change)
				defer n.Close()
				var samples []ping.Sample
				_, err := ping.Run(t.Context(), n, ping.Config{Targets: []netip.AddrPort{target}, Count: 10, Timeout: 200 * ms},
					func(s ping.Sample) error { samples = append(samples, s); return nil })
				if err != nil || len(samples) != 10 {
					t.Fatalf("%d samples, %v", len(samples), err)
				}
				device := 0
				for _, s := range samples {
					want := software
					if s.Device {
						want, device = hardware, device+1
					}
					if s.RTT != want || s.Clock != netraw.ClockKernel || s.Doubt != probe.DoubtNone || s.State != probe.StateOpen {
						t.Errorf("%+v", s)
					}
				}
				if device != tc.device || samples[0].Device != tc.first {
					t.Errorf("%d samples are of the interface's clock, want %d; the first: %t", device, tc.device, samples[0].Device)
				}
			})
		})
	}
}

// set is a clock that is set while it runs.
func set(at, by time.Duration) func(time.Time) time.Time {
	start := time.Now()
	return func(t time.Time) time.Time {
		if t.Sub(start) > at {
			t = t.Add(by)
		}
		return t
	}
}
