package cli

// examples are three ways to use each command, the commonest first.
var examples = map[string][]example{
	"": {
		{"synscope demo", "all of it, in a private network, before your eyes"},
		{"synscope scan 192.0.2.7", "which of the commonly served ports are open?"},
		{"synscope help ping", "what a command answers, its flags, examples, exit codes"},
	},
	"scan": {
		{"synscope scan 192.0.2.7", "the commonly served ports of a host"},
		{"synscope scan -p 22,443 --open --reason 192.0.2.0/24", "what is open in a network, and what that rests on"},
		{"synscope scan -p- --rate 50k -oA full host.example", "every port, into full.nmap, full.xml and full.gnmap"},
	},
	"merge": {
		{"synscope merge one.jsonl two.jsonl", "the shards of a scan as one"},
		{"synscope merge *.jsonl -o json -oX all.xml", "as records, and as nmap's XML beside"},
		{"synscope merge --open *.jsonl -o list", "only what is open, for a pipe"},
	},
	"ping": {
		{"synscope ping host.example:443", "until Ctrl-C, then statistics"},
		{"synscope ping -c 100 -i 50ms --plot rtt.png host.example:443", "a picture of times, losses and their distribution"},
		{"synscope ping -c 20 --max-loss 5% --max-rtt p95=20ms 192.0.2.7:22", "for cron and CI: the exit code says whether it held"},
	},
	"handshake": {
		{"synscope handshake host.example:443", "SYN to TIME_WAIT, segment by segment"},
		{`synscope handshake host.example:80 --data "GET / HTTP/1.0\r\n\r\n"`, "with a request, and its acknowledgment"},
		{"synscope handshake host.example:443 --withhold synack-ack", "how patient is the host with half-open connections?"},
	},
	"isn": {
		{"synscope isn host.example:443", "22 SYNs, about 10 s: the class, and how sure"},
		{"synscope isn host.example:443 --plot isn.png --raw isn.csv", "a picture, and every sample"},
		{"synscope isn --from isn.csv", "the same analysis later, without a network"},
	},
	"trace": {
		{"synscope trace host.example:443", "the hops, and who answers for the port"},
		{"synscope trace --paths --plot paths.svg host.example:443", "all paths, until it is 95 % sure that none is missing"},
		{"synscope trace --watch -i 500ms host.example:443", "a table that keeps going, two rounds a second"},
	},
	"why": {
		{"synscope why host.example:443", "the most probable cause, what it rests on, and what to do"},
		{"synscope why --budget 4000,5m host.example:443", "a longer look at what fails now and then"},
		{"synscope why --only flows,distance,handshake 192.0.2.7:22 -o json", "some experiments only, as a record"},
	},
	"send": {
		{"synscope send 192.0.2.7:80 --flags SA --seq 1000 --ack 2000 --expect R", "a SYN-ACK out of nowhere is answered by RST"},
		{"synscope send 192.0.2.7:80 --opt mss=536,sack,ts,wscale=7", "a SYN with these options"},
		{"synscope send 192.0.2.7:80 --flags F --dry-run", "what would leave"},
	},
	"read": {
		{"synscope read capture.pcapng", "every connection attempt of a capture"},
		{"synscope read -v capture.pcap.gz", "with their segments"},
		{"tcpdump -w - tcp | synscope read -", "live, from a pipe"},
	},
	"check": {
		{"synscope check --init -p 1-1024 192.0.2.0/28 > network.yaml", "what is seen now, as a file of expectations"},
		{"synscope check network.yaml --junit results.xml", "does it still hold? for CI"},
		{"synscope check --diff monday.json tuesday.json", "what changed between two runs of scan -o json"},
	},
	"report": {
		{"synscope scan -oJ run.jsonl 192.0.2.0/24 && synscope report run.jsonl --html run.html", "a page of a scan, to look at or to mail"},
		{"synscope report monday.jsonl tuesday.jsonl --html week.html", "several runs, compared"},
		{"synscope ping -c 100 -o json host.example:443 | synscope report - > rtt.html", "from a pipe"},
	},
	"explain": {
		{"synscope explain accept-queue-full", "one word of a result"},
		{"synscope explain reasons", "all of a kind"},
		{"synscope explain -o json", "the whole table, for a program"},
	},
	"demo": {
		{"synscope demo", "the whole tour, about half a minute"},
		{"synscope demo -q", "results alone"},
		{"synscope demo --color always | less -R", "page by page"},
	},
	"doctor": {
		{"synscope doctor", "what works, what is missing, how to mend it"},
		{"synscope doctor -o json", "the same for a program"},
		{"synscope doctor && synscope scan 192.0.2.7", "only where all is there"},
	},
	"schema": {
		{"synscope schema", "of every record of the JSON lines"},
		{"synscope schema port", "of one record"},
		{"synscope schema check > check.schema.json", "of a file of expectations, for an editor"},
	},
	"help": {
		{"synscope help", "the commands"},
		{"synscope help scan", "one of them"},
		{"synscope help scan | less", "page by page"},
	},
	"version": {
		{"synscope version", "the version, the Go release and the platform"},
		{"synscope --version", "the version alone"},
		{"synscope -V", "the same"},
	},
	"completion": {
		{"source <(synscope completion bash)", "in this shell; in ~/.bashrc for all"},
		{"synscope completion zsh > ~/.zfunc/_synscope", "into a directory of $fpath"},
		{"synscope completion fish > ~/.config/fish/completions/synscope.fish", "for fish"},
	},
	"man": {
		{"synscope man | man -l -", "the manual page of the program"},
		{"synscope man scan | man -l -", "that of a command"},
		{"synscope man ping > /usr/local/share/man/man1/synscope-ping.1", "for man synscope-ping"},
	},
}

