package netraw

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/internal/mutate"
)

// lies is how many mutated answers the receiving program is run over, in the kernel
// (BPF_PROG_RUN); scripts/fuzz runs it over millions.
var lies = flag.Int("lies", 20000, "mutated answers")

// lie is a mutated answer to a probe of ours, from a seed.
func lie(t testing.TB, c *XDPConn, seed uint64) []byte {
	chance := rand.New(rand.NewPCG(seed, 3))
	src, dst := netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, uint16(seed%7+80))
	if seed%2 == 0 {
		src, dst = netip.AddrPortFrom(our6, src.Port()), netip.AddrPortFrom(peer6, dst.Port())
	}
	seq, _ := cookieOf(testKey, src, dst, 0)
	s := craft.Segment{Src: dst, Dst: src, Seq: 77, Ack: seq.Add(1), Flags: []craft.Flags{synAck, rstAck, craft.RST, craft.SYN, craft.ACK}[chance.IntN(5)]}
	b := segmentBytes(t, s)
	return mutate.Packet(b, segmentBytes(t, craft.Segment{Src: dst, Dst: src, Seq: 1, Ack: 2, Flags: rstAck}), chance)
}

// authenticated reports whether there is an authentication header (RFC 4302), of which
// the program does not know the least length; whoever reads the ring does.
func authenticated(b []byte) bool {
	const header = 51
	for at, next := 40, b[6]; b[0]>>4 == 6 && at+8 <= len(b); at += 8 {
		if next == header {
			return true
		}
		next = b[at]
	}
	return false
}

// put is how many packets the program has put, or would have put, into the ring.
func put(c *XDPConn) uint64 {
	n := c.in.counters()
	return n[countMatched] + n[countLost]
}

// drain reads what waits.
func drain(c *XDPConn) {
	pkts := make([]Packet, 256)
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	for {
		if n, err := c.Recv(pkts); n == 0 || err != nil {
			return
		}
	}
}

// Mutated answers in numbers: what is taken is read by craft too, with its sums.
func TestXDPAmongLies(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	c := openAlone(t)
	c.in.expect(our4)
	c.in.expect(our6)
	taken, unread := 0, 0
	for seed := range uint64(*lies) {
		b := lie(t, c, seed)
		if len(b) < 20 || len(b) > 3000 {
			continue
		}
		before := put(c)
		arrive(t, c, b)
		if put(c) > before {
			taken++
			var packet craft.Packet
			if packet.DecodeFirst(b, craft.VerifyChecksums) != nil && !authenticated(b) {
				if unread++; unread < 5 {
					t.Logf("taken: % x", b)
				}
			}
		}
		if seed%256 == 0 {
			drain(c)
		}
	}
	// A sum that is one of the pseudo-header alone is taken for unfinished: one
	// wrong sum in 65,536 is that by chance.
	if taken < *lies/20 || unread > 1+*lies/5000 {
		t.Errorf("of %d lies %d are taken, %d of which are not to be read", *lies, taken, unread)
	}
}
