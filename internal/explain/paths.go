package explain

var pathFindings = []Entry{
	{Finding, "path-dead", "Of several paths to the target one is dead: what is sent that way is lost, the others work.",
		"Flows from some source ports were answered by a router and by nothing behind it, each several times, while flows from other ports reached the target. The two ends are the last router that answered and the one where the living paths meet again.",
		"Tell whoever runs the two ends: a broken link of a bundle or of equal-cost routes, or a line card. Until then, connections that fail work from another source port.", "RFC 2992"},
	{Finding, "path-refused", "Of several paths to the target one ends at a router that says it has no way on.",
		"ICMP destination unreachable came for flows from some source ports; flows from others reached the target.",
		"The router's routes lack the target although its neighbours send it their traffic.", "RFC 792, RFC 1812 §5.2.7.1"},
	{Finding, "path-lossy", "One link loses more than the rest.",
		"Which probes were lost is explained best if those that cross this link are lost at a rate of their own; chance explains it as well less than once in a thousand (likelihood ratio). Loss at one router only, behind which nothing is lost, does not count: routers answer seldom.",
		"Tell whoever runs the two ends. `synscope trace --paths` again shows whether it stays.", ""},
	{Finding, "packets-balanced", "A router sends the packets of one flow different ways.", "The same source port was answered by several routers for the same TTL.",
		"Segments overtake each other, which slows TCP down. Links behind it are only known to be possible.", "RFC 2991 §2"},
	{Finding, "answered-before-host", "Somebody before the target answers in its name.",
		"An answer in the target's name came for a probe that was to expire before it: probes of the same flow with a higher TTL expired at routers behind.",
		"A firewall, proxy or load balancer at that hop. Compare with the same path to another port.", ""},
	{Finding, "answered-late", "The port answered, and no probe of a watch was answered in its time.",
		"A SYN-ACK or RST came after --timeout, or to a SYN that was sent once more. It decides what the port is; the table of hops counts the probes as lost.",
		"A longer --timeout shows the times; `synscope explain syn-retransmission-required` has another cause.", ""},
	{Finding, "answer-injected", "Somebody on the way answers in the target's name and lets the probe go on.",
		"For one probe came both an answer in the target's name and a router's ICMP time exceeded.",
		"Typical of intrusion prevention and of censorship: connections are reset by neither end.", ""},
	{Finding, "hop-crowded", "More addresses answered at one hop than surveys have seen at any.",
		"More than 128 addresses answered probes of one TTL.",
		"Probably somebody on the way answers each probe in a made-up name, and nothing that it says of the way can be relied on; the exploration ended there. What ordinary traces see (`synscope trace`) is in doubt too.", ""},
	{Finding, "header-rewritten", "A field of the probes is changed on the way.", "A router quotes a probe with another value than was sent.",
		"Address translation, remarking, or a middlebox, before the router that first shows it or at it.", "RFC 792, RFC 1812 §4.3.2.3"},
}

var pathNodes = []Entry{
	{Hop, "self", "This machine, where all paths begin.", "The first node of a graph of paths, with the source address of the probes.", "", ""},
	{Hop, "silent", "Somebody passes segments on and never answers.", "Nothing came for this TTL, and something did for higher ones of the same flows. Several such routers beside each other look like one.", "", "RFC 1812 §4.3.2.8"},
	{Hop, "dead", "Behind here nothing answers.", "Nothing came for this TTL nor for any higher one of the same flows.", "See path-dead; where no path reaches the target, a firewall may be silent.", ""},
	{Hop, "box", "Somebody answers in the target's name and is not the target.", "Probes of the same flow with a higher TTL expired at routers behind.", "See answered-before-host.", ""},
}
