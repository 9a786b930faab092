package capture

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
)

// kept is a sink that keeps the attempts.
type kept struct{ attempts []flow.Attempt }

func (k *kept) Attempt(a *flow.Attempt) error {
	k.attempts = append(k.attempts, *a)
	return nil
}

func (*kept) Segment(*flow.Segment) error { return nil }

func followBytes(t *testing.T, ctx context.Context, file []byte) (*kept, Tally, error) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	k := &kept{}
	input := Input{Open: func() (*Reader, error) { return r, nil }}
	tally, err := FollowAll(ctx, []Input{input}, flow.NewTable(k, flow.Config{}), nil)
	if err == nil && len(tally.Faults) > 0 {
		err = tally.Faults[0].Err
	}
	return k, tally, err
}

// shake is a handshake as raw IP packets.
func shake(t *testing.T) [][]byte {
	a, b := "192.0.2.1:40000", "192.0.2.2:80"
	return [][]byte{
		segment(t, a, b, 1000, craft.SYN), answering(t, b, a, 5000, 1001, craft.SYN|craft.ACK),
		answering(t, a, b, 1001, 5001, craft.ACK),
	}
}

func answering(t *testing.T, src, dst string, seq, ack craft.Seq, flags craft.Flags) []byte {
	t.Helper()
	var p craft.Packet
	if err := p.Decode(segment(t, src, dst, seq, flags), craft.TrustChecksums); err != nil {
		t.Fatal(err)
	}
	p.Segment.Ack = ack
	b, err := p.Segment.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestFollowMixedLinks reads a file with an interface whose link type nobody
// knows, and one that has more than IP: what can be read is, and the first
// unknown packet is named.
func TestFollowMixedLinks(t *testing.T) {
	o, p := byteOrders[0], shake(t)
	arp := append(make([]byte, 12), 8, 6, 1, 2, 3)
	file := join(
		sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 6, 0), interfaceBlock(o, 147, 0, 6, 0), interfaceBlock(o, LinkEthernet, 0, 6, 0),
		enhancedBlock(o, 0, 1_000_000, p[0]), enhancedBlock(o, 1, 1_000_001, []byte("whatever")),
		enhancedBlock(o, 2, 1_000_002, arp), enhancedBlock(o, 2, 1_000_003, arp[:9]),
		enhancedBlock(o, 0, 1_020_000, p[1]), enhancedBlock(o, 1, 1_020_001, nil), enhancedBlock(o, 0, 1_020_030, p[2]),
	)
	k, tally, err := followBytes(t, context.Background(), file)
	var where *Error
	if err != nil || !errors.Is(tally.Foreign, ErrLinkType) || !errors.As(tally.Foreign, &where) || where.Packet != 2 {
		t.Errorf("error %v, unknown: %v", err, tally.Foreign)
	}
	if tally.Packets != 7 || tally.Skipped["unknown-link-type"] != 2 || tally.Skipped["arp"] != 1 || tally.Skipped["truncated"] != 1 {
		t.Errorf("%+v", tally)
	}
	if tally.Last.Sub(tally.First) != 20_030*time.Microsecond {
		t.Errorf("from %v to %v", tally.First, tally.Last)
	}
	if len(k.attempts) != 1 || k.attempts[0].State != probe.StateOpen || k.attempts[0].RTT != 20*time.Millisecond {
		t.Errorf("%+v", k.attempts)
	}
}

// TestFollowCut hands out what was read before the end of a cut file.
func TestFollowCut(t *testing.T) {
	p := shake(t)
	file := classicFile(byteOrders[0], magicMicro, LinkRaw, p...)
	k, tally, err := followBytes(t, context.Background(), file[:len(file)-3])
	if !errors.Is(err, ErrCut) || tally.Packets != 2 || len(k.attempts) != 1 || k.attempts[0].State != probe.StateOpen {
		t.Errorf("%d packets, %+v, %v", tally.Packets, k.attempts, err)
	}
}

func TestFollowIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var packets [][]byte
	for range 2 * checkEvery {
		packets = append(packets, syn4(t))
	}
	k, tally, err := followBytes(t, ctx, classicFile(byteOrders[0], magicMicro, LinkRaw, packets...))
	if !errors.Is(err, context.Canceled) || tally.Packets != checkEvery || len(k.attempts) != 1 {
		t.Errorf("%d packets, %d attempts, %v", tally.Packets, len(k.attempts), err)
	}
}

// TestFollowAll reads a connection whose packets are in two files, and ends
// with what is wrong with one of them and the other whole.
func TestFollowAll(t *testing.T) {
	p := shake(t)
	o := byteOrders[0]
	first := join(sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 6, 0), enhancedBlock(o, 0, 1_000_000, p[0]), enhancedBlock(o, 0, 1_020_030, p[2]))
	second := join(sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 6, 0), enhancedBlock(o, 0, 1_020_000, p[1]), []byte{6, 0, 0, 0})
	later := join(sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 6, 0), enhancedBlock(o, 0, 9_000_000, syn6(t)))
	var inputs []Input
	var order []int
	open := 0
	for i, file := range [][]byte{later, second, first} {
		inputs = append(inputs, Input{
			Open: func() (*Reader, error) {
				open++
				order = append(order, i)
				return NewReader(bytes.NewReader(file))
			},
			Close: func() { open-- },
		})
	}
	inputs[0].Start, inputs[1].Start, inputs[2].Start = time.Unix(9, 0), time.Unix(1, 20_000_000), time.Unix(1, 0)
	k := &kept{}
	tally, err := FollowAll(context.Background(), inputs, flow.NewTable(k, flow.Config{}), nil)
	if err != nil || tally.Packets != 4 || len(tally.Faults) != 1 || tally.Faults[0].File != 1 || !errors.Is(tally.Faults[0].Err, ErrCut) {
		t.Fatalf("%+v, %v", tally, err)
	}
	if open != 0 || !slices.Equal(order, []int{2, 1, 0}) {
		t.Errorf("opened in the order %v, %d are open", order, open)
	}
	if len(k.attempts) != 2 {
		t.Fatalf("%+v", k.attempts)
	}
	if a := &k.attempts[0]; a.RTT != 20*time.Millisecond || a.SYNToACK != 20_030*time.Microsecond || a.FirstFile != 2 || a.First != 1 || a.LastFile != 2 || a.Last != 2 {
		t.Errorf("%+v", a)
	}
}
