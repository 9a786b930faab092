package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/why"
)

// Config says where trials go. Only Addrs must be set.
type Config struct {
	Addrs   []why.Address  // of the target, its port included
	Name    string         // of the target, which requests ask for; empty: its address
	Against netip.AddrPort // of the role Against; invalid: none
	Rate    float64        // most packets a second; 0: DefaultRate
	Packets int            // the budget, of which what is left closes connections again where packets were lost; 0: why.DefaultPackets
	Dialer  probe.Dialer   // of this machine's own connections; nil: none are made
	// Seen are connections of this machine's from SeenPort, whose packets the network
	// receives ([netraw.Conn.Lend]): they go first, and what they leave half open
	// is closed. nil: connections are made that nobody can close when answers are dropped here.
	Seen     probe.Dialer
	SeenPort uint16
	Facts    *Facts // looks at this machine; nil: none
}

// DefaultRate keeps bursts short and away from what could be called a flood.
const DefaultRate = 1000

// Instrument makes trials: it is a [why.Instrument].
type Instrument struct {
	cfg     Config
	network probe.Network
	routes  map[netip.Addr]netraw.Route
	start   time.Time
	key     uint32 // of timestamps

	mu         sync.Mutex
	sent       int
	promised   int                    // packets that will have left when the batch has ended, at most
	next       time.Time              // when the next packet may leave
	until      time.Time              // when trials have to end; zero: at no time
	end        time.Time              // when the run has to end; zero: at no time
	closed     [2][]craft.Segment     // RSTs that were sent: of connections, and of half-open ones
	lossy      bool                   // something was answered the second time only
	late       netip.Addr             // the router that said the host is unreachable after the SYN was given up
	exchanges  map[uint16][]*exchange // by our port
	unclosed   []craft.Segment        // RSTs for what may be half open
	silent     map[tuple]craft.Seq    // numbers of SYNs that were not answered
	old        map[flow]ended         // numbers of exchanges that are over
	givenUp    map[answerOf]awaited   // SYNs that nobody waits for any more
	latecomers []why.Latecomer        // what came for them
	unproven   []unproven             // SYN-ACKs that may be nobody's answers
	slowest    time.Duration          // the longest of the round trips that were given up
	over       bool                   // nothing more will be asked
	completed  int
	rtts       map[int]time.Duration // the shortest, by address
	ports      []uint16
	seen       *craft.Segment // the newest SYN of Config.Seen
	dialling   sync.Mutex     // of it: one connection at a time
	done       chan struct{}
	failure    error

	stragglers chan craft.Segment // RSTs for what the host has still open
	answered   chan struct{}      // closed when these are sent
}

// New begins to listen on a network. Routes are looked up, nothing is sent.
func New(n probe.Network, cfg Config) *Instrument {
	cfg.Rate = cmp.Or(cfg.Rate, DefaultRate)
	cfg.Packets = cmp.Or(cfg.Packets, why.DefaultPackets)
	cfg.Against, cfg.Addrs = wire.Unmapped(cfg.Against), slices.Clone(cfg.Addrs)
	for i := range cfg.Addrs {
		cfg.Addrs[i].AddrPort = wire.Unmapped(cfg.Addrs[i].AddrPort)
	}
	i := &Instrument{
		cfg: cfg, network: n, start: time.Now(), key: rand.Uint32(),
		routes: map[netip.Addr]netraw.Route{}, exchanges: map[uint16][]*exchange{}, silent: map[tuple]craft.Seq{}, old: map[flow]ended{}, givenUp: map[answerOf]awaited{}, rtts: map[int]time.Duration{},
		ports: n.Ports(), done: make(chan struct{}), stragglers: make(chan craft.Segment, stragglersKept), answered: make(chan struct{}),
	}
	for _, a := range cfg.Addrs {
		i.route(a.Addr())
	}
	go i.read()
	go i.answerStragglers()
	return i
}

// route is the way to an address; the zero Route where there is none.
func (i *Instrument) route(a netip.Addr) netraw.Route {
	i.mu.Lock()
	r, known := i.routes[a]
	i.mu.Unlock()
	if known {
		return r
	}
	r, _ = i.network.Route(a)
	i.mu.Lock()
	i.routes[a] = r
	i.mu.Unlock()
	return r
}

// Now is the time since New.
func (i *Instrument) Now() time.Duration { return time.Since(i.start) }

// Sent counts packets, those that will close what is still open included.
func (i *Instrument) Sent() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent + len(i.unclosed) + i.owed()
}

// untilEnd gives a batch the time that it has, less what closing takes.
func (i *Instrument) untilEnd(ctx context.Context, batch []why.Trial) (context.Context, context.CancelFunc) {
	if len(batch) == 0 || batch[0].Until == 0 {
		return context.WithCancel(ctx)
	}
	own := time.Duration(float64(len(batch)) / i.cfg.Rate * float64(time.Second))
	end := i.start.Add(batch[0].Until - i.Closing() - own)
	i.mu.Lock()
	i.until, i.end = end, i.start.Add(batch[0].Until-closingSlack/2)
	i.mu.Unlock()
	return context.WithDeadline(ctx, end)
}

// Run makes a batch: each trial at its time, in a goroutine of its own. What has not
// ended by the time that the batch has was not made.
func (i *Instrument) Run(whole context.Context, batch []why.Trial) ([]why.Trial, error) {
	ctx, cancel := i.untilEnd(whole, batch)
	defer cancel()
	began := time.Now()
	i.promise(batch)
	release := make(chan struct{}) // of held connections
	var all, holds sync.WaitGroup
	for k := range batch {
		t := &batch[k]
		group := &all
		if t.Kind == why.Hold {
			group = &holds
		}
		settled := make(chan struct{})
		all.Add(1)
		go func() { <-settled; all.Done() }()
		group.Go(func() {
			settle := sync.OnceFunc(func() { close(settled) })
			defer settle()
			if !sleep(ctx, time.Until(began.Add(t.After))) {
				return
			}
			i.trial(ctx, t, settle, release)
		})
	}
	all.Wait()
	close(release)
	holds.Wait()
	i.promise(nil)
	countHeld(batch)
	return batch, whole.Err()
}

