package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"synscope/internal/lab"
)

const monitoring = "../../scripts/monitoring/"

// The files for Prometheus are what its own tool takes them for, and the alerts fire
// when they should.
func TestMonitoringFiles(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool: apt-get install prometheus")
	}
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		c := exec.CommandContext(t.Context(), promtool, args...)
		c.Dir = monitoring
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// The modules that are given as an example are modules.
func TestMonitoringModules(t *testing.T) {
	l := standardLab(t)
	s := serve(t, l, "web:80", "--probe-modules", monitoring+"modules.yml", "--probe-allow", "any")
	if status, page, _ := s.get("/probe?target=web&module=web"); status != 200 || !strings.Contains(page, "probe_success 1") {
		t.Errorf("%d %s", status, page)
	}
}

// tenHosts is a lab of ten hosts of which the seventh drops everything.
func tenHosts(t *testing.T) (*lab.Lab, []string) {
	t.Helper()
	lab.Require(t)
	spec := lab.Spec{Logf: t.Logf}
	for i := range 10 {
		h := lab.HostSpec{Name: fmt.Sprintf("ten%d", i), Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.Echo}}}
		if i == 6 {
			h.Rules = []lab.Rule{{Do: lab.Drop}}
		}
		spec.Hosts = append(spec.Hosts, h)
	}
	l, err := lab.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var words []string
	for _, h := range l.Hosts() {
		words = append(words, h.Name+":80")
	}
	return l, words
}

// prometheus runs the real one with our files, but for the times in them: it scrapes
// and evaluates once in two seconds, which a busy machine keeps to, and alerts at once.
func prometheus(t *testing.T, server string, discovered []string) (address string) {
	t.Helper()
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("no prometheus: apt-get install prometheus")
	}
	dir := t.TempDir()
	targets, _ := json.Marshal(discovered)
	for name, changes := range map[string][]string{
		"prometheus.yml": {"127.0.0.1:9115", server, ": 15s", ": 2s", "targets: []", "targets: " + string(targets), "[web]", "[syn]"},
		"alerts.yml":     {"for: 1m", "for: 1s"},
	} {
		text := readFile(t, monitoring+name)
		changed := strings.NewReplacer(changes...).Replace(string(text))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(changed), 0o644); err != nil || changed == string(text) {
			t.Fatalf("%s: %v", name, err)
		}
	}
	address = freeAddress(t)
	c := exec.Command(program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+address, "--log.level=warn")
	c.Dir, c.Stderr = dir, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // Pdeathsig follows the thread that forked, not the process
		defer runtime.UnlockOSThread()
		err := c.Start()
		if started <- err; err == nil {
			c.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Signal(syscall.SIGTERM); <-ended })
	return address
}

// asked is an answer of Prometheus' API.
type asked struct {
	Status, Error string
	Data          struct {
		Alerts []struct {
			State  string
			Labels map[string]string
		}
		Result []struct{ Metric map[string]string }
	}
}

func ask(address, path string) (a asked, err error) {
	response, err := http.Get("http://" + address + path)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	return a, err
}

// firing are the values of a label of the alerts of a name that fire.
func firing(address, alert, label string) (values []string) {
	a, _ := ask(address, "/api/v1/alerts")
	for _, one := range a.Data.Alerts {
		if one.State == "firing" && one.Labels["alertname"] == alert {
			values = append(values, one.Labels[label])
		}
	}
	return values
}

// One dead host of ten is alerted on, and no other: by the list that is pinged, and
// by probes that Prometheus asks for. Every query of the dashboard is understood,
// and those of what there is have an answer.
func TestPrometheusAlertsOnOneDeadHost(t *testing.T) {
	t.Parallel()
	long(t)
	if _, err := exec.LookPath("prometheus"); err != nil {
		t.Skip("no prometheus: apt-get install prometheus")
	}
	l, words := tenHosts(t)
	s := serve(t, l, append(words, "-i", "250ms", "--timeout", "2s", "-q")...) // the machine may be busy
	address := prometheus(t, s.addr, words)
	await(t, "the alert", func() bool { return len(firing(address, "PortDown", "target")) > 0 })
	await(t, "the alert of /probe", func() bool { return len(firing(address, "ProbeFailed", "instance")) > 0 })
	time.Sleep(4 * time.Second) // others would be firing by now
	t.Cleanup(func() {
		if t.Failed() {
			health(t, address)
		}
	})
	for _, tc := range []struct{ alert, label string }{{"PortDown", "target"}, {"ProbeFailed", "instance"}} {
		await(t, tc.alert+" of the dead one alone", func() bool { // a busy Prometheus answers no query now and then
			time.Sleep(200 * time.Millisecond) // so that the questions do not keep it busy
			got := firing(address, tc.alert, tc.label)
			return len(got) == 1 && got[0] == "ten6:80"
		})
	}
	dashboard(t, address)
}

// health logs what Prometheus says of its targets and alerts.
func health(t *testing.T, address string) {
	for _, path := range []string{"/api/v1/alerts", "/api/v1/targets?state=active"} {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			t.Log(path, err)
			continue
		}
		b, err := io.ReadAll(response.Body)
		response.Body.Close()
		t.Logf("%s: %v %s", path, err, b)
	}
}

// rare are the queries that have no answer while nothing goes wrong.
var rare = regexp.MustCompile(`doubtful`)

// dashboard asks the queries of the dashboard.
func dashboard(t *testing.T, address string) {
	t.Helper()
	text := readFile(t, monitoring+"dashboard.json")
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil || len(d.Panels) < 10 {
		t.Fatalf("%d panels: %v", len(d.Panels), err)
	}
	fill := strings.NewReplacer("$target", ".*", "$__rate_interval", "1m", "$__range", "1m", "$__interval", "1m")
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			await(t, p.Title+": an answer to "+q.Expr, func() bool { // there is none while a busy machine misses a scrape
				a, err := ask(address, "/api/v1/query?query="+url.QueryEscape(fill.Replace(q.Expr)))
				if err == nil && a.Status != "success" {
					t.Fatalf("%s: %s: %s", p.Title, q.Expr, a.Error)
				}
				return err == nil && (len(a.Data.Result) > 0 || rare.MatchString(q.Expr))
			})
		}
	}
}
