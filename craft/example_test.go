package craft_test

import (
	"fmt"
	"net/netip"

	"synscope/craft"
)

// One template stamps out a SYN for each target.
func ExampleTemplate() {
	linux, err := craft.ProfileByName("linux")
	if err != nil {
		fmt.Println(err)
		return
	}
	src := netip.MustParseAddrPort("192.0.2.1:40000")
	first := netip.MustParseAddrPort("198.51.100.1:80")
	template, err := craft.NewTemplate(linux.SYN(src, first, 0, 0, 1))
	if err != nil {
		fmt.Println(err)
		return
	}
	buf := make([]byte, 0, template.Len())
	for i, dst := range []netip.AddrPort{first, netip.MustParseAddrPort("198.51.100.2:443")} {
		buf = template.AppendTo(buf[:0], craft.Fields{Dst: dst, Seq: craft.Seq(1000 * i), TSval: 7})
		var p craft.Packet
		if err := p.Decode(buf, craft.VerifyChecksums); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(&p.Segment)
	}
	// Output:
	// IP 192.0.2.1.40000 > 198.51.100.1.80: Flags [S], seq 0, win 64240, options [mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 10], length 0
	// IP 192.0.2.1.40000 > 198.51.100.2.443: Flags [S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 10], length 0
}

// What a reply says is read from its own bytes.
func ExamplePacket_Decode() {
	reply, err := craft.ParseSegment("IP 192.0.2.2.80 > 192.0.2.1.40000: Flags [S.], seq 5, ack 1001, win 65535, options [mss 1380]")
	if err != nil {
		fmt.Println(err)
		return
	}
	packet, err := reply.AppendTo(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	var p craft.Packet
	if err := p.Decode(packet, craft.VerifyChecksums); err != nil {
		fmt.Println(err)
		return
	}
	mss, _ := p.Segment.Options.MSS()
	fmt.Println(p.Kind, p.Segment.Flags, p.Segment.Ack, mss)
	// Output: tcp S. 1001 1380
}

// An ICMP error that quotes 8 bytes of TCP still says which probe it is about.
func ExampleQuote() {
	packet := []byte{
		0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 192, 0, 2, 254, 192, 0, 2, 1, // router to us
		3, 13, 0, 0, 0, 0, 0, 0, // administratively prohibited
		0x45, 0, 0, 60, 0, 7, 0x40, 0, 1, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, // our packet
		0x9c, 0x40, 0, 80, 0, 0, 3, 0xe8, // its ports and sequence number
	}
	var p craft.Packet
	if err := p.Decode(packet, craft.TrustChecksums); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(&p.ICMP)
	fmt.Println(&p.ICMP.Quote)
	fmt.Println(p.ICMP.Quote.HasFlags())
	// Output:
	// IP 192.0.2.254 > 192.0.2.1: ICMP host 192.0.2.2 unreachable - admin prohibited filter, length 36
	// IP 192.0.2.1.40000 > 192.0.2.2.80: seq 1000, [|tcp]
	// false
}

func ExampleParseOptions() {
	options, err := craft.ParseOptions("mss=1460,sack,ts,wscale=7")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("% x\n%v\n", []byte(options), options)
	// Output:
	// 02 04 05 b4 04 02 08 0a 00 00 00 00 00 00 00 00 03 03 07 00
	// mss 1460,sackOK,TS val 0 ecr 0,wscale 7,eol
}

// Sequence numbers wrap: 5 comes after 4294967290.
func ExampleSeq() {
	last := craft.Seq(4294967290)
	fmt.Println(last.Add(11), last.LessThan(5), craft.Seq(5).Sub(last))
	// Output: 5 true 11
}
