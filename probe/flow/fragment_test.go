package flow_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/flow"
)

// fragmented sends a packet in parts of n bytes, or of fewer at the end.
func fragmented(p stamped, n int, id uint32) (parts []stamped) {
	header := 20
	if p.data[0]>>4 == 6 {
		header = 40
	}
	payload := p.data[header:]
	if len(payload) <= n {
		return []stamped{p}
	}
	for at := 0; at < len(payload); at += n {
		part := payload[at:min(at+n, len(payload))]
		more := at+n < len(payload)
		b := slices.Clone(p.data[:header])
		if header == 20 {
			field := uint16(at / 8)
			if more {
				field |= 0x2000
			}
			binary.BigEndian.PutUint16(b[2:], uint16(header+len(part)))
			binary.BigEndian.PutUint16(b[4:], uint16(id))
			binary.BigEndian.PutUint16(b[6:], field)
		} else {
			field := uint16(at)
			if more {
				field |= 1
			}
			binary.BigEndian.PutUint16(b[4:], uint16(8+len(part)))
			b = append(b, b[6], 0, byte(field>>8), byte(field))
			b = binary.BigEndian.AppendUint32(b, id)
			b[6] = 44
		}
		parts = append(parts, stamped{p.at.Add(time.Duration(len(parts)) * us), append(b, part...)})
	}
	return parts
}

// TestSegmentsInFragments: a capture of segments in fragments says what one of whole
// segments says.
func TestSegmentsInFragments(t *testing.T) {
	rng := rand.New(rand.NewPCG(seedOf(t), 7))
	for n := range 10 {
		k := newTalk(t, n, 0).open()
		data(data(k, 0, 1400), 1, 3000).say(ms, 0, fP, 1000).say(20*ms, 1, fP, 1200)
		k.say(ms, 0, fF, 900).say(20*ms, 1, fF, 2000).say(20*us, 0, fA, 0)
		whole, _ := through(t, flow.Config{}, plain(k.packets)...)
		for _, size := range []int{8, 16, 24, 64, 512, 1480} {
			for _, order := range []string{"in order", "last first", "shuffled", "cut", "twice"} {
				if size < 24 && (order == "last first" || order == "shuffled" || order == "twice") {
					continue // the header itself is in several
				}
				var packets []flow.Packet
				for i, p := range k.packets {
					parts := fragmented(p, size, uint32(1000+i))
					switch order {
					case "last first":
						slices.Reverse(parts)
					case "shuffled":
						rng.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
					case "cut":
						for j := range parts {
							parts[j].data = parts[j].data[:min(len(parts[j].data), 80)]
						}
					case "twice":
						parts = append(parts, parts...)
					}
					packets = append(packets, plain(parts)...)
				}
				if order != "in order" && size*16 < 3000 && order != "cut" {
					continue // more wait than are kept
				}
				g, counts := through(t, flow.Config{}, packets...)
				total := counts.Followed + counts.Duplicates + counts.Underway
				for _, rejected := range counts.Rejected {
					total += rejected
				}
				if total != uint64(len(packets)) {
					t.Errorf("%d, %d bytes, %s: %d packets, %+v", n, size, order, len(packets), counts)
				}
				if len(g.attempts) != 1 {
					t.Errorf("%d, %d bytes, %s: %d attempts", n, size, order, len(g.attempts))
					continue
				}
				a, w := &g.attempts[0], &whole.attempts[0]
				if a.Gaps > 0 || a.Retransmissions(0)+a.Retransmissions(1) > 0 || a.Close != w.Close || a.State != w.State || len(codesOf(a)) != len(codesOf(w)) || a.Acked != w.Acked {
					t.Errorf("%d, %d bytes, %s: %v, %q, %d gaps, %v, %v, %d acknowledged", n, size, order, a.State, a.Close, a.Gaps, a.Repeats, codesOf(a), a.Acked)
				}
			}
		}
	}
}

// TestFragmentsOfOthers are none of a segment's.
func TestFragmentsOfOthers(t *testing.T) {
	k := newTalk(t, 1, 0).say(0, 0, craft.ACK, 1000)
	parts := fragmented(k.packets[0], 512, 77)
	parts[1].data[9] = 17
	_, counts := through(t, flow.Config{}, plain(parts[1:])...)
	if counts.Rejected["fragment"]+counts.Rejected["udp"] != 1 {
		t.Errorf("%+v", counts)
	}
}
