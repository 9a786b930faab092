//go:build linux

// Attack tries every command of synscope against forged answers at full rate, and
// tells what was believed.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"synscope/internal/lab"
)

func main() { os.Exit(lab.Command("attack", run)) }

func run() error {
	program := flag.String("program", "synscope", "the program")
	each := flag.Duration("time", 3*time.Second, "how long each command is attacked")
	pps := flag.Float64("pps", 0, "forged packets a second; 0: as many as leave")
	only := flag.String("only", "", "names of trials, with commas between them; none: all")
	six := flag.Bool("6", false, "over IPv6")
	flag.Parse()
	version := lab.IPv4
	if *six {
		version = lab.IPv6
	}
	f, err := newField(*program, *pps, version)
	if err != nil {
		return err
	}
	defer f.close()
	fmt.Println(heading)
	fell := 0
	for _, t := range trials {
		if *only != "" && !strings.Contains(","+*only+",", ","+t.name+",") {
			continue
		}
		o, err := f.try(&t, *each)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		fmt.Println(o.row())
		if faults := o.faults(); len(faults) > 0 {
			fell++
			fmt.Println("  " + strings.Join(faults, "\n  "))
		}
	}
	if fell > 0 {
		return fmt.Errorf("%d commands did not stand", fell)
	}
	return nil
}
