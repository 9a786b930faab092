package explain

var scanFindings = []Entry{
	{Finding, "all-open", "Every port of the host seems open, also ports that nothing serves.", "Two ports that nobody uses (canaries) answered with SYN-ACK like all others.",
		"Something answers for the host: a SYN proxy, a tarpit or a honeypot. Only a whole `synscope handshake` with data tells which services are real.", "RFC 4987 §3.7"},
	{Finding, "went-silent", "The host answered, and then nothing any more: its ports that are unknown have to be probed again.", "A port that had answered was probed repeatedly for ten seconds, and kept silent.",
		"Is the host off, or the link away? An intrusion prevention system may drop what we send since it saw the scan: try --rate 10.", ""},
	{Finding, "neighbour-lost", "The host's link address did not resolve any more during the run: what is silent from then on may not be filtered.", "This machine's kernel gave packets to it up, and nothing answered after.",
		"Look at the link and `ip neigh`, and scan again what was silent.", "arp(7)"},
	{Finding, "syn-proxy-suspected", "The SYN-ACKs look like those of a proxy in front of the host.", "Their TTL differs from the host's RSTs, or their window is zero.",
		"`synscope handshake` completes a connection and sees whether somebody is behind it.", "RFC 4987 §3.7"},
	{Finding, "challenge-ack", "The host still held an old connection on the same ports and addresses, and asked whether it lives.",
		"An ACK without SYN answered the SYN. A probing run then resets the old connection with the number that it named and probes again from another port; in a capture the client may have done so, or have given up.",
		"Nothing: the verdict is that of what came after it. Often seen: something on the way drops the RSTs or FINs that end connections.", "RFC 5961 §4, RFC 9293 §3.10.7.4"},
	{Finding, "path-mtu", "A router on the way does not let packets through that the two ends would send.", "An ICMP message asked for smaller packets.",
		"A tunnel is likely. Lower the MSS at the tunnel (MSS clamping) or see that ICMP of this kind gets through.", "RFC 1191, RFC 8201"},
	{Finding, "split-handshake", "A SYN without ACK answered the SYN.", "No SYN-ACK came; the SYN carries no number of ours, so another machine could have sent it.",
		"Some load balancers, and firewalls under test, do this.", "RFC 9293 §3.5"},
	{Finding, "simultaneous-open", "Both ends sent a SYN before they had the other's.", "The two SYNs crossed, and each was acknowledged by a SYN-ACK; or a socket was connected to its own address and port.",
		"A client that retries a local port in the range of ephemeral ports may meet itself: bind the service's port, or take it out of net.ipv4.ip_local_port_range.", "RFC 9293 §3.5, figure 7"},
	{Finding, "translated-here", "This machine's own NAT stands between the probe and whoever answered it.",
		"An answer with our number came from another address than the probed one, or for another than ours, and the kernel translated it back: a published port of a container, a cluster address, masquerading.",
		"Nothing: the verdict is what this machine's own programs would meet. To see the far end itself, probe the address that the evidence names.", "nft(8), RFC 3022"},
	{Finding, "local-firewall", "This machine's own firewall refused to send.", "The kernel returned EPERM.", "Look at the OUTPUT rules (nft list ruleset).", "send(2)"},
	{Finding, "send-failed", "This machine could not send.", "The kernel returned the error in the text.", "`synscope doctor` looks for the cause.", "send(2)"},
	{Finding, "no-route-here", "This machine has no route to the address.", "The kernel's route lookup failed.", "ip route get ADDRESS; name another interface with -e.", "rtnetlink(7)"},
	{Finding, "name-unresolved", "The name of a target does not resolve any more.", "The resolver failed; the probes go on to the last address.", "Look at the name service.", ""},
	{Finding, "address-changed", "The name of a target has another address now.", "The resolver no longer returns the address that was probed; the probes go to the new one.", "Nothing, if the service was moved.", ""},
}

