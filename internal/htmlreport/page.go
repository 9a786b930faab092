package htmlreport

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"synscope/internal/picture"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// The parts of the page that do not depend on a report.
var (
	//go:embed page.html
	pageText string
	//go:embed style.css
	styleText string
	//go:embed script.js
	scriptText string
)

// page is what the template shows. A part that is nil or empty is not there.
type page struct {
	Title, Span, Policy string
	Style               template.CSS
	Script              template.JS
	Runs                []runView
	Tiles               []tile
	Diagnoses           []diagnosisView
	Checks              []checkView
	Changes             []*changeRecord
	Compared            *comparedView
	Findings            *findingsView
	Matrix              *matrixView
	Hosts               *hostsView
	Trips               []tripView
	Comparisons         []comparisonView
	Ladders             []ladderView
	Numbers             []numbersView
	Routes              []routeView
	Paths               []pathView
	Groups              []groupView
	Abilities           []*record.Capability
	Words               []wordGroup
	Several             bool // runs
	Unshown             []string
}

// Write writes the page.
func (r *Report) Write(w io.Writer) error {
	t, err := pageTemplate()
	if err != nil {
		return fmt.Errorf("page.html: %w", err)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	p := &plain{to: b}
	if err := t.Execute(p, r.page()); err != nil {
		return err
	}
	return cmp.Or(p.flush(), b.Flush())
}

// pageTemplate is page.html, understood once.
var pageTemplate = sync.OnceValues(func() (*template.Template, error) {
	return template.New("page").Funcs(template.FuncMap{"count": units.Count}).Parse(pageText)
})

// page makes the views. The words come last: the others note which they use.
func (r *Report) page() *page {
	r.shown = shelves{}
	p := &page{
		Title: r.title(), Span: r.span(), Runs: r.runViews(), Tiles: r.tiles(), Several: len(r.runs) > 1,
		Diagnoses: r.diagnosisViews(), Checks: r.checkViews(), Compared: r.compared(), Findings: r.findingsView(),
		Changes: listed(r, "changes", func(one *run) []*changeRecord { return one.changes }),
		Matrix:  r.matrix(), Hosts: r.hosts(), Trips: r.tripViews(), Comparisons: r.comparisonViews(),
		Ladders: r.ladderViews(), Numbers: r.numbersViews(), Routes: r.routeViews(), Paths: r.pathViews(),
		Groups: r.groupViews(), Abilities: listed(r, "abilities", func(one *run) []*record.Capability { return one.abilities }),
	}
	p.Words, p.Unshown = r.wordGroups(), r.shown.notes()
	p.Style, p.Script = style(), template.JS(scriptText)
	p.Policy = policy()
	return p
}

// style is the style sheet with the colours of the pictures on a dark ground.
func style() template.CSS {
	return template.CSS(strings.ReplaceAll(styleText, "/* the colours of pictures */", picture.DarkStyle()))
}

// policy forbids the page everything that it does not need: a request, and every
// script but its own.
func policy() string {
	sum := sha256.Sum256([]byte(scriptText))
	return "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// title is the command and its first target, or how many runs there are.
func (r *Report) title() string {
	one := r.runs[0]
	if len(r.runs) > 1 {
		for _, other := range r.runs {
			if other.head.Command != one.head.Command {
				return units.Count(uint64(len(r.runs))) + " runs"
			}
		}
		return fmt.Sprintf("%d runs of %s compared", len(r.runs), units.Shortened(one.head.Command, 40))
	}
	switch targets := one.targets(); len(targets) {
	case 0:
		return units.Shortened(one.head.Command, 40)
	case 1:
		return one.head.Command + ": " + targets[0]
	default:
		return fmt.Sprintf("%s: %s and %d more", one.head.Command, targets[0], len(targets)-1)
	}
}

// targets are the words of what was probed, from the records.
func (r *run) targets() (list []string) {
	seen := map[string]bool{}
	add := func(word string) {
		if word != "" && !seen[word] && len(list) < 1_000 {
			seen[word] = true
			list = append(list, units.Shortened(word, 60))
		}
	}
	for _, d := range r.diagnoses {
		add(d.place.String())
	}
	for _, t := range r.trips.order {
		if t.pinged {
			add(t.name)
		}
	}
	for _, c := range r.ladders.done {
		add(c.result.place.String())
	}
	for _, n := range r.numbers.order {
		add(n.place.String())
	}
	for _, w := range r.paths.order {
		add(w.view().Title)
	}
	if len(list) > 0 {
		return list
	}
	return r.hostNames()
}

// hostNames are the hosts of a scan, in the order of addresses.
func (r *run) hostNames() (list []string) {
	var one Report
	one.runs = []*run{r}
	for _, a := range one.addresses() {
		if name := r.names[a]; name != "" {
			list = append(list, units.Shortened(units.Printable(name), 60))
			continue
		}
		list = append(list, a.String())
	}
	return list
}

// A chart is laid out this large, so that its words can be read where a phone
// shows it smaller.
const chartWide, chartHigh = 400, 270

// chart is a panel as a part of the page.
func chart(p *picture.Panel, title string) template.HTML {
	canvas := picture.New(chartWide, chartHigh)
	p.Draw(canvas, canvas.Bounds().Inset(4))
	var b bytes.Buffer
	if err := canvas.WriteInline(&b, title); err != nil {
		return "" // a buffer takes everything
	}
	return template.HTML(b.String())
}
