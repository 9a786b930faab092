package cli

import (
	"cmp"
	"fmt"
	"strings"

	"synscope/internal/spelling"
)

// habits answers flags that people know from other scanners.
var habits = map[string]string{
	"Pn": "only `synscope scan` looks for hosts first",
	"T":  "give a rate with --rate, and --timeout",
	"A":  "see `synscope handshake` and `synscope isn`",
	"O":  "see `synscope isn`",
	"sV": "see `synscope handshake --data`",
	"sn": "see `synscope scan -sn`",
	"sU": "only TCP is probed",
	"F":  "use --top-ports 100",

	"min-rate": "use --rate",
	"max-rate": "use --rate",

	"P": "use -Pn, or -sn; --discover says how hosts are looked for", "PS": lookedFor, "PA": lookedFor, "PE": lookedFor, "PR": lookedFor,
	"sL": "use --plan, or --dry-run", "sP": "use -sn", "iR": "targets are named, and never drawn at random",
	"script": noService, "banners": noService, "version-intensity": noService,
	"R": "names are looked up unless -n is given", "r": "the order is a permutation, see --seed",
	"D": noDisguise, "f": noDisguise, "mtu": noDisguise, "spoof-mac": noDisguise, "data-length": noDisguise, "badsum": "see `synscope send`",
	"host-timeout": "use --timeout and --max-retries", "max-rtt-timeout": "use --timeout", "initial-rtt-timeout": "use --timeout",
	"scan-delay": "use --rate", "max-parallelism": "use --rate", "B": "use --rate", "bandwidth": "use --rate",
	"packet-trace": "use --pcap, or -d", "webxml": seeReport, "stylesheet": seeReport,
	"source-port": "use -g", "ports": "use -p", "port": "use -p", "target-port": "use -p", "target-ports": "use -p", "target": "targets are words by themselves",
	"adapter-ip": "use -S", "source-ip": "use -S", "adapter": "use -e", "interface": "use -e", "router-mac": ownRoute, "gateway-mac": ownRoute,
	"wait": "use --timeout", "cooldown-time": "use --timeout", "retries": "use --max-retries", "probes": "use --max-retries",
	"M": "see --technique", "probe-module": "see --technique", "output-module": "use -o", "output-format": "use -o",
	"output-file": "use -oC, or any of -oN -oJ -oX -oG", "output-filename": "use -oC, or any of -oN -oJ -oX -oG", "output-fields": "use --fields",
	"w": "use -iL", "whitelist-file": "use -iL", "allowlist-file": "use -iL", "includefile": "use -iL", "include-file": "use -iL",
	"b": "use --exclude-file", "blacklist-file": "use --exclude-file", "blocklist-file": "use --exclude-file", "shards": "use --shard I/N",
}

const (
	lookedFor  = "--discover says whether hosts are looked for, by what is this program's own choice"
	noService  = "see `synscope handshake --data`"
	noDisguise = "segments are this machine's own, and nothing about them is disguised"
	seeReport  = "see `synscope report`"
	ownRoute   = "the route of the kernel is taken, or -e IFACE"
)

// habitsOf answers what people know from programs that are like one command, where
// that is something else than in others.
var habitsOf = map[string]map[string]string{
	"ping": {
		"W": "use --timeout", "w": "use -c, or timeout(1)", "s": "a SYN is probed with, and has no payload", "f": "use -i 1ms",
		"t": "use --ttl", "O": "what is not answered is reported anyway", "A": "use -i", "I": "use -e, or -S", "Q": "use --tos",
	},
	"trace": {
		"T": "TCP is what is probed with, always", "m": "use --max-hops", "f": "the first hop is the first", "w": "use --timeout", "z": "use --rate",
		"r": "use --watch -c N", "report": "use --watch -c N", "I": "only TCP is probed", "U": "only TCP is probed", "s": "use -S", "i": "use -e",
	},
}

// unknown is the error of a flag that does not exist, with the likeliest help.
func (a *arrangement) unknown(word, name string) error {
	where := "synscope"
	if a.command != "" {
		where += " " + a.command
	}
	hint := fmt.Sprintf("`%s --help` lists the flags", where)
	plain := strings.TrimRight(name, "0123456789")
	plain, _, _ = strings.Cut(plain, "=")
	if habit := cmp.Or(habitsOf[a.command][plain], habits[plain]); habit != "" {
		hint = habit
	} else if near := a.nearest(name); near != "" {
		hint = spelling.Question(dashed(near))
	}
	return fmt.Errorf("unknown flag %s: %s", word, hint)
}

// nearest is the flag whose name is spelled most like another; what is written after one
// dash is like anything.
func (a *arrangement) nearest(name string) string {
	var known []string
	for _, flags := range []map[string]bool{a.local, a.global} {
		for flag := range flags {
			if len(flag) > shortNames {
				known = append(known, flag)
			}
		}
	}
	return spelling.Nearest(name, known)
}
