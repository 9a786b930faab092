//go:build linux

// Recall measures how many open ports scanners find on bad networks, and how many
// verdicts are wrong.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"synscope/internal/lab"
)

func main() { os.Exit(lab.Command("recall", run)) }

func run() error {
	program := flag.String("program", "synscope", "the program")
	all := flag.Bool("all", false, "every row")
	rows := flag.String("rows", "", "names of rows, with commas between them")
	only := flag.String("tools", "", "names of tools, with commas between them")
	patience := flag.Duration("patience", 90*time.Second, "how long a run may take")
	flag.Parse()
	tools := toolsOf(*program, *only)
	fmt.Print("| network |")
	for _, t := range tools {
		fmt.Printf(" %s |", t.name)
	}
	fmt.Printf("\n|%s\n", strings.Repeat(" --- |", len(tools)+1))
	for i := range networks {
		n := &networks[i]
		switch {
		case *rows != "" && !chosen(*rows, n.name), *rows == "" && !*all && !n.short:
			continue
		}
		if err := n.measure(tools, *patience); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
	}
	return nil
}

func chosen(list, name string) bool { return strings.Contains(","+list+",", ","+name+",") }

// measure tries all tools over one network, and prints the row as it comes.
func (n *network) measure(tools []tool, patience time.Duration) error {
	fmt.Printf("| %s |", n.says)
	for i := range tools {
		w, err := n.build(uint64(1 + i))
		if err != nil {
			return err
		}
		result := tools[i].scan(w, patience)
		if err := w.close(); err != nil {
			return err
		}
		fmt.Printf(" %s |", result)
	}
	fmt.Println()
	return nil
}
