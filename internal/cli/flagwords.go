package cli

import "github.com/urfave/cli/v2"

// meanings are what flags that many commands share mean for one of them, by
// name, where that is not what they mean elsewhere. A flag without effect on a
// command says so: scripts that give it to every command go on working.
type meanings map[string]string

// pingMeanings: a sample that is repeated would be another sample.
var pingMeanings = meanings{
	"max-retries": "no effect, whatever `N`: each probe is a sample of its own",
	"rate":        "refuse targets and an interval that make more than `R` packets a second",
}

var isnMeanings = meanings{
	"max-retries": "no effect, whatever `N`: a SYN that is lost is a sample that is lost",
	"rate":        "SYNs a second `R`, of all targets together (default: 1k)",
	"engine":      "`HOW` packets leave: auto or raw",
}

var traceMeanings = meanings{
	"n":           "never resolve the addresses of hops into names",
	"ttl":         "refused: a trace counts `N` up itself, see --max-hops",
	"max-retries": "no effect, whatever `N`: see --queries",
	"rate":        "with --paths, at most `R` packets a second; a trace keeps 200 µs between two SYNs anyway",
	"engine":      "`HOW` packets leave: auto or raw",
}

var handshakeMeanings = meanings{
	"max-retries": "retransmit each segment up to `N` times (default: 2)",
	"rate":        "at most `R` segments a second, acknowledgements too; each connection waits for the one before anyway",
	"engine":      "`HOW` packets leave: auto or raw",
}

var sendMeanings = meanings{
	"profile":     "`STACK` whose time to live the segment has: " + profileNames(),
	"timeout":     "wait `D` for answers to each segment",
	"max-retries": "no effect, whatever `N`: see --count",
	"rate":        "no effect, whatever `R`: each segment waits for the answers to the one before",
	"engine":      "`HOW` packets leave: auto or raw",
}

var scanMeanings = meanings{
	"rate":        "packets a second `R`: 1000, 50k, 2M, max (default: 2k at first, and more while answers come; 10k with --stateless or --engine connect)",
	"engine":      "`HOW` packets leave: auto, raw, packet or connect; xdp with --stateless",
	"max-retries": "retransmit up to `N` times, as often as the loss that is measured asks for (default: 11; 1 with --stateless, 3 with --engine connect)",
}

// of gives flags their meaning for the command. A number's default goes with
// the meaning that it belonged to.
func (m meanings) of(flags []cli.Flag) []cli.Flag {
	for _, f := range flags {
		meaning, ok := m[f.Names()[0]]
		if !ok {
			continue
		}
		switch f := f.(type) {
		case *cli.StringFlag:
			f.Usage = meaning
		case *cli.StringSliceFlag:
			f.Usage = meaning
		case *cli.BoolFlag:
			f.Usage = meaning
		case *cli.IntFlag:
			f.Usage, f.Value = meaning, 0
		}
	}
	return flags
}

var whyMeanings = meanings{
	"g":           "refused: each flow has a source port of its own",
	"ttl":         "refused: the experiments choose `N`",
	"tos":         "refused: the experiments choose `N`",
	"profile":     "refused: the experiments choose the options",
	"timeout":     "refused: the experiments choose `D`",
	"max-retries": "refused: nothing is retransmitted unless an experiment wants it",
	"rate":        "at most `R` packets a second; never more than 1000",
	"engine":      "`HOW` packets leave: auto or raw",
}
