package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math"
	"math/bits"
	"net/netip"
	"os"
	"strings"

	"synscope/internal/report/units"
	"synscope/internal/target"
)

// shardPlan numbers the pairs of one shard: a [wide.Targets].
type shardPlan struct {
	order *target.Order
	shard
	size uint64
}

func newShardPlan(set *target.Set, seed uint64, s shard) shardPlan {
	return shardPlan{set.Order(seed), s, set.ShardCount(s.index, s.count)}
}

// Count is how many pairs the shard has.
func (p shardPlan) Count() uint64 { return p.size }

// At is the i-th of them.
func (p shardPlan) At(i uint64) netip.AddrPort { return p.order.At(p.index + i*p.count) }

// Index implements [wide.TargetIndexer].
func (p shardPlan) Index(target netip.AddrPort) (i uint64, ok bool) {
	at, ok := p.order.Index(target)
	return at / p.count, ok && at%p.count == p.index
}

// Fill implements [wide.TargetFiller].
func (p shardPlan) Fill(first uint64, into []netip.AddrPort) {
	p.order.Fill(p.index+first*p.count, p.count, into)
}

// planDigest is equal for command lines that probe the same targets, and
// different for all others but for accidents of 2^-64: it covers the words and
// the contents of the lists that make up the set, and, since names may have
// come to mean other addresses, a sample of what they amount to.
func (j *scanJob) planDigest(seed uint64) (string, error) {
	h := sha256.New()
	o := j.options
	fmt.Fprintf(h, "%q \"%d\" %q %t %t", strings.Join(o.Ports, ","), o.TopPorts, strings.Join(o.ExcludePorts, ","), o.IPv4, o.IPv6)
	fmt.Fprintf(h, "%q %q", o.words, j.excluded.text)
	for _, name := range o.Lists {
		if err := addList(h, name); err != nil {
			return "", usage(err)
		}
	}
	fmt.Fprintf(h, "%d %d", j.set.Count(), j.set.Addresses())
	order, step := j.set.Order(seed), max(1, j.set.Count()/digested)
	for i := uint64(0); i/step < digested && i < j.set.Count(); i += step {
		fmt.Fprintf(h, " %s", order.At(i))
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// digested is how many pairs of a plan are looked at.
const digested = 1024

// addList adds a list's contents. Standard input has been read by now; what it
// held shows in the sample.
func addList(h hash.Hash, name string) error {
	if name == "-" {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(h, f)
	return err
}

// onWire is how many bits a packet of that many bytes takes on an Ethernet:
// with its header, check sequence, preamble and the gap behind (IEEE 802.3:
// 14, 4, 8 and 12 bytes), and not less than the shortest frame.
func onWire(packet int) float64 { return 8 * float64(max(packet+14+4, 64)+8+12) }

// packetLen is the length of a probe of this run, the longer one where both IP
// versions are probed.
func (j *scanJob) packetLen() (int, error) {
	v4, v6, err := j.stateless().Templates()
	if err != nil {
		return 0, usage(err)
	}
	if n := j.set.Count(); n > 0 && j.set.At(n-1).Addr().Is4() {
		return v4.Len(), nil
	}
	return max(v4.Len(), v6.Len()), nil
}

// times multiplies, and stops at the largest number.
func times(total uint64, each int) uint64 {
	if high, low := bits.Mul64(total, uint64(each)); high == 0 {
		return low
	}
	return math.MaxUint64
}

// paceWords is a pace in packets and, on an Ethernet, in bits.
func paceWords(rate float64, packet int) string {
	if math.IsInf(rate, 1) {
		return "unbounded"
	}
	return "at " + units.Rate(rate) + ", " + bandwidthWord(rate*onWire(packet))
}

// bandwidthWord writes a bandwidth for people.
func bandwidthWord(perSecond float64) string {
	for _, unit := range []struct {
		factor float64
		name   string
	}{{1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}} {
		if perSecond >= unit.factor {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", perSecond/unit.factor), ".0") + " " + unit.name
		}
	}
	return fmt.Sprintf("%.0f bit/s", perSecond)
}