var handshakeFindings = []Entry{
	{Finding, "accept-queue-full", "The program on the far end does not accept connections as fast as they come: its accept queue is full.",
		"The same SYN-ACK was retransmitted although the client had acknowledged it, and data of the client was not acknowledged either, as on Linux with tcp_abort_on_overflow=0.",
		"On the host: ss -ltn shows Recv-Q above Send-Q; nstat -az TcpExtListenOverflows counts. Let the program accept faster, or raise its backlog and net.core.somaxconn.", "listen(2), tcp(7)"},
	{Finding, "accept-queue-reset", "The accept queue is full, and the host says so by RST.", "An RST answered the third segment of the handshake.",
		"As for accept-queue-full; on Linux net.ipv4.tcp_abort_on_overflow is 1. A program that closes at once looks alike.", "listen(2), tcp(7)"},
	{Finding, "syn-cookies", "The host keeps nothing of a half-open connection; it computes its number from the SYN.",
		"No SYN-ACK was retransmitted while the connection was half open, and the answer to a duplicate SYN is the same or depends on our number.",
		"The host is being flooded, its SYN backlog is small, or cookies are always on. On Linux: nstat -az TcpExtSyncookiesSent.", "RFC 4987 §3.6"},
	{Finding, "syn-proxy", "Something in front of the host answers in its name and connects to it only later.",
		"Window 0 in the SYN-ACK (in every one, while sequence numbers are sampled), options or a window that come after the third segment, or another TTL for data than for the SYN-ACK.",
		"It hides whether the service behind it lives: send data (--data) to see.", "RFC 4987 §3.7"},
	{Finding, "synack-retransmissions", "How patiently the host waits for the third segment of the handshake.", "We kept silent after the SYN-ACK and counted how often, and when, it was retransmitted.",
		"Linux repeats it 5 times over 63 s (net.ipv4.tcp_synack_retries). The schedule tells stacks apart.", "RFC 6298 §5"},
	{Finding, "synack-repeated", "The SYN-ACK was retransmitted although it was acknowledged.", "The client's ACK was lost on the way, or reached the host after its timer, or the program waits for data first (TCP_DEFER_ACCEPT).", "Once is nothing; often is loss on the way there: measure with `synscope ping`.", "RFC 6298 §5"},
	{Finding, "endless-sender", "The peer went on sending until a limit of ours ended the connection.", "Bytes or segments of the peer reached the limit, or it did not fall quiet in time.",
		"Where so much is expected: raise --max-bytes, --max-segments or --max-time. Else it may be a tarpit, or a service that streams.", ""},
	{Finding, "forged-reset", "An RST came that the host it names cannot have sent.", "Its number is outside what the state of the connection allows, or the genuine answer came after it, or that host went on: it sent or acknowledged what is newer.",
		"Somebody on the way wants the connection dead: compare from another network; --pcap keeps the evidence.", "RFC 5961 §3, RFC 9293 §3.10.7.4"},
	{Finding, "refused-by-middlebox", "The RST comes, more or less surely, from something before the host.",
		"Several marks are weighed: a TTL other than the SYN-ACKs', an answer sooner than any SYN-ACK, options or a window in the RST, traffic of the host after it.",
		"Without a SYN-ACK of the same host to compare with it is a hint. Look at firewalls between you and it; `synscope trace` shows where the answers come from.", "RFC 9293 §3.5.2"},
	{Finding, "icmp-rejected", "An ICMP error refused the connection.", "It quoted the SYN.", "The evidence names who sent it, and its code.", "RFC 1122 §4.2.3.9"},
	{Finding, "icmp-on-connection", "An ICMP error came for a connection that was already open.", "It quoted a later segment of the client.", "A path that broke, or a rule that was set meanwhile.", "RFC 5927"},
	{Finding, "banner", "The server speaks first.", "Its data came before the client had sent any.", "", ""},
	{Finding, "data-before-handshake", "Data came before the handshake was complete.", "It arrived with or before the SYN-ACK, or before the client's ACK can have arrived.", "Not a usual stack: a middlebox, or TCP Fast Open's answer.", "RFC 7413"},
	{Finding, "zero-window", "The program on the far end does not read.", "The window went to zero and stayed so.", "Look at what the program waits for.", "RFC 9293 §3.8.6.1"},
	{Finding, "tarpit", "The connection was accepted in order to be held.", "Its window never opened.", "A defence against scanners and worms: there is no service.", ""},
}

