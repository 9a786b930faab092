package flow_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"synscope/craft"
)

// stamped is one packet of a made-up capture.
type stamped struct {
	at   time.Time
	data []byte
}

// talk makes the packets of one connection, as seen at a tap.
type talk struct {
	t              testing.TB
	now            time.Time
	client, server netip.AddrPort
	seq            [2]craft.Seq // next of client and server
	id             [3]uint16    // of client, server, and of who sends RSTs
	packets        []stamped
}

var epoch = time.Unix(1_700_000_000, 0)

func newTalk(t testing.TB, n int, start time.Duration) *talk {
	client := netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
	server := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	if n%5 == 4 {
		a := netip.MustParseAddr("2001:db8::").As16()
		binary.BigEndian.PutUint32(a[12:], uint32(n))
		client, server = netip.AddrFrom16(a), netip.MustParseAddr("2001:db8:1::1")
	}
	return &talk{
		t: t, now: epoch.Add(start),
		client: netip.AddrPortFrom(client, uint16(1024+n%60000)), server: netip.AddrPortFrom(server, 80),
		id:  [3]uint16{100, 20_000, 40_000},
		seq: [2]craft.Seq{craft.Seq(uint32(n) * 2654435761), craft.Seq(^uint32(n) * 40503)},
	}
}

var (
	mss  = craft.MSS(1460)
	sack = craft.SACKPermitted()
)

// say adds a segment of a side (0 client, 1 server) after a pause.
func (k *talk) say(pause time.Duration, from int, flags craft.Flags, payload int) *talk {
	return k.again(pause, from, flags, k.seq[from], payload)
}

// again adds a segment with a sequence number of its own; what it covers that
// is new moves its side on.
func (k *talk) again(pause time.Duration, from int, flags craft.Flags, seq craft.Seq, payload int) *talk {
	k.now = k.now.Add(pause)
	counter := &k.id[from]
	if flags.Has(craft.RST) {
		counter = &k.id[2]
	}
	*counter++
	s := craft.Segment{
		Src: k.client, Dst: k.server, TTL: 64, ID: *counter, DF: true, Seq: seq, Flags: flags, Window: 64240,
		Payload: make([]byte, payload),
	}
	if from == 1 {
		s.Src, s.Dst, s.TTL = k.server, k.client, 55
	}
	if s.Src.Addr().Is6() {
		s.ID, s.DF = 0, false
	}
	if flags.Has(craft.ACK) {
		s.Ack = k.seq[1-from]
	}
	if flags.Has(craft.SYN) {
		s.Options, _ = craft.NewOptions(mss, sack, craft.NOP(), craft.NOP())
	}
	b, err := s.AppendTo(nil)
	if err != nil {
		k.t.Fatal(err)
	}
	if end := seq.Add(s.Len()); k.seq[from].LessThan(end) {
		k.seq[from] = end
	}
	k.packets = append(k.packets, stamped{k.now, b})
	return k
}

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// open is a handshake seen at the client, 20 ms from the server.
func (k *talk) open() *talk {
	return k.say(0, 0, craft.SYN, 0).say(20*ms, 1, craft.SYN|craft.ACK, 0).say(30*us, 0, craft.ACK, 0)
}

func (k *talk) close() *talk {
	return k.say(ms, 0, craft.FIN|craft.ACK, 0).say(20*ms, 1, craft.FIN|craft.ACK, 0).say(20*us, 0, craft.ACK, 0)
}

// merged sorts the packets of many connections into one capture.
func merged(talks ...*talk) (all []stamped) {
	for _, k := range talks {
		all = append(all, k.packets...)
	}
	slices.SortStableFunc(all, func(a, b stamped) int { return a.at.Compare(b.at) })
	return all
}

// chaos is a connection with data both ways, of which a bad network and a
// nervous sender made something: lost, repeated, reordered, probed.
func chaos(t testing.TB, rng *rand.Rand, n int) *talk {
	k := newTalk(t, n, time.Duration(rng.IntN(1000))*ms)
	isn := k.seq
	if k.open(); rng.IntN(4) == 0 { // the SYN-ACK comes again
		k.again(time.Duration(rng.IntN(40_000))*us, 1, craft.SYN|craft.ACK, isn[1], 0)
	}
	for range 5 + rng.IntN(30) {
		from := rng.IntN(2)
		before := k.seq[from]
		pause := time.Duration(rng.IntN(30_000)) * us
		switch rng.IntN(10) {
		case 0: // retransmitted
			back := min(1+uint32(rng.IntN(1500)), uint32(before.Sub(isn[from]))-1) // not before its SYN
			k.again(pause, from, craft.ACK|craft.PSH, before.Add(-back), 1+rng.IntN(1400))
		case 1: // a hole, filled later
			size := 100 + rng.IntN(1000)
			k.again(pause, from, craft.ACK, before.Add(uint32(size)), 500)
			k.again(time.Duration(rng.IntN(40_000))*us, from, craft.ACK, before, size)
		case 2: // keep-alive
			k.again(pause, from, craft.ACK, before.Add(^uint32(0)), rng.IntN(2))
		case 3: // a hole, duplicate acknowledgements, then what they ask for
			k.again(pause, from, craft.ACK, before.Add(700), 500)
			high := k.seq[from]
			k.seq[from] = before
			k.say(pause, 1-from, craft.ACK, 0)
			for range 1 + rng.IntN(4) {
				k.say(time.Duration(1+rng.IntN(300))*us, 1-from, craft.ACK, 0)
			}
			k.seq[from] = high
			k.again(time.Duration(rng.IntN(30_000))*us, from, craft.ACK, before, 700)
		case 4, 5: // acknowledged
			k.say(pause, from, craft.ACK, 0)
		default:
			k.say(pause, from, craft.ACK|craft.PSH, 1+rng.IntN(1460))
		}
	}
	if rng.IntN(3) > 0 {
		k.close()
	}
	if rng.IntN(5) == 0 { // a FIN comes again
		from := rng.IntN(2)
		k.say(ms, from, craft.FIN|craft.ACK|craft.PSH, rng.IntN(100))
		k.again(time.Duration(rng.IntN(30_000))*us, from, craft.FIN|craft.ACK, k.seq[from].Add(^uint32(0)), 0)
	}
	return k
}

// pcapFile is a nanosecond pcap file of raw IP packets.
func pcapFile(packets []stamped) []byte {
	o := binary.LittleEndian
	b := o.AppendUint32(nil, 0xa1b23c4d)
	b = o.AppendUint16(o.AppendUint16(b, 2), 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(o.AppendUint32(b, 262144), 101)
	for _, p := range packets {
		b = o.AppendUint32(o.AppendUint32(b, uint32(p.at.Unix())), uint32(p.at.Nanosecond()))
		b = o.AppendUint32(o.AppendUint32(b, uint32(len(p.data))), uint32(len(p.data)))
		b = append(b, p.data...)
	}
	return b
}

func onDisk(t testing.TB, file []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.pcap")
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
