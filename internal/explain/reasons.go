package explain

var states = []Entry{
	{State, "open", "A program accepts connections on this port.",
		"A SYN-ACK acknowledged exactly the number of our SYN, or a whole connection was made.",
		"Check that it is meant to be reachable from here.", "RFC 9293 §3.5"},
	{State, "refused", "The host is there and nothing listens on this port; nmap calls it closed.",
		"An RST answered that carries our number.", "If something should listen: start it, or look at which address it is bound to (ss -ltn).", "RFC 9293 §3.5.2"},
	{State, "filtered", "Nothing is known of the port itself: something on the way keeps the probe or its answer back.",
		"All transmissions stayed without an answer, or a router or firewall said by ICMP that it does not let them through.",
		"The reason says which. Ask from another network, or ask `synscope trace` how far the segments come.", "RFC 1122 §3.2.2.1"},
	{State, "unfiltered", "The port can be reached; whether it is open, this kind of probe does not tell.",
		"An RST answered a probe with ACK (-sA, or --technique ack).", "Scan the port with --technique syn.", "RFC 9293 §3.10.7.1"},
	{State, "open|filtered", "The port is open, or something swallows the probe; this kind of probe does not tell which.",
		"A FIN, NULL, Xmas or Maimon probe stayed without an answer: a closed port would have sent RST.",
		"Scan the port with --technique syn.", "RFC 9293 §3.10.7.2"},
	{State, "unknown", "Nothing was found out.", "The probe could not be sent, or the run ended before the answer was in.",
		"The reason says why; repeat the run.", ""},
	{State, "up", "The host is there.", "Something of the host itself answered: a SYN-ACK, an RST, or ICMP.", "", ""},
	{State, "down", "The address did not answer.", "None of the segments that look for a host was answered.",
		"A host behind a firewall looks the same: --discover none (nmap's -Pn) probes its ports all the same.", ""},
}

var reasons = []Entry{
	{Reason, "syn-ack", "The port answered SYN with SYN-ACK: open.", "Its acknowledgment number is our sequence number plus one, which nobody off the path can guess.", "", "RFC 9293 §3.5"},
	{Reason, "split-handshake", "The port answered our SYN with a SYN of its own, without ACK.",
		"The SYN carries no number of ours, so it proves nothing until a SYN-ACK of ours was acknowledged.",
		"Some load balancers and very old stacks do this. Try `synscope handshake`.", "RFC 9293 §3.5, figure 7"},
	{Reason, "reset", "The port answered with RST: nothing listens there.", "The RST acknowledges our SYN, or begins where our ACK said.",
		"If something should listen, start it. An RST can come from a firewall too: see refused-by-middlebox.", "RFC 9293 §3.5.2"},
	{Reason, "unverified-reset", "An RST came that does not carry our number, and nothing better came until the end.",
		"Neither its acknowledgment nor its sequence number matches a probe: it may be forged, or come from a stack that is not quite TCP.",
		"Repeat the scan, and compare with --technique ack; with `-v` the summary counts such segments.", "RFC 9293 §3.10.7.3"},
	{Reason, "no-response", "Nothing answered.", "All transmissions and repetitions stayed without an answer until the timeout.",
		"A firewall that drops, a host that is off, or loss: raise --max-retries and --timeout, lower --rate; `synscope trace` shows how far segments come.", "RFC 9293 §3.8.3"},
	{Reason, "no-neighbour", "Nobody on this link has the address.", "Address resolution (ARP, or neighbour discovery) was not answered.",
		"The host is off or in another network.", "RFC 826, RFC 4861 §7.2"},
	{Reason, "send-failed", "This machine could not send the probe.", "The kernel returned the error that stands beside it.", "`synscope doctor` looks for the cause.", "send(2)"},
	{Reason, "no-route-here", "This machine has no route to the address.", "The kernel's route lookup failed.", "ip route get ADDRESS; name another interface with -e.", "rtnetlink(7)"},
	{Reason, "local-firewall", "This machine's own firewall refused to send the probe.", "The kernel returned EPERM.", "Look at the OUTPUT rules (nft list ruleset).", "send(2)"},
	{Reason, "held-by-this-run", "The probed port is one of those that this very run holds on this machine.", "Address and port are among our own source ports.",
		"Nothing: the port is free when synscope is not running.", ""},
	{Reason, "broadcast-address", "The address stands for all machines of a network, so no connection can be made to it.", "The kernel's route to it is a broadcast one.", "Leave it out.", "RFC 9293 §3.9.2.3, RFC 919"},
	{Reason, "interrupted", "The run was ended before an answer came.", "Ctrl-C, a signal, or the end of the time that was given.", "Repeat the run, or go on with --resume.", ""},
	{Reason, "arp-response", "The host answered address resolution on the link.", "ARP.", "", "RFC 826"},
	{Reason, "nd-response", "The host answered address resolution on the link.", "A neighbour advertisement.", "", "RFC 4861 §4.4"},
	{Reason, "echo-reply", "The host answered ICMP echo.", "The identifier and the number of our request.", "", "RFC 792, RFC 4443 §4.2"},
	{Reason, "timestamp-reply", "The host answered an ICMP timestamp request.", "The identifier and the number of our request.", "", "RFC 792"},
	{Reason, "localhost", "The address is one of this machine's own.", "The kernel's route lookup.", "", ""},
	{Reason, "not-captured", "What would decide is not in the capture.", "Acknowledged segments are missing in it.", "Capture nearer to the host, and both ways; see that the capturing machine loses nothing.", ""},
	{Reason, "evicted", "The connection was forgotten before it was over, because too many were followed at once.", "", "Read fewer at once with --filter.", ""},
	{Reason, "connected", "The kernel made a whole connection: open.", "connect(2) succeeded.", "", "connect(2)"},
	{Reason, "conn-refused", "The kernel's connection was refused.", "connect(2) gave ECONNREFUSED or ECONNRESET: an RST, or an ICMP port unreachable, came.", "If something should listen, start it.", "connect(2)"},
	{Reason, "prohibited", "The connection was forbidden, here or on the way.", "connect(2) gave EACCES: a rule of this machine, or an ICMPv6 message of the kind \"administratively prohibited\".",
		"As root, the packet engines tell which of the two.", "connect(2)"},
}

