//go:build linux

package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"synscope/craft"
)

// Forgery is a kind of packet that an attacker makes up.
type Forgery uint8

// The forgeries. Each has random numbers where a genuine answer has ours.
const (
	ForgedSYNACK Forgery = iota
	ForgedReset          // RST alone
	ForgedResetACK
	ForgedSYN // as of a split handshake
	ForgedACK
	ForgedFIN        // FIN-ACK
	ForgedData       // ACK with a byte
	ForgedICMP       // administratively prohibited, quoting a SYN of ours
	ForgedTTL        // time exceeded, quoting a SYN of ours
	ForgedSYNACKData // SYN-ACK with options and data
	forgeries
)

// AllForgeries are all kinds.
func AllForgeries() (all []Forgery) {
	for f := range forgeries {
		all = append(all, f)
	}
	return all
}

// Attack is what somebody sends to the prober who knows everything of it but the
// numbers of its segments: addresses and ports are those of the segments that
// arrive at the host, the rest is random.
type Attack struct {
	Kinds []Forgery // drawn from at random; none: all
	Rate  float64   // packets a second, at most; 0: as many as leave
	Seed  uint64
}

// Attacker is an attack under way.
type Attacker struct {
	host    *Host
	cfg     Attack
	end     *end
	head    []byte // of every frame
	chance  *rand.Rand
	pairs   []flow // that the prober used lately
	at      int    // the next of pairs to be overwritten
	quit    chan struct{}
	stopped sync.WaitGroup
	err     error
	forged  atomic.Uint64
	heard   [2]atomic.Uint64
}

// flow is a segment's way, as the prober sees it.
type flow struct{ prober, host netip.AddrPort }

const (
	flowsKept = 1 << 10
)

// Attack begins to send forged segments from the host's own link. The prober is
// that of the host, a host without an imperfect link; stop it before the lab is closed.
func (h *Host) Attack(cfg Attack) (*Attacker, error) {
	if len(cfg.Kinds) == 0 {
		cfg.Kinds = AllForgeries()
	}
	a := &Attacker{host: h, cfg: cfg, chance: rand.New(rand.NewPCG(cfg.Seed, 1)), quit: make(chan struct{})}
	err := h.ns.do(func() error {
		link, err := h.ns.nl.LinkByName(towardsProber)
		if err == nil {
			a.end, err = openEnd(link.Attrs().Index)
		}
		return err
	})
	if err == nil {
		err = a.address()
	}
	if err != nil {
		return nil, fmt.Errorf("lab: attack: %w", err)
	}
	a.stopped.Go(a.run)
	return a, nil
}

// Stop ends the attack.
func (a *Attacker) Stop() error {
	close(a.quit)
	a.stopped.Wait()
	return errors.Join(a.err, a.end.close())
}

// Sent is how many forged packets have left.
func (a *Attacker) Sent() uint64 { return a.forged.Load() }

// Heard is how many TCP segments of the prober have arrived, and how many of them
// were RSTs.
func (a *Attacker) Heard() (segments, resets uint64) {
	return a.heard[0].Load(), a.heard[1].Load()
}

// run sends a batch and looks at what has arrived, in turns.
func (a *Attacker) run() {
	flights := make([]*flight, batchSize)
	for i := range flights {
		flights[i] = &flight{frame: make([]byte, 0, smallFrame)}
	}
	start := time.Now()
	for sent := 0; ; sent += batchSize {
		select {
		case <-a.quit:
			return
		default:
		}
		if a.listen(); a.err != nil {
			return
		}
		for _, p := range flights {
			p.frame, p.record = a.forge(append(p.frame[:0], a.head...)), PacketRecord{}
		}
		a.end.send(flights)
		a.count(flights)
		if a.cfg.Rate > 0 {
			due := time.Duration(float64(sent+batchSize) / a.cfg.Rate * float64(time.Second))
			time.Sleep(due - time.Since(start))
		}
	}
}

func (a *Attacker) count(flights []*flight) {
	for _, p := range flights {
		if p.record.Outcome != SendFailed {
			a.forged.Add(1)
		}
	}
}

// address makes what begins every frame: no offload, then the link addresses; the
// EtherType is filled in by family.
func (a *Attacker) address() error {
	ns, name := a.host.opposite()
	link, err := ns.nl.LinkByName(name)
	if err != nil {
		return err
	}
	a.head = make([]byte, netHeader)
	copy(a.head[vnetHeader:], link.Attrs().HardwareAddr)
	copy(a.head[vnetHeader+6:], []byte{2, 0, 0, 0, 0, 0x66})
	return nil
}

// listen learns the flows of what has arrived.
func (a *Attacker) listen() {
	for {
		n, err := a.end.receive()
		if n == 0 || err != nil {
			a.err = errors.Join(a.err, err)
			return
		}
		for i := range n {
			frame, _ := a.end.frame(i)
			a.learn(network(frame))
		}
	}
}

func (a *Attacker) learn(ip []byte) {
	var p craft.Packet
	if len(ip) == 0 || p.Decode(ip, craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP {
		return
	}
	s := &p.Segment
	a.heard[0].Add(1)
	if s.Flags.Has(craft.RST) { // of a kernel too, which tells of no probe
		a.heard[1].Add(1)
		return
	}
	f := flow{s.Src, s.Dst}
	if len(a.pairs) < flowsKept {
		a.pairs = append(a.pairs, f)
		return
	}
	a.pairs[a.at%flowsKept] = f
	a.at++
}
