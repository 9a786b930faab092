package openmetrics

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Registry holds families in the order in which they were made. The zero value is
// empty. Its methods and those of its families may be called at once.
type Registry struct {
	mu       sync.Mutex
	families []*family
}

// kind is what a family counts.
type kind string

const (
	counter   kind = "counter"
	gauge     kind = "gauge"
	histogram kind = "histogram"
)

// family is a metric with all its series.
type family struct {
	registry *Registry
	name     string // without _total
	help     string
	kind     kind
	labels   []string
	order    []int     // of the labels, by name, in which they are written
	bounds   []float64 // of a histogram, ascending
	series   map[string]*series
}

// series is one combination of label values.
type series struct {
	values []string // of the labels
	value  float64  // of a counter or gauge; of a histogram the sum
	counts []uint64 // of a histogram: by bucket, the last without bound
}

// Counter is a family of numbers that only grow; Gauge one of numbers that are
// set; Histogram one of distributions.
type (
	Counter   struct{ *family }
	Gauge     struct{ *family }
	Histogram struct{ *family }
)

// Counter makes a family; its name ends in _total.
func (r *Registry) Counter(name, help string, labels ...string) Counter {
	return Counter{r.add(&family{name: strings.TrimSuffix(name, "_total"), help: help, kind: counter, labels: labels})}
}

// Gauge makes a family.
func (r *Registry) Gauge(name, help string, labels ...string) Gauge {
	return Gauge{r.add(&family{name: name, help: help, kind: gauge, labels: labels})}
}

// Histogram makes a family whose buckets end at the bounds, which ascend.
func (r *Registry) Histogram(name, help string, bounds []float64, labels ...string) Histogram {
	return Histogram{r.add(&family{name: name, help: help, kind: histogram, labels: labels, bounds: bounds})}
}

func (r *Registry) add(f *family) *family {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.registry, f.series = r, map[string]*series{}
	for i := range f.labels {
		f.order = append(f.order, i)
	}
	slices.SortFunc(f.order, func(a, b int) int { return strings.Compare(f.labels[a], f.labels[b]) })
	r.families = append(r.families, f)
	return f
}

// Touch makes the series of the label values exist, from zero.
func (f *family) Touch(values ...string) { f.change(values, func(*series) {}) }

// Delete forgets every series whose first labels have the values.
func (f *family) Delete(values ...string) {
	f.registry.mu.Lock()
	defer f.registry.mu.Unlock()
	key := keyOf(values)
	maps.DeleteFunc(f.series, func(k string, _ *series) bool {
		return k == key || strings.HasPrefix(k, key+between)
	})
}

// Add counts n more.
func (c Counter) Add(n float64, values ...string) {
	c.change(values, func(s *series) { s.value += n })
}

// Set says what is.
func (g Gauge) Set(v float64, values ...string) {
	g.change(values, func(s *series) { s.value = v })
}

// Observe takes one value of a distribution.
func (h Histogram) Observe(v float64, values ...string) {
	h.change(values, func(s *series) {
		s.value += v
		bucket, _ := slices.BinarySearch(h.bounds, v)
		s.counts[bucket]++
	})
}

// keyOf joins label values.
func keyOf(values []string) string {
	return strings.ToValidUTF8(strings.Join(values, between), "\ufffd")
}

// between parts the values in a key.
const between = "\x00\x00"

// change finds or makes a series.
func (f *family) change(values []string, how func(*series)) {
	f.registry.mu.Lock()
	defer f.registry.mu.Unlock()
	key := keyOf(values)
	s, known := f.series[key]
	if !known {
		s = &series{}
		for _, v := range values {
			s.values = append(s.values, strings.ToValidUTF8(v, "\ufffd"))
		}
		if f.kind == histogram {
			s.counts = make([]uint64, len(f.bounds)+1)
		}
		f.series[key] = s
	}
	how(s)
}