// hostReasons are those of a host that is up, beside the answers to segments.
var hostReasons = []Entry{}

var icmpReasons = []Entry{
	{Reason, "net-unreachable", "A router says that it has no way to the network.", icmpSeen + "type 3 code 0.", "`responder` names the router: its routes lack the network.", "RFC 792"},
	{Reason, "host-unreachable", "A router says that the host is not there.", icmpSeen + "type 3 code 1, as the last router sends when address resolution fails.", "The host is off, or its address is wrong; some firewalls reject with it.", "RFC 792"},
	{Reason, "proto-unreachable", "The host says that it does not speak TCP.", icmpSeen + "type 3 code 2.", "Mostly a firewall's way to reject.", "RFC 792"},
	{Reason, "port-unreachable", "The probe was rejected by an ICMP port unreachable.", icmpSeen + "type 3 code 3, or ICMPv6 type 1 code 4. A TCP stack would send RST: this is a firewall (iptables' and nft's default for reject).",
		"Look for a rule that rejects, on the host that `responder` names.", "RFC 792, RFC 4443 §3.1"},
	{Reason, "net-prohibited", "A router says that the network is forbidden.", icmpSeen + "type 3 code 9.", "A rule on the machine that `responder` names.", "RFC 1122 §3.2.2.1"},
	{Reason, "host-prohibited", "A router says that the host is forbidden.", icmpSeen + "type 3 code 10.", "A rule on the machine that `responder` names.", "RFC 1122 §3.2.2.1"},
	{Reason, "admin-prohibited", "A firewall says that it does not let this through.", icmpSeen + "type 3 code 13, or ICMPv6 type 1 code 1.", "A rule on the machine that `responder` names.", "RFC 1812 §5.2.7.1, RFC 4443 §3.1"},
	{Reason, "icmp-3-n", "A router rejected the probe for a cause without a word of its own; the number is the code.", icmpSeen + "type 3 with that code.", "", "RFC 792, RFC 1122 §3.2.2.1"},
	{Reason, "icmp-1-n", "A router rejected the probe for a cause without a word of its own; the number is the code.", icmpSeen + "ICMPv6 type 1 with that code.", "", "RFC 4443 §3.1"},
	{Reason, "time-exceeded", "The segment was dropped because its time to live ran out.", icmpSeen + "type 11, or ICMPv6 type 3.",
		"A routing loop, or a --ttl that is too low: `synscope trace` shows which.", "RFC 792, RFC 4443 §3.3"},
	{Reason, "param-problem", "A router or the host could not make sense of the header.", icmpSeen + "type 12, or ICMPv6 type 4.", "Something on the way changes or mistakes the packet; try --profile minimal.", "RFC 792, RFC 4443 §3.4"},
	{Reason, "no-route", "A router has no route to the address.", icmpSeen + "ICMPv6 type 1 code 0.", "`responder` names the router.", "RFC 4443 §3.1"},
	{Reason, "beyond-scope", "The source address does not reach beyond its link or site.", icmpSeen + "ICMPv6 type 1 code 2.", "Give a global source address with -S.", "RFC 4443 §3.1"},
	{Reason, "addr-unreachable", "The last router says that the host is not there.", icmpSeen + "ICMPv6 type 1 code 3.", "The host is off, or its address is wrong.", "RFC 4443 §3.1"},
	{Reason, "policy-failed", "A router refuses this source address.", icmpSeen + "ICMPv6 type 1 code 5.", "Give another source address with -S.", "RFC 4443 §3.1"},
	{Reason, "reject-route", "A router has a route that rejects this address.", icmpSeen + "ICMPv6 type 1 code 6.", "`responder` names the router.", "RFC 4443 §3.1"},
	{Reason, "source-route-error", "A router could not follow a source route.", icmpSeen + "ICMPv6 type 1 code 7.", "", "RFC 6550 §11.2.2.3"},
}

const icmpSeen = "An ICMP error quoted our probe, addresses, ports and sequence number: "

var hops = []Entry{
	{Hop, "none", "Nothing answered a probe with this time to live.", "No ICMP error and no segment until the timeout.", "Routers limit how much ICMP they send, and some send none: a silent hop before an answering one is no fault.", "RFC 1812 §4.3.2.8"},
	{Hop, "time-exceeded", "A router on the way.", "It sent ICMP time exceeded for a probe whose time to live ran out there.", "", "RFC 792"},
	{Hop, "unreachable", "A machine that ends the way.", "It sent ICMP destination unreachable for the probe.", "`icmp_code` says why.", "RFC 792"},
	{Hop, "syn-ack", "The end: the port is open.", "A SYN-ACK with our number.", "", "RFC 9293 §3.5"},
	{Hop, "rst", "The end: the port is refused.", "An RST with our number. One that comes with fewer hops than the host has is a middlebox's.", "", "RFC 9293 §3.5.2"},
}