var optionFindings = []Entry{
	{Finding, "options-altered", "The SYN-ACK does not answer the options of the SYN as a stack would.", "It holds an option that was not offered, or holes (NOP) where one was cut out, or contradicts a later SYN-ACK.",
		"A middlebox changes options; compare with --pcap on both ends.", "RFC 7323 §1.3, RFC 2018 §2"},
	{Finding, "mss-clamped", "The maximum segment size is below what Ethernet and the client allow.", "The MSS in the SYN-ACK.",
		"Most often the server is set that way or sits behind a tunnel; a firewall may clamp it too. Harmless.", "RFC 6691"},
	{Finding, "ecn-negotiated", "Congestion will be signalled by marks instead of losses.", "The SYN-ACK has ECE and not CWR.", "", "RFC 3168 §6.1.1"},
	{Finding, "accecn", "Congestion will be signalled by accurate marks.", "The flags AE, CWR and ECE of the SYN-ACK.", "", "RFC 9768 §3.1"},
	{Finding, "ecn-refused", "The far end does not take part in ECN.", "The SYN-ACK has no ECE.", "On Linux: net.ipv4.tcp_ecn.", "RFC 3168 §6.1.1"},
	{Finding, "ecn-bleached", "Something on the way clears congestion marks.", "A mark of the client was not echoed on a connection that had negotiated them.", "Look for a router that rewrites the TOS byte.", "RFC 3168 §18"},
	{Finding, "tfo-cookie", "The server gave a cookie for data on the SYN.", "The SYN-ACK has the option Fast Open.", "", "RFC 7413 §4.1.1"},
	{Finding, "tfo-accepted", "The server took the cookie and the data on the SYN.", "The SYN-ACK acknowledges the data.", "", "RFC 7413 §4.2"},
	{Finding, "data-on-syn-acked", "The SYN-ACK acknowledges the data that came with the SYN.", "Its acknowledgment number.", "Without a cookie that is unusual: a middlebox, or a stack that asks for none.", "RFC 7413 §2"},
	{Finding, "data-on-syn-ignored", "The SYN-ACK acknowledges the SYN and not its data.", "Its acknowledgment number.", "As most stacks do without a Fast Open cookie.", "RFC 9293 §3.4"},
	{Finding, "mptcp-capable", "The server speaks Multipath TCP.", "MP_CAPABLE in the SYN-ACK.", "", "RFC 8684 §3.1"},
	{Finding, "mptcp-fallback", "The server answers Multipath TCP with the plain kind.", "No MP_CAPABLE in the SYN-ACK.", "The server has none, or a middlebox removes the option.", "RFC 8684 §3.7"},
}

var teardownFindings = []Entry{
	{Finding, "close-three-way", "The far end closed at the same time as it acknowledged the first FIN.", "One segment did both.", "", "RFC 9293 §3.6"},
	{Finding, "half-close-held", "The server kept its half open after the client's FIN.", "Data came after the FIN was acknowledged, in more than one step, or nothing came for long.", "As the RFC allows; many programs do not.", "RFC 9293 §3.6"},
	{Finding, "close-by-reset", "The far end ended the connection by RST.", "An RST with the right number came instead of a FIN.", "It closed with unread data or with SO_LINGER 0, or crashed.", "RFC 2525 §2.17, RFC 9293 §3.6.1"},
	{Finding, "simultaneous-close", "Both ends sent a FIN before they had the other's.", "The two FINs crossed.", "", "RFC 9293 §3.6"},
	{Finding, "time-wait-skipped", "The far end closed first and forgot the connection at once.", "The client's FIN, repeated, was answered by RST.", "It has no TIME_WAIT: old segments may fit into a new connection.", "RFC 9293 §3.6.1"},
	{Finding, "fin-retransmissions", "How patiently the far end repeats a FIN that nobody acknowledges.", "The same FIN was retransmitted: a probing run keeps its last ACK back and counts.", "On Linux net.ipv4.tcp_orphan_retries.", "RFC 6298 §5"},
	{Finding, "fin-unanswered", "Nobody acknowledged a FIN.", "It was retransmitted until the end of the watch.", "The way is cut, or a firewall forgot the connection.", "RFC 9293 §3.6"},
}

