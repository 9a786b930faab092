// Package netraw sends and receives packets: raw sockets for whole IP packets, a
// packet socket that sees the answers with the kernel's time stamps, the kernel's
// routes, and TCP source ports that are held so that the kernel does not answer on
// them. What a packet means is left to others.
//
// # The life of one probe
//
// [Open] holds a source port: a listening socket that discards all it gets,
// because for a port that nobody listens on the kernel would answer the
// peer's SYN-ACK with RST. [Conn.Route] says which source address the packet
// has to carry. [Conn.Send] gives the finished packet to a raw socket with
// its header included; the kernel looks the route up, resolves the neighbour
// and queues it. As it leaves, a tap copies it, and stamps it, if
// [Config.WatchOutgoing] is set.
//
// The answer is stamped by the same clock as it comes off the interface. A
// classic BPF filter, made of the held ports, lets the packet socket keep
// what is for them: TCP, and ICMP errors that quote a packet of theirs.
// [Conn.Recv] returns it. The kernel's TCP meanwhile finds the listening
// socket and drops the segment without a word.
//
// Under [Config.DeviceStamps] both also get the stamp of the driver, or of the
// interface's own clock, in [Packet.DeviceTime]. That of a departure comes by
// the error queue of the raw socket, once the packet has left, perhaps later
// than the answer to it.
//
// # Neighbours
//
// A packet for an address on the link that nobody has waits in the kernel, in
// the sender's buffer, for three seconds, and the table of such addresses is
// small (1,024). So whoever sends to many asks [Neighbours] first.
// [Conn.SendEach] never waits, and tells what was refused for now from what
// was refused for good.
//
// # Interfaces
//
// Packets are received on all interfaces. The kernel's own ICMP errors, such
// as host unreachable for a neighbour that does not answer, arrive on lo; an
// answer may come back by another interface than the probe left by. One
// packet can therefore be seen twice where interfaces are stacked, a bridge
// and its port for example, with different values of [Packet.IfIndex]; and
// on lo a packet is seen leaving and arriving. Frames start at the IP header,
// so that Ethernet, tun, ppp and loopback look alike.
//
// The filter cannot follow IPv6 extension headers. Arriving packets that
// have one pass, among them the multicast listener reports of the
// neighbours, and the reader has to judge them.
//
// # Privileges
//
// Sending and receiving need CAP_NET_RAW and nothing else. The filter on the
// held port needs CAP_NET_ADMIN on recent kernels; without it the port is
// held by demanding TTL 255, which works wherever the answer has crossed a
// router or its sender starts from less than 255. Nothing needs a firewall
// rule, and nothing is left behind however the process ends.
// [Capabilities] tells what this process may do.
package netraw
