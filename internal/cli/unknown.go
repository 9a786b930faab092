package cli

import (
	"fmt"
	"strings"

	"github.com/xrash/smetrics"
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
}

// unknown is the error of a flag that does not exist, with the likeliest help.
func (a *arrangement) unknown(word, name string) error {
	where := "synscope"
	if a.command != "" {
		where += " " + a.command
	}
	hint := fmt.Sprintf("`%s --help` lists the flags", where)
	if habit, ok := habits[strings.TrimRight(name, "0123456789")]; ok {
		hint = habit
	} else if near := a.nearest(name); near != "" {
		hint = fmt.Sprintf("did you mean --%s?", near)
	}
	return fmt.Errorf("unknown flag %s: %s", word, hint)
}

// nearest is the flag that differs from name by one or two letters.
func (a *arrangement) nearest(name string) string {
	best, distance := "", 3
	for _, flags := range []map[string]bool{a.local, a.global} {
		for known := range flags {
			d := editDistance(name, known)
			if len(known) > 2 && (d < distance || d == distance && known < best) {
				best, distance = known, d
			}
		}
	}
	return best
}

// editDistance is Levenshtein's.
func editDistance(a, b string) int { return smetrics.WagnerFischer(a, b, 1, 1, 1) }