// countHeld counts, for each trial of a batch, the connections of ours that were open
// when it began.
func countHeld(batch []why.Trial) {
	for k := range batch {
		t := &batch[k]
		t.Held = 0
		for n := range batch {
			o := &batch[n]
			if n != k && o.Opened() && o.Addr == t.Addr && o.At <= t.At && t.At < o.Ended {
				t.Held++
			}
		}
	}
}

// sleep waits, and tells whether nobody interrupted it.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	alarm := time.NewTimer(d)
	defer alarm.Stop()
	select {
	case <-alarm.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// trial makes one trial. settle is called as soon as its outcome is known.
func (i *Instrument) trial(ctx context.Context, t *why.Trial, settle func(), release <-chan struct{}) {
	t.At, t.Reply.Window = i.Now(), -1
	i.mu.Lock()
	t.Before, t.Completed = i.completed, i.completed
	i.mu.Unlock()
	defer func() {
		t.Ended = cmp.Or(t.Ended, i.Now())
	}()
	switch t.Kind {
	case why.Local:
		i.look(t)
	case why.Kernel:
		i.kernel(ctx, t)
	case why.Trace:
		i.trace(ctx, t)
	case why.ACK, why.FIN:
		i.bare(ctx, t)
	case why.Echo:
		i.echo(ctx, t)
	case why.DuplicateSYN:
		i.duplicateSYN(ctx, t)
	case why.SYN:
		i.syn(ctx, t)
	default:
		if i.connection(ctx, t, settle, release); ctx.Err() != nil {
			t.Outcome = why.NotMade
		}
	}
}

// unusedPorts are those that next to no host serves.
var unusedPorts = []uint16{61234, 58473, 60977, 59131}

// destination is whom a trial asks.
func (i *Instrument) destination(t *why.Trial) netip.AddrPort {
	target := i.cfg.Addrs[t.Addr].AddrPort
	pick := func(list []uint16) netip.AddrPort {
		for k := range list {
			if p := list[(t.Port+k)%len(list)]; p != target.Port() {
				return netip.AddrPortFrom(target.Addr(), p)
			}
		}
		return target
	}
	switch t.Role {
	case why.Closed:
		return pick(unusedPorts)
	case why.Served:
		return pick(wire.Served[:4])
	case why.Against:
		return i.cfg.Against
	}
	return target
}

// source is where a trial's packets come from: flows have ports of their own.
func (i *Instrument) source(t *why.Trial, dst netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(i.route(dst).Source, i.ports[t.Flow%len(i.ports)])
}

// send hands a segment over, within the rate, and counts it.
func (i *Instrument) send(s *craft.Segment) error {
	if !s.Src.Addr().IsValid() {
		if _, err := i.network.Route(s.Dst.Addr()); err != nil {
			return err
		}
	}
	b, err := s.AppendTo(nil)
	if err != nil {
		return err
	}
	p := asks
	if s.Flags.Has(craft.RST) {
		p = closes
	}
	return i.sendPacket(b, p)
}

// purpose of a packet: those that close something leave when the time is over, too.
type purpose uint8

const (
	asks purpose = iota
	closes
)

func (i *Instrument) sendPacket(b []byte, p purpose) error {
	wait, ok := i.turn(p)
	if !ok {
		return errTimeOver
	}
	time.Sleep(wait)
	for refused := 0; ; refused++ {
		_, err := i.network.Send([][]byte{b})
		if err == nil {
			i.mu.Lock()
			i.sent++
			i.mu.Unlock()
			return nil
		}
		if wire.RefusalOf(err) != wire.RefusedForNow || refused == delayedTries[p] {
			return err
		}
		wait, _ := wire.Backoff(err, refused)
		time.Sleep(wait)
	}
}

// delayedTries is how often a packet is sent anew for which the kernel had no room: for 14 ms, or, if it closes
// something, for as long as RSTs of other runs.
var delayedTries = [...]int{asks: 3, closes: wire.MostRefusals}

// errTimeOver: a packet's turn would come after its batch has to end.
var errTimeOver = errors.New("the time of the run is over")

// turn is how long the next packet has to wait; ok is false where that is too long.
func (i *Instrument) turn(p purpose) (wait time.Duration, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := time.Now()
	at := i.next
	if at.Before(now) {
		at = now
	}
	if p == asks && !i.until.IsZero() && at.After(i.until) {
		return 0, false
	}
	i.next = at.Add(time.Duration(float64(time.Second) / i.cfg.Rate))
	return at.Sub(now), true
}

// tuple is a flow's SYN as the other side sees it.
type tuple struct {
	src, dst netip.AddrPort
	look     why.Look
}

func (k *exchange) tuple() tuple { return tuple{k.src, k.dst, k.look} }

// read hands packets to their exchanges until Close.
func (i *Instrument) read() {
	defer close(i.done)
	pkts := make([]netraw.Packet, 64)
	var p craft.Packet
	for {
		n, err := i.network.Recv(pkts)
		for k := range pkts[:n] {
			i.take(&pkts[k], &p)
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				i.failure = fmt.Errorf("%w: receiving: %w", probe.ErrNetworkDown, err)
			}
			return
		}
	}
}
