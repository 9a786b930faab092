package evaluate

import (
	"fmt"
	"io"
	"strings"

	"synscope/probe/isn"
)

// short abbreviates the classes for the head of the matrix.
func short(c isn.Class) string {
	var out []string
	for _, word := range strings.Split(c.String(), "-") {
		out = append(out, word[:min(4, len(word))])
	}
	return strings.Join(out, "-")
}

// Markdown writes the result as a section of a document.
func (r *Result) Markdown(w io.Writer, title string) {
	fmt.Fprintf(w, "### %s\n\n", title)
	fmt.Fprintf(w, "%d hosts in %.1f s. Right: %.2f %%. Unknown: %.2f %%. Wrong with confidence above 0.9: %.3f %%. ",
		r.Hosts, r.Took.Seconds(), percent(r.Right, r.Hosts), percent(r.Unknown, r.Hosts), percent(r.Confident, r.Hosts))
	fmt.Fprintf(w, "Mean calibration error %.2f %%. Clock intervals that hold the true rate: %.1f %% of %d. ",
		100*r.Calibration(), percent(r.Held, r.Clocks), r.Clocks)
	fmt.Fprintf(w, "Cookie variants right: %.1f %% of %d. Nominal rates named: %d, of them wrong: %d.\n\n",
		percent(r.Variants[0], r.Variants[1]), r.Variants[1], r.Nominal, r.Misnamed)
	r.matrix(w)
	binsMarkdown(w, r.Bins)
}

// percent is a share of n in percent.
func percent(k, n int) float64 { return 100 * float64(k) / float64(max(n, 1)) }

// matrix writes one row a true class, one column an answer.
func (r *Result) matrix(w io.Writer) {
	fmt.Fprint(w, "| truth \\ answer |")
	for _, c := range isn.Classes() {
		fmt.Fprintf(w, " %s |", short(c))
	}
	fmt.Fprintf(w, "\n| --- |%s\n", strings.Repeat(" ---: |", len(isn.Classes())))
	for _, truth := range isn.Classes() {
		row := r.Matrix[truth]
		if row == nil {
			continue
		}
		fmt.Fprintf(w, "| %s |", truth)
		for _, c := range isn.Classes() {
			if row[c] == 0 {
				fmt.Fprint(w, " |")
				continue
			}
			fmt.Fprintf(w, " %d |", row[c])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// KindsMarkdown writes one row a kind that is not always found, and counts the
// others.
func KindsMarkdown(w io.Writer, cfg Config, title string) {
	fmt.Fprintf(w, "### %s\n\n| class and kind | right | what else | of that above 0.9 |\n| --- | ---: | --- | ---: |\n", title)
	hosts, right, all := 0, 0, 0
	kinds := Kinds()
	for _, k := range kinds {
		n := kindRow(w, k, k.Run(cfg))
		hosts, right = hosts+cfg.Hosts, right+n
		if n == cfg.Hosts {
			all++
		}
	}
	fmt.Fprintf(w, "\nOf %d kinds %d were found on every one of %d hosts; of all %d hosts %.2f %%.\n\n", len(kinds), all, cfg.Hosts, hosts, percent(right, hosts))
}

// kindRow writes the row of a kind and returns how many hosts were right.
func kindRow(w io.Writer, k Kind, outcomes []Outcome) (right int) {
	others, confident := map[isn.Class]int{}, 0
	for _, o := range outcomes {
		if o.Right() {
			right++
			continue
		}
		others[o.Report.Class]++
		if o.Report.Confidence > 0.9 {
			confident++
		}
	}
	if right == len(outcomes) {
		return right
	}
	var words []string
	for _, c := range isn.Classes() {
		if others[c] > 0 {
			words = append(words, fmt.Sprintf("%s %d", c, others[c]))
		}
	}
	fmt.Fprintf(w, "| %s | %.1f %% | %s | %d |\n", k, percent(right, len(outcomes)), strings.Join(words, ", "), confident)
	return right
}
