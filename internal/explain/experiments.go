package explain

// Experiment is what `synscope why` makes, one after the other.
const Experiment Kind = "experiment"

// experiments are in the order in which `synscope why --only` names them.
var experiments = []Entry{
	{Experiment, "local", "It looks at this machine: route, source address, interface, neighbour, ports, connection tracking and rp_filter, before and after. It separates causes on this machine from all others.", "", "`synscope why --only local HOST:PORT` makes it alone.", ""},
	{Experiment, "names", "It varies the address, among all that the name has. It separates one dead address, or broken IPv6, from a dead service.", "", "`synscope why --only names HOST:PORT` makes it alone.", ""},
	{Experiment, "flows", "It varies the source port, and asks from those that failed again and again. It separates what sticks to a flow from what does not.", "", "`synscope why --only flows HOST:PORT` makes it alone.", ""},
	{Experiment, "pace", "It varies the pace: bursts, again where few were lost, and single SYNs. It separates limits of rate from loss.", "", "`synscope why --only pace HOST:PORT` makes it alone.", ""},
	{Experiment, "options", "It varies TCP options, ECN, type of service, TTL and timestamps, in turns with a SYN that has them all. It separates what drops which SYN.", "", "`synscope why --only options HOST:PORT` makes it alone.", ""},
	{Experiment, "distance", "It varies the TTL, on failing and on passing flows. It shows where segments die, and who answers in the host's name.", "", "`synscope why --only distance HOST:PORT` makes it alone.", ""},
	{Experiment, "neighbours", "It asks unused ports of the host, and by ACK, FIN and echo. It separates the port from the host, and the host from the way.", "", "`synscope why --only neighbours HOST:PORT` makes it alone.", ""},
	{Experiment, "handshake", "It withholds third ACKs for a moment, then completes connections and sends bytes. It separates full accept queues, slow programs, and loss on the way there from loss on the way back.", "", "`synscope why --only handshake HOST:PORT` makes it alone.", ""},
	{Experiment, "hold", "It keeps connections open. It shows limits of connections by source.", "", "`synscope why --only hold HOST:PORT` makes it alone.", ""},
	{Experiment, "mtu", "It varies the size of segments. It shows a path MTU black hole.", "", "`synscope why --only mtu HOST:PORT` makes it alone.", ""},
	{Experiment, "idle", "It leaves connections alone for 0.5 to 7 seconds. It shows timeouts on the way.", "", "`synscope why --only idle HOST:PORT` makes it alone.", ""},
	{Experiment, "identity", "It sends the same SYN twice. It shows SYN cookies and proxies.", "", "`synscope why --only identity HOST:PORT` makes it alone.", ""},
	{Experiment, "reuse", "It takes the port of a connection that was just closed. It shows TIME_WAIT and connections that the host still holds.", "", "`synscope why --only reuse HOST:PORT` makes it alone.", ""},
	{Experiment, "kernel", "It connects by this machine's own connect(2). It shows answers that this machine drops.", "", "`synscope why --only kernel HOST:PORT` makes it alone.", ""},
	{Experiment, "time", "It varies nothing, for some seconds. It shows what comes and goes.", "", "`synscope why --only time HOST:PORT` makes it alone.", ""},
	{Experiment, "again", "It sends some SYNs more before a cause is sure. It separates a cause from something that began meanwhile.", "", "`synscope why --only again HOST:PORT` makes it alone.", ""},
	{Experiment, "against", "It asks the port that works (--against). It separates this port from the way there.", "", "`synscope why --against HOST:PORT` names that one.", ""},
}

// Severity is how much a finding matters.
const Severity Kind = "severity"

var severities = []Entry{
	{Severity, "info", "Good to know; nothing is wrong.", "", "Nothing.", ""},
	{Severity, "notice", "Out of the ordinary: worth a look.", "", "`synscope explain CODE` tells of the finding.", ""},
	{Severity, "warning", "Something is wrong, or results mean less than they seem to.", "", "`synscope explain CODE` tells of the finding.", ""},
}
