package flow_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/flow"
)

// said is what attempts say of their connections, sorted.
func said(g *gathered) (list []string) {
	for i := range g.attempts {
		a := &g.attempts[i]
		list = append(list, strings.Join([]string{
			a.Source.String(), a.Target.String(), a.State.String(), string(a.Close), strings.Join(codesOf(a), " "),
		}, " "))
	}
	slices.Sort(list)
	return list
}

// within puts packets into a network.
func within(network uint32, packets []stamped) []flow.Packet {
	list := plain(packets)
	for i := range list {
		list[i].Network = network
	}
	return list
}

func byTime(packets ...[]flow.Packet) []flow.Packet {
	all := slices.Concat(packets...)
	slices.SortStableFunc(all, func(a, b flow.Packet) int { return a.Time.Compare(b.Time) })
	return all
}

// TestSharedAddresses: two networks with the same addresses and ports hold two
// connections, whatever each of them comes to.
func TestSharedAddresses(t *testing.T) {
	rng := rand.New(rand.NewPCG(max(1, *seedFlag), 21)) // numbers that are near by chance are one connection
	for i := range scenes {
		for n := range 5 {
			var talks [2]*talk
			var want []string
			for j := range talks {
				talks[j] = newTalk(t, n, time.Duration(rng.IntN(20))*ms)
				talks[j].seq = [2]craft.Seq{craft.Seq(rng.Uint32()), craft.Seq(rng.Uint32())}
				scenes[(i+j*7)%len(scenes)].play(talks[j])
				g, _ := through(t, flow.Config{}, plain(talks[j].packets)...)
				want = append(want, said(g)...)
			}
			slices.Sort(want)
			g, _ := through(t, flow.Config{}, byTime(within(5, talks[0].packets), within(6, talks[1].packets))...)
			if got := said(g); !slices.Equal(got, want) {
				t.Errorf("%s and %s:\n%s\nalone:\n%s", scenes[i].name, scenes[(i+7)%len(scenes)].name, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// TestAnotherTagEachWay: the two directions of a connection may have different
// tags, and each packet may be captured inside of a tunnel and outside.
func TestAnotherTagEachWay(t *testing.T) {
	packets, _ := played(t, 5)
	whole, _ := through(t, flow.Config{}, plain(packets)...)
	want := said(whole)
	each := plain(packets)
	for i := range each {
		var p craft.Packet
		if p.Decode(each[i].Data, craft.TrustChecksums) == nil && p.Segment.Src.Port() < p.Segment.Dst.Port() {
			each[i].Network = 7
		}
	}
	if g, _ := through(t, flow.Config{}, each...); !slices.Equal(said(g), want) {
		differ(t, "tags each way", said(g), want)
	}
	outside := within(9, packets)
	for i := range outside {
		outside[i].Time = outside[i].Time.Add(30 * us)
	}
	if g, _ := through(t, flow.Config{}, byTime(plain(packets), outside)...); !slices.Equal(said(g), want) {
		differ(t, "inside and outside", said(g), want)
	}
}

// differ reports what only one of two lists has.
func differ(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s: %s", what, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s lacks %s", what, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d attempts, not %d", what, len(got), len(want))
	}
}
