// Package craft turns TCP segments into bytes and bytes into TCP segments, as
// a prober needs them. It does no I/O and knows no clock and no randomness.
//
// The life of one probe: a [Profile] lays out the SYN of a real stack as a
// [Segment]; a [Template] builds its packet once, and stamps out one packet
// for each [Fields], checksums included, without allocating. What comes back
// goes through [Packet.Decode], which yields the answering Segment or an
// [ICMPError] with a [Quote] of the probe; nothing in it is normalised, so
// that a verdict can be drawn from what was on the wire. Each value prints in
// tcpdump's notation, and [ParseSegment], [ParseOptions] and [ParseFlags] read
// that notation back.
//
//	syn := profile.SYN(src, dst, isn, 0, tsval)
//	template, err := craft.NewTemplate(syn)
//	...
//	buf = template.AppendTo(buf[:0], craft.Fields{Dst: dst, Seq: isn})
//	...
//	var p craft.Packet
//	if err := p.Decode(received, craft.VerifyChecksums); err == nil {
//		fmt.Println(&p.Segment)
//	}
//
// Sequence numbers are compared only through [Seq], whose order is serial.
package craft
