//go:build linux

package lab

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The register that every comparison uses.
const reg = 1

// TCP flags as they stand in the header's 14th byte.
const (
	flagSYN   = 0x02
	flagsFSRA = 0x17
)

// chanceUnits is the resolution of [Rule.Chance].
const chanceUnits = 1 << 24

// compile turns a rule into nf_tables expressions for an inet table.
func (r Rule) compile() ([]expr.Any, error) {
	if r.Chance < 0 || r.Chance > 1 {
		return nil, fmt.Errorf("chance %v is not between 0 and 1", r.Chance)
	}
	end, err := r.statement()
	if err != nil {
		return nil, err
	}
	return concat(isTCP(), ofFamily(r.Family), toPorts(r.Ports),
		hasFlags(r.Mask, r.Flags), byChance(r.Chance), beyond(r.PerSecond, r.Burst), end), nil
}

// statement is the rule's verdict.
func (r Rule) statement() ([]expr.Any, error) {
	switch r.Do {
	case Accept:
		return verdict(expr.VerdictAccept), nil
	case Drop:
		return verdict(expr.VerdictDrop), nil
	case Reset:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}, nil
	case Reject:
		if r.Family == Both {
			return nil, errors.New("reject needs a family: ICMP and ICMPv6 codes differ")
		}
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMP_UNREACH, Code: r.Code}}, nil
	}
	return nil, fmt.Errorf("unknown verb %d", r.Do)
}

func concat(parts ...[]expr.Any) []expr.Any { return slices.Concat(parts...) }

func verdict(kind expr.VerdictKind) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind}}
}

func equals(data ...byte) expr.Any {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data}
}

// isTCP matches "meta l4proto tcp".
func isTCP() []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}, equals(unix.IPPROTO_TCP)}
}

// ofFamily matches "meta nfproto ipv4" or "ipv6".
func ofFamily(f Family) []expr.Any {
	load := &expr.Meta{Key: expr.MetaKeyNFPROTO, Register: reg}
	switch f {
	case IPv4:
		return []expr.Any{load, equals(unix.NFPROTO_IPV4)}
	case IPv6:
		return []expr.Any{load, equals(unix.NFPROTO_IPV6)}
	}
	return nil
}

// toPorts matches "tcp dport first-last".
func toPorts(p PortRange) []expr.Any {
	if p == (PortRange{}) {
		return nil
	}
	return []expr.Any{
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Range{
			Op: expr.CmpOpEq, Register: reg,
			FromData: binaryutil.BigEndian.PutUint16(p.First),
			ToData:   binaryutil.BigEndian.PutUint16(p.Last),
		},
	}
}

// hasFlags matches "tcp flags & mask == flags".
func hasFlags(mask, flags uint8) []expr.Any {
	if mask == 0 {
		return nil
	}
	return []expr.Any{
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{mask}, Xor: []byte{0}},
		equals(flags),
	}
}

// byChance matches "numgen random mod units < chance·units". The comparison is
// bytewise, so the number is turned to network order first.
func byChance(chance float64) []expr.Any {
	if chance == 0 {
		return nil
	}
	return []expr.Any{
		&expr.Numgen{Register: reg, Type: unix.NFT_NG_RANDOM, Modulus: chanceUnits},
		&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: reg, Data: binaryutil.BigEndian.PutUint32(uint32(chance * chanceUnits))},
	}
}

// defaultBurst is nft(8)'s.
const defaultBurst = 5

// beyond matches "limit rate over perSecond/second burst burst packets".
func beyond(perSecond uint64, burst uint32) []expr.Any {
	if perSecond == 0 {
		return nil
	}
	return []expr.Any{&expr.Limit{
		Type: expr.LimitTypePkts, Rate: perSecond, Unit: expr.LimitTimeSecond,
		Burst: cmp.Or(burst, defaultBurst), Over: true,
	}}
}

// inState matches "ct state" any of the bits.
func inState(bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: reg},
		&expr.Bitwise{
			SourceRegister: reg, DestRegister: reg, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(bits), Xor: binaryutil.NativeEndian.PutUint32(0),
		},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: binaryutil.NativeEndian.PutUint32(0)},
	}
}