var closes = []Entry{
	{Close, "four-way", "Closed as in the book: FIN, ACK, FIN, ACK.", "All four were seen.", "", "RFC 9293 §3.6"},
	{Close, "three-way", "Closed in three: the second FIN came with the ACK of the first.", "FIN, FIN-ACK, ACK.", "", "RFC 9293 §3.6"},
	{Close, "half-closed", "One side is closed, the other still open.", "One FIN, acknowledged, and no other.", "Watch longer with --watch.", "RFC 9293 §3.6"},
	{Close, "reset", "Ended by RST.", "A valid RST.", "", "RFC 9293 §3.5.2"},
	{Close, "none", "Still open when we stopped looking.", "No FIN and no RST.", "", ""},
	{Close, "unknown", "How the connection ended was not captured as a whole.", "Segments are missing in the capture.", "", ""},
	{Close, "timeout", "A FIN that nobody acknowledged.", "It was retransmitted in vain.", "The way is cut, or a firewall forgot the connection.", "RFC 9293 §3.6"},
}

var doubts = []Entry{
	{Doubt, "cold", "The first packet waited for the neighbour's link-layer address; its time is not the network's.", "The kernel had to resolve the next hop first.", "", "RFC 826, RFC 4861"},
	{Doubt, "clock-step", "Somebody set the wall clock between the two stamps.", "CLOCK_REALTIME moved against CLOCK_MONOTONIC_RAW by more than NTP slews.", "Look at what sets the clock of this machine.", "clock_gettime(2)"},
	{Doubt, "syn-retransmitted", "The kernel repeated its SYN: the time does not say which one was answered.", "TCP_INFO counts retransmissions (Karn's problem).", "A raw engine tells them apart.", "RFC 6298 §3, tcp(7)"},
	{Doubt, "synack-retransmitted", "The far end repeated its SYN-ACK because the first one was lost: the time holds its wait, and is no round trip.", "The SYN-ACK came 0.9 s or more after the soonest of that port: stacks wait a second before they repeat one.", "Packets are lost on the way back: see the loss.", "RFC 6298 §2.1, RFC 9293 §3.8.1"},
	{Doubt, "late", "The answer came after the timeout: the port is what it says, and the probe counts as lost.", "The kernel's stamps of the two lie further apart than --timeout.", "Wait longer with --timeout, or look at what is slow.", ""},
	{Doubt, "skipped", "The probe was not sent: its time was more than ten seconds ago.", "This machine slept, or was too slow.", "Raise the interval, or look at its load.", ""},
}

var endings = []Entry{
	{Ending, "end-of-capture", "The capture ended before the connection did.", "No packet came after its last.", "", ""},
	{Ending, "going-on", "The connection goes on; this is what it has come to so far.", "A capture that is read while it grows.", "", ""},
	{Ending, "idle", "Nothing came on the connection for a long time.", "It was handed out to save memory.", "", ""},
	{Ending, "reused", "Another connection began on the same addresses and ports.", "A SYN with a new number.", "", "RFC 9293 §3.6.1"},
	{Ending, "crowded", "More connections than are followed at once; this one had been silent longest.", "", "Read fewer at once with --filter.", ""},
}
