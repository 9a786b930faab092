package explain

// The states of a connection, as a handshake is shown: local_state and peer_state
// of a segment.
var connectionStates = []Entry{
	{Connection, "LISTEN", "A program waits for connections on this port.", "Nothing has come yet.", "", "RFC 9293 §3.3.2"},
	{Connection, "SYN_SENT", "This end has sent its SYN and waits for the SYN-ACK. While the third segment is withheld, our end stays here: no ACK has left.",
		"A SYN left.", "", "RFC 9293 §3.3.2, §3.5"},
	{Connection, "SYN_RECEIVED", "This end has a SYN and has answered it: the connection is half-open, and takes up a place among the half-open ones until the ACK comes.",
		"A SYN-ACK left.", "`synscope handshake --withhold synack-ack` shows how long an end waits here.", "RFC 9293 §3.3.2, RFC 4987 §2"},
	{Connection, "ESTABLISHED", "The handshake is complete, and data may be sent both ways. The program need not have accepted the connection yet.",
		"Both SYNs are acknowledged.", "", "RFC 9293 §3.3.2"},
	{Connection, "FIN_WAIT_1", "This end closed first: its FIN has been sent and is not acknowledged yet.", "A FIN left.", "", "RFC 9293 §3.6"},
	{Connection, "FIN_WAIT_2", "This end's FIN is acknowledged, and the other end has not closed: the connection is half-closed.",
		"Our FIN was acknowledged.", "Where it stays so, the program at the other end does not close: it may leak connections.", "RFC 9293 §3.6"},
	{Connection, "CLOSE_WAIT", "The other end has closed; this one has acknowledged that and not closed yet.", "A FIN came.",
		"Where it stays so, this end's program does not close.", "RFC 9293 §3.6"},
	{Connection, "CLOSING", "Both ends closed at the same time, and this end's FIN is not acknowledged yet.", "FINs crossed.", "", "RFC 9293 §3.6, figure 13"},
	{Connection, "LAST_ACK", "This end closed second, and waits for its FIN to be acknowledged.", "A FIN left after one had come.", "", "RFC 9293 §3.6"},
	{Connection, "TIME_WAIT", "This end closed first and waits, so that a retransmitted FIN is answered and no old segment gets into a new connection of the same ports (Linux: 60 s).",
		"Both FINs are acknowledged.", "It belongs to whoever closes first: busy servers let their clients do that.", "RFC 9293 §3.4.2, §3.6"},
	{Connection, "CLOSED", "There is no connection, or no more.", "The last FIN was acknowledged, or an RST was sent or came.", "", "RFC 9293 §3.3.2"},
}

// The clocks of round-trip times: rtt_clock and stamps of a record.
var clocks = []Entry{
	{Clock, "kernel", "The kernel stamped the segment when it left and the answer when it came: the program's own delays are in neither.",
		"SO_TIMESTAMPING, or the rings of a packet socket.", "", "timestamping.rst of the kernel"},
	{Clock, "kernel-rx", "The kernel stamped the answer; the departure is the program's clock just before sending, so the time may be some microseconds too long.",
		"Large or fast scans, which do without stamps of departure.", "For exact times measure with `synscope ping`.", ""},
	{Clock, "tcp-info", "The kernel's own measurement of the handshake of a connection that it made.", "TCP_INFO after connect(2).", "", "tcp(7)"},
	{Clock, "user", "The program's clock at both ends: a busy machine makes the time longer.", "There were no stamps.", "Raw sockets measure better: see `synscope doctor`.", ""},
	{Clock, "hardware", "The interface itself stamped both ends.", "Its clock, SO_TIMESTAMPING.", "", "ethtool(8) -T"},
	{Clock, "software", "The interface stamped only one end, so the kernel's stamps were taken.", "See hardware.", "", "ethtool(8) -T"},
}
