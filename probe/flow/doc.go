// Package flow follows the TCP connections in a stream of captured packets: any
// number one after the other, a bounded number at a time.
//
// It knows nothing of files, so that it can be used on a live tap as well as by
// the command that reads captures, and it needs no more than the standard
// library, craft and the handshake machine: that is why it stands beside the
// machine and not with the readers of capture files.
//
// The life of one packet: it is decoded, even if the capture has cut it short;
// recognised, where the same packet was captured before, here or at another
// place; assigned to the connection of its endpoints, of which a SYN begins a
// new one; given to that connection's [handshake.Bystander], which takes nothing
// that was not captured for something that was not sent; and compared with what
// its side has sent before, in Wireshark's terms, so that counts of
// retransmissions agree. When the connection has been silent for long, or its
// ports are used again, or too many are followed, its [Attempt] is handed out.
//
//	table := flow.NewTable(sink, flow.Config{})
//	for p := range packets {
//		table.Add(&p)
//	}
//	table.Close()
//
// A connection that was under way before the capture began is picked up where
// it is met, and its packets are counted apart. A SYN that nothing has followed
// is kept in a hundred bytes, so that scans and floods of millions can be read.
package flow
