// Package capture reads capture files, pcap and pcapng alike, and writes
// pcapng with a comment for each packet.
//
// The life of one packet that is read: [Reader.Next] lends its record out of
// the read buffer; [Packet.Strip] takes the link layer off; package flow, which
// knows nothing of files, does the rest.
//
//	r, err := capture.NewReader(file)
//	var p capture.Packet
//	for r.Next(&p) == nil {
//		if ip, err := p.Strip(); err == nil {
//			fmt.Println(p.Number, p.Time, len(ip))
//		}
//	}
//
// The readers are our own rather than gopacket's: they lend packets without
// copying them, tell the offset and the packet number of whatever is wrong,
// take several sections and link types in one file, bound the memory that a
// false length costs, and keep comments and directions.
//
// So is the taking off of link layers and tunnels. gopacket 1.1.19 has no SLL2,
// NFLOG, PKTAP, ERSPAN or pflog; its layers fail on a frame that is cut within
// or just behind them, where the first bytes of TCP are all that is wanted; and
// decoding the whole frame costs several times what the rest of reading does
// ([BenchmarkStrip] has the numbers).
//
// A new link type is a [LinkType] with a name in links, and a case of
// [Packet.stripLink]; a new EtherType a case of [Network.etherType]; a new tunnel a case of
// [Network.opened], or of overUDP and its port, and where it sets networks apart that use the
// same addresses, a tagKind with its name. TestStrip, TestTunnels and TestNetworks have
// a row for each.
//
// The life of one packet that is written: a [Recorder] round a run's network
// notes it as it passes, keeps it until the verdict on its target, and hands
// both to a [Writer]. Every write to the file is of whole blocks.
package capture
