package explain

// Experiment is what `synscope why` makes, one after the other.
const Experiment Kind = "experiment"

// experiments are in the order in which `synscope why --only` names them.
var experiments = []Entry{
	{Experiment, "local", "It looks at this machine: route, source address, interface, neighbour, ports, connection tracking and rp_filter, before and after.", "It separates causes on this machine from all others.", "", ""},
	{Experiment, "names", "It varies the address, among all that the name has.", "It separates one dead address, or broken IPv6, from a dead service.", "", ""},
	{Experiment, "flows", "It varies the source port, and asks from those that failed again and again.", "It separates what sticks to a flow from what does not.", "", ""},
	{Experiment, "pace", "It varies the pace: bursts, again where few were lost, and single SYNs.", "It separates limits of rate from loss.", "", ""},
	{Experiment, "options", "It varies TCP options, ECN, type of service, TTL and timestamps, in turns with a SYN that has them all.", "It separates what drops which SYN.", "", ""},
	{Experiment, "distance", "It varies the TTL, on failing and on passing flows.", "It shows where segments die, and who answers in the host's name.", "", ""},
	{Experiment, "neighbours", "It asks unused ports of the host, and by ACK, FIN and echo.", "It separates the port from the host, and the host from the way.", "", ""},
	{Experiment, "handshake", "It withholds third ACKs for a moment, then completes connections and sends bytes.", "It separates full accept queues, slow programs, and loss on the way there from loss on the way back.", "", ""},
	{Experiment, "hold", "It keeps connections open.", "It shows limits of connections by source.", "", ""},
	{Experiment, "mtu", "It varies the size of segments.", "It shows a path MTU black hole.", "", ""},
	{Experiment, "idle", "It leaves connections alone for 0.5 to 7 seconds.", "It shows timeouts on the way.", "", ""},
	{Experiment, "identity", "It sends the same SYN twice.", "It shows SYN cookies and proxies.", "", ""},
	{Experiment, "reuse", "It takes the port of a connection that was just closed.", "It shows TIME_WAIT and connections that the host still holds.", "", ""},
	{Experiment, "kernel", "It connects by this machine's own connect(2).", "It shows answers that this machine drops.", "", ""},
	{Experiment, "time", "It varies nothing, for some seconds.", "It shows what comes and goes.", "", ""},
	{Experiment, "again", "It sends some SYNs more before a cause is sure.", "It separates a cause from something that began meanwhile.", "", ""},
	{Experiment, "against", "It asks the port that works (--against).", "It separates this port from the way there.", "", ""},
}

// Severity is how much a finding matters.
const Severity Kind = "severity"

var severities = []Entry{
	{Severity, "info", "Good to know; nothing is wrong.", "The finding itself.", "", ""},
	{Severity, "notice", "Out of the ordinary: worth a look.", "The finding itself.", "", ""},
	{Severity, "warning", "Something is wrong, or results mean less than they seem to.", "The finding itself.", "", ""},
}
