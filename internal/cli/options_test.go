package cli

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report"
)

// ownOptions are the options of each command that sees more than the common ones.
var ownOptions = map[string]any{
	"scan": scanOptions{}, "ping": pingOptions{}, "handshake": handshakeOptions{}, "isn": isnOptions{}, "trace": traceOptions{},
	"why": whyOptions{}, "send": sendOptions{}, "read": readOptions{}, "check": checkOptions{}, "report": reportOptions{}, "demo": demoOptions{},
}

// taggedFields are the flags that a struct and what it embeds take, with their types; own
// are those of its own fields.
func taggedFields(s reflect.Type) (all, own map[string]reflect.Type) {
	all, own = map[string]reflect.Type{}, map[string]reflect.Type{}
	for i := range s.NumField() {
		f := s.Field(i)
		if name, ok := f.Tag.Lookup("flag"); ok {
			all[name], own[name] = f.Type, f.Type
		} else if f.Anonymous {
			inner, _ := taggedFields(f.Type)
			maps.Copy(all, inner)
		}
	}
	return all, own
}

func typeOf(t *testing.T, f cli.Flag) reflect.Type {
	switch f.(type) {
	case *cli.StringFlag:
		return reflect.TypeFor[string]()
	case *cli.BoolFlag:
		return reflect.TypeFor[bool]()
	case *cli.IntFlag:
		return reflect.TypeFor[int]()
	case *cli.Uint64Flag:
		return reflect.TypeFor[uint64]()
	case *cli.StringSliceFlag:
		return reflect.TypeFor[[]string]()
	}
	t.Fatalf("%T: no field takes such a flag", f)
	return nil
}

// Every flag of a command is taken by a field of the same type, and every field of
// a command's own takes a flag.
func TestEveryFlagHasAField(t *testing.T) {
	elsewhere := slices.Concat(techniqueAliases(), []string{"oA"})
	for _, f := range report.Formats() {
		elsewhere = append(elsewhere, f.Flag)
	}
	for _, command := range newApp(Streams{Env: bareEnv}).Commands {
		options, ok := ownOptions[command.Name]
		if !ok {
			options = common{}
		}
		all, own := taggedFields(reflect.TypeOf(options))
		flags := map[string]bool{}
		for _, f := range command.Flags {
			name := f.Names()[0]
			flags[name] = true
			switch field, taken := all[name]; {
			case slices.Contains(elsewhere, name):
			case !taken:
				t.Errorf("%s: no field takes the flag %s", command.Name, name)
			case own[name] != nil && own[name] != typeOf(t, f), own[name] == nil && field != typeOf(t, f):
				t.Errorf("%s: the flag %s is a %v, and its field a %v", command.Name, name, typeOf(t, f), field)
			}
		}
		for name := range own {
			if ok && !flags[name] {
				t.Errorf("%s: a field takes the flag %s, which does not exist", command.Name, name)
			}
		}
	}
}

// The values of a command line arrive in the fields.
func TestOptionsOfACommandLine(t *testing.T) {
	var got *pingOptions
	app := newApp(Streams{Env: bareEnv})
	app.Command("ping").Action = func(c *cli.Context) error {
		got = optionsOf[pingOptions](c)
		return nil
	}
	args, err := arrange(app, []string{"-v", "ping", "192.0.2.1", "-c", "010", "--tos", "0xB8", "-p", "80,443", "-p", "22", "--ttl", "9", "-oJ", "x.json", "-oA", "base", "web.example"})
	if err == nil {
		err = app.Run(append([]string{"synscope"}, args...))
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.command != "ping" || !slices.Equal(got.words, []string{"192.0.2.1", "web.example"}) || got.Count != 10 || got.TOS != 184 || got.TTL != 9 || got.level() != 1 {
		t.Errorf("%+v", got)
	}
	if !slices.Equal(got.targetOptions.Ports, []string{"80,443", "22"}) || !got.given["p"] || got.given["top-ports"] || got.Interval != "1s" || got.given["i"] {
		t.Errorf("%+v", got)
	}
	if want := []report.File{{Format: "json", Path: "x.json"}, {Format: "text", Path: "base.nmap"}, {Format: "xml", Path: "base.xml"}, {Format: "grep", Path: "base.gnmap"}}; !slices.Equal(got.files, want) {
		t.Errorf("files %v", got.files)
	}
}

// pinging are the options of a ping as the command line would give them.
func pinging(change func(*pingOptions)) *pingOptions {
	o := &pingOptions{Interval: "200ms", Flow: "fixed", Stamps: stampsSoftware}
	o.command, o.words = "ping", []string{"192.0.2.1:443"}
	o.Profile, o.Timeout, o.Retries, o.Engine = "linux", "3", 3, engineAuto
	o.given = map[string]bool{}
	change(o)
	return o
}

// A command's job is made of values, with no command line.
func TestPingOfValues(t *testing.T) {
	j, err := newPing(t.Context(), Streams{}, pinging(func(o *pingOptions) { o.Count, o.MaxRTT = 5, []string{"p95=20ms,max=1s"} }))
	if err != nil {
		t.Fatal(err)
	}
	if want := netip.MustParseAddrPort("192.0.2.1:443"); len(j.cfg.Targets) != 1 || j.cfg.Targets[0] != want || j.cfg.Count != 5 ||
		j.cfg.Interval != 200*time.Millisecond || j.cfg.Timeout != 3*time.Second || len(j.limits.maxRTT) != 2 {
		t.Errorf("%+v, %+v", j.cfg, j.limits)
	}
	for want, change := range map[string]func(*pingOptions){
		"-i: 0:":                      func(o *pingOptions) { o.Interval = "0" },
		"--flow: \"some\"":            func(o *pingOptions) { o.Flow = "some" },
		"--ttl: 300: want 1 to 255":   func(o *pingOptions) { o.TTL, o.given["ttl"] = 300, true },
		"--histogram is drawn":        func(o *pingOptions) { o.Histogram, o.Format = true, "json" },
		"no target":                   func(o *pingOptions) { o.words = nil },
		"--probe-modules has no":      func(o *pingOptions) { o.given["probe-modules"] = true },
		"--compare takes two targets": func(o *pingOptions) { o.Compare = true },
	} {
		if _, err := newPing(t.Context(), Streams{}, pinging(change)); err == nil || exitCode(err) != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
