package probe_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/internal/adversary"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// flooded is a network that puts batches of lies after each batch of packets, out of
// no room of its own, and looks at what the process holds when an engine ends: it
// stops reading, or asks for the counters, and its state is all there still.
type flooded struct {
	*simnet.Conn
	batches int // of lies

	mu    sync.Mutex
	liar  adversary.Liar
	asked craft.Segment // what was sent last
	left  int           // batches to come
	bytes uint64        // in use when it was looked last
}

func (f *flooded) Send(pkts [][]byte) (int, error) {
	var p craft.Packet
	if p.Decode(pkts[len(pkts)-1], craft.TrustChecksums) == nil && p.Kind == craft.PacketTCP {
		f.mu.Lock()
		f.asked = p.Segment
		f.asked.Options, f.asked.Payload = nil, nil
		f.mu.Unlock()
	}
	return f.Conn.Send(pkts)
}

func (f *flooded) Recv(pkts []netraw.Packet) (int, error) { return f.between(f.Conn.Recv, pkts) }
func (f *flooded) Poll(pkts []netraw.Packet) (int, error) { return f.between(f.Conn.Poll, pkts) }

// between is the next batch, of lies or of what has arrived.
func (f *flooded) between(receive func([]netraw.Packet) (int, error), pkts []netraw.Packet) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left > 0 && f.asked.Dst.IsValid() {
		f.left--
		for i := range pkts {
			pkts[i] = netraw.Packet{Data: f.liar.Lie(&f.asked), Time: time.Now().Round(0)}
		}
		return len(pkts), nil
	}
	f.mu.Unlock()
	n, err := receive(pkts)
	f.mu.Lock()
	if n > 0 {
		f.left = f.batches
	}
	return n, err
}

func (f *flooded) Await(d, gather time.Duration) {
	f.mu.Lock()
	left := f.left
	f.mu.Unlock()
	if left == 0 {
		f.Conn.Await(d, gather)
	}
}

func (f *flooded) SetReadDeadline(t time.Time) error {
	f.look()
	return f.Conn.SetReadDeadline(t)
}

func (f *flooded) Stats() netraw.Stats {
	f.look()
	return f.Conn.Stats()
}

// look notes what is in use after everything else was collected.
func (f *flooded) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left, f.bytes = 0, m.HeapAlloc
}

// held is how many lies an engine is told in batches of so many, and what it holds
// when it ends.
func held(t *testing.T, e *liedTo, batches int) (told, bytes uint64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := flooded{
			Conn:    probetest.World{Config: simnet.Config{Seed: 1}, Host: simnet.Closed{}, Ports: e.ports}.Conn(),
			batches: batches, liar: adversary.Liar{Chance: rand.New(rand.NewPCG(9, 9))},
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, _, err := e.run(ctx, &f, adversary.Targets(e.targets), 1); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		told, bytes = f.liar.Told, f.bytes
		f.Close()
	})
	return told, bytes
}

// Ten times as many lies leave no more behind in an engine: what strangers send takes
// room while it is read, and none after.
func TestLiesTakeNoRoom(t *testing.T) {
	probetest.Plain(t)
	const few, slack = 1, 128 << 10
	for i := range liedToEngines {
		e := &liedToEngines[i]
		t.Run(e.name, func(t *testing.T) {
			held(t, e, few) // what is made once in a process
			told, before := held(t, e, few)
			tenfold, after := held(t, e, 10*few)
			t.Logf("%d KiB after %d lies, %d KiB after %d", before>>10, told, after>>10, tenfold)
			if after > before+slack {
				t.Errorf("%d bytes after %d lies, %d after %d", before, told, after, tenfold)
			}
			if before == 0 || tenfold < 5*told && e.name != "paths" { // which ends sooner among many
				t.Errorf("%d bytes, %d and %d lies: nothing was weighed", before, told, tenfold)
			}
		})
	}
}
