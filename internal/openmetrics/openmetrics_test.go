package openmetrics

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/textproto"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"synscope/internal/plainhttp"
)

// filled is a registry with one family of each kind, and awkward labels.
func filled() *Registry {
	r := &Registry{}
	r.Counter("app_probes_total", "Probes \\ \"sent\".\nAll.", "target", "port").Add(3, "a\\b\"c\nd", "80")
	r.Gauge("app_up", "Up.").Set(0.5)
	h := r.Histogram("app_rtt_seconds", "Times.", []float64{0.001, 0.5, 1}, "target")
	for _, v := range []float64{0.001, 0.25, 0.875, 1, 7} {
		h.Observe(v, "x")
	}
	r.Counter("app_unused_total", "Never touched.", "target")
	return r
}

// parsed is a page as Prometheus' own parser reads it.
func parsed(t *testing.T, page []byte) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		t.Fatalf("%v\n%s", err, page)
	}
	return families
}

// What Prometheus' own parser reads is what was counted.
func TestTextIsReadByPrometheus(t *testing.T) {
	families := parsed(t, filled().Text(Prometheus))
	c := families["app_probes_total"].GetMetric()[0]
	if c.GetCounter().GetValue() != 3 {
		t.Errorf("%v", c)
	}
	for _, l := range c.GetLabel() {
		if l.GetName() == "target" && l.GetValue() != "a\\b\"c\nd" {
			t.Errorf("%q", l.GetValue())
		}
	}
	if v := families["app_up"].GetMetric()[0].GetGauge().GetValue(); v != 0.5 {
		t.Errorf("%g", v)
	}
	h := families["app_rtt_seconds"].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != 5 || h.GetSampleSum() != 9.126 {
		t.Errorf("%v", h)
	}
	var counts []uint64
	for _, b := range h.GetBucket() {
		counts = append(counts, b.GetCumulativeCount())
	}
	if want := []uint64{1, 2, 4, 5}; len(counts) != 4 || counts[0] != want[0] || counts[1] != want[1] || counts[2] != want[2] || counts[3] != want[3] {
		t.Errorf("%v, want %v", counts, want)
	}
	if _, there := families["app_unused_total"]; there {
		t.Error("a family without a series")
	}
}

// The linter of client_golang and promtool have nothing to say.
func TestTextIsClean(t *testing.T) {
	page := filled().Text(Prometheus)
	problems, err := promlint.New(bytes.NewReader(page)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool: apt-get install prometheus")
	}
	c := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	c.Stdin = bytes.NewReader(page)
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// OpenMetrics differs where its specification does: counters' families have no
// _total, buckets end in floats, quotes in help are escaped, and there is an end.
func TestOpenMetrics(t *testing.T) {
	const want = `# HELP app_probes Probes \\ \"sent\".\nAll.
# TYPE app_probes counter
app_probes_total{port="80",target="a\\b\"c\nd"} 3
# HELP app_up Up.
# TYPE app_up gauge
app_up 0.5
# HELP app_rtt_seconds Times.
# TYPE app_rtt_seconds histogram
app_rtt_seconds_bucket{target="x",le="0.001"} 1
app_rtt_seconds_bucket{target="x",le="0.5"} 2
app_rtt_seconds_bucket{target="x",le="1.0"} 4
app_rtt_seconds_bucket{target="x",le="+Inf"} 5
app_rtt_seconds_sum{target="x"} 9.126
app_rtt_seconds_count{target="x"} 5
# EOF
`
	if got := string(filled().Text(OpenMetrics)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The format is the one that the scraper prefers of those that are known.
func TestFormatFor(t *testing.T) {
	for accept, want := range map[string]Format{
		"": Prometheus, "*/*": Prometheus, "text/html, */*;q=0.1": Prometheus, "rubbish;;=": Prometheus,
		"application/openmetrics-text; version=1.0.0; charset=utf-8": OpenMetrics,
		"application/openmetrics-text":                               OpenMetrics,
		"application/openmetrics-text;version=0.0.9":                 Prometheus,
		// Prometheus 2.42 and 3.0
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1":                                                                 OpenMetrics,
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.2": OpenMetrics,
		"text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.3":                                                                                                                                    Prometheus,
		"application/openmetrics-text;q=0, text/plain;q=0.1":                                                                                                                                                    Prometheus,
	} {
		if got := FormatFor([]string{accept}); got != want {
			t.Errorf("%q: %v, want %v", accept, got, want)
		}
	}
}

// A scraper that can reads a compressed page, while others count.
func TestHandler(t *testing.T) {
	r := &Registry{}
	c := r.Counter("a_total", "A.", "n")
	var counting sync.WaitGroup
	for range 4 {
		counting.Go(func() {
			for range 1000 {
				c.Add(1, "x")
			}
		})
	}
	h := r.Handler()
	for range 20 {
		answer := h(t.Context(), &plainhttp.Request{Header: textproto.MIMEHeader{"Accept-Encoding": {"deflate, gzip;q=1.0"}}})
		if answer.Fields["Content-Encoding"] != "gzip" {
			t.Fatalf("%v", answer.Fields)
		}
		z, err := gzip.NewReader(bytes.NewReader(answer.Body))
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		parsed(t, page)
	}
	counting.Wait()
	answer := h(t.Context(), &plainhttp.Request{})
	if !strings.Contains(string(answer.Body), `a_total{n="x"} 4000`) || answer.Fields["Content-Type"] != Prometheus.ContentType() {
		t.Errorf("%v %s", answer.Fields, answer.Body)
	}
	c.Delete("x")
	if page := r.Text(Prometheus); len(page) > 0 {
		t.Errorf("left after the last series: %s", page)
	}
}