// answers are what exit codes 0 and 1 mean of each command.
var answers = map[string]struct{ yes, no string }{
	"":           {"done, and the answer is yes", "done, and the answer is no"},
	"scan":       {"the scan finished, and --expect held", "a port is not in the state that --expect names"},
	"merge":      {"the shards are whole", ""},
	"ping":       {"an open port answered, and every limit held", "none did, or a limit did not hold"},
	"handshake":  {"a connection was opened, and --expect held", "none was, or --expect did not hold"},
	"isn":        {"the numbers have a class", "the class is unknown"},
	"trace":      {"the port was reached, and --expect held", "it was not, or --expect did not hold"},
	"why":        {"nothing failed with any target", "something did, or it cannot be told"},
	"send":       {"sent, and --expect held", "no answer was as --expect has it"},
	"read":       {"the capture was read", ""},
	"check":      {"every expectation held; with --diff, nothing changed", "one failed; with --diff, something changed"},
	"report":     {"the page was written", ""},
	"explain":    {"every word is known", ""},
	"demo":       {"all was shown", ""},
	"doctor":     {"all that is needed is there", ""},
	"schema":     {"written", ""},
	"help":       {"shown", ""},
	"version":    {"shown", ""},
	"completion": {"written", ""},
	"man":        {"written", ""},
}

// offline are the commands that send nothing and need no right.
var offline = map[string]bool{"merge": true, "read": true, "report": true, "explain": true, "schema": true, "help": true, "version": true, "completion": true, "man": true}

// exitsOf are the exit codes that a command has.
func exitsOf(command string) []exitMeaning {
	a := answers[command]
	list := []exitMeaning{{exitYes, a.yes}}
	if a.no != "" {
		list = append(list, exitMeaning{exitNo, a.no})
	}
	usage := "the command line, or a file on it, is wrong; nothing was sent"
	if offline[command] {
		usage = "the command line, or a file on it, is wrong"
	}
	list = append(list, exitMeaning{exitUsage, usage})
	if !offline[command] {
		list = append(list, exitMeaning{exitUnable, "this machine or user cannot do it; the message says what to do"})
	}
	return append(list, exitMeaning{exitInterrupted, "cut short; what was found so far has been written"})
}
