package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/internal/target"
)

// serving is a command that runs until the test ends it.
type serving struct {
	addr    string
	hangups chan os.Signal
	out     lockedBuffer
	err     lockedBuffer
	end     context.CancelFunc
	done    chan int
}

// lockedBuffer is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve runs a ping with a server until its page is there.
func serve(t *testing.T, l *lab.Lab, args ...string) *serving {
	t.Helper()
	return serveWith(t, labNames{l}, args...)
}

// serveWith does with another resolver.
func serveWith(t *testing.T, names target.Resolver, args ...string) *serving {
	t.Helper()
	s := &serving{addr: freeAddress(t), hangups: make(chan os.Signal, 1), done: make(chan int, 1)}
	ctx, end := context.WithCancel(t.Context())
	s.end = end
	go func() {
		streams := Streams{In: strings.NewReader(""), Out: &s.out, Err: &s.err, Env: bareEnv, Resolver: names, Hangups: s.hangups}
		s.done <- Main(ctx, append([]string{"synscope", "ping", "--metrics", s.addr}, args...), streams)
	}()
	t.Cleanup(func() { s.stop() })
	await(t, "the server", func() bool {
		select {
		case code := <-s.done:
			s.done <- code
			t.Fatalf("the server ended with %d: %s", code, s.err.String())
		default:
		}
		_, page, err := s.get("/")
		return err == nil && strings.Contains(page, "metrics")
	})
	return s
}

func (s *serving) stop() int {
	s.end()
	code := <-s.done
	s.done <- code
	return code
}

// get fetches a page.
func (s *serving) get(path string) (status int, page string, err error) {
	response, err := http.Get("http://" + s.addr + path)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, string(b), err
}

// await asks until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// What /probe says of ports of every kind, and what it refuses.
func TestProbePage(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	modules := filepath.Join(t.TempDir(), "modules.yml")
	os.WriteFile(modules, []byte("modules:\n  five: {count: 5, interval: 10ms, timeout: 10s, port: 80, loss: 0%, rtt: {max: 1s}}\n  swift: {count: 5, interval: 10ms, timeout: 10s, port: 80, loss: 0%, rtt: {max: 5ms}}\n  shut: {expect: refused, attempts: 1}\n  once: {attempts: 1, timeout: 200ms}\n  six: {ip: 6}\n"), 0o644)
	web, slow, fort := l.Host("web").Addr4(), l.Host("slow").Addr4(), l.Host("fortress").Addr4()
	s := serve(t, l, "--probe-modules", modules, "--probe-allow", "10.0.0.0/8,fd00::/8", "--exclude", l.Host("reset").Addr4().String())
	for query, want := range map[string]struct {
		status int
		lines  []string
	}{
		fmt.Sprintf("target=%v:80", web): {200, []string{
			"probe_success 1", "probe_ip_protocol 4", "synscope_probe_sent 1", "synscope_probe_received 1", `synscope_probe_state{state="open"} 1`,
			fmt.Sprintf(`synscope_probe_info{addr="%v",engine="raw",port="80",reason="syn-ack",rtt_clock="kernel"} 1`, web), "synscope_probe_loss_ratio 0", `synscope_probe_rtt_seconds{stat="p50"}`}},
		fmt.Sprintf("target=%v:81", web):              {200, []string{"probe_success 0", `state="refused"} 1`, "synscope_probe_sent 1\n"}},
		fmt.Sprintf("target=%v:81&module=shut", web):  {200, []string{"probe_success 1"}},
		fmt.Sprintf("target=%v:80&module=shut", web):  {200, []string{"probe_success 0"}},
		fmt.Sprintf("target=%v&module=five", web):     {200, []string{"probe_success 1", "synscope_probe_sent 5"}},
		fmt.Sprintf("target=%v&module=swift", slow):   {200, []string{"probe_success 0", "synscope_probe_received 5"}}, // too slow, and slower on a busy machine
		fmt.Sprintf("target=%v:80&module=once", fort): {200, []string{"probe_success 0", `state="filtered"} 1`, "synscope_probe_loss_ratio 1"}},
		"target=web:80":                  {200, []string{"probe_success 1"}},
		"target=web:80&module=six":       {200, []string{"probe_success 1", "probe_ip_protocol 6"}},
		"target=nosuch:80":               {200, []string{"probe_success 0", "probe_dns_lookup_time_seconds"}},
		"target=web":                     {400, []string{"names no port"}},
		"target=10.0.4.0/24:80":          {400, []string{"10.0.4.0/24"}},
		"target=10.0.4.0/24&module=five": {400, []string{"one address"}},
		"target=web:80&module=sixty":     {400, []string{`module "sixty" is not known`}},
		"module=syn":                     {400, []string{"target is missing"}},
		"target=web:80&modul=five":       {400, []string{`parameter "modul" is not known`}},
		"target=web:80&target=fort:80":   {400, []string{"target is there 2 times"}},
		"target=web:80;module=five":      {400, []string{"semicolon"}},
		"target=192.0.2.1:80":            {403, []string{"not among"}},
		"target=127.0.0.1:80":            {403, []string{"not among"}},
		"target=reset:80":                {403, []string{"excluded"}},
	} {
		status, page, err := s.get("/probe?" + query)
		if err != nil || status != want.status {
			t.Errorf("%s: %d, want %d; %v\n%s", query, status, want.status, err, page)
		}
		for _, line := range want.lines {
			if !strings.Contains(page, line) {
				t.Errorf("%s: no %q in\n%s", query, line, page)
			}
		}
		if strings.Contains(page, "synscope_probe_rtt_seconds") && strings.Contains(page, "synscope_probe_received 0") {
			t.Errorf("%s: times without an answer\n%s", query, page)
		}
	}
	_, page, _ := s.get("/metrics")
	for _, line := range []string{`synscope_probe_requests_total{result="forbidden"} 3`, `synscope_probe_requests_total{result="bad-request"} 8`} {
		if !strings.Contains(page, line) {
			t.Errorf("no %s in\n%s", line, page)
		}
	}
	if code := s.stop(); code != exitInterrupted {
		t.Errorf("exit %d: %s", code, s.err.String())
	}
}

// Many requests at once are all answered, and by the right target.
func TestProbePageInParallel(t *testing.T) {
	l := standardLab(t)
	s := serve(t, l, "--probe-allow", "any")
	var asking sync.WaitGroup
	for i := range 60 {
		port, want := 80, "probe_success 1"
		if i%2 == 1 {
			port, want = 81, `state="refused"} 1`
		}
		asking.Go(func() {
			status, page, err := s.get(fmt.Sprintf("/probe?target=web:%d", port))
			if err != nil || status != 200 || !strings.Contains(page, want) {
				t.Errorf("port %d: %d %v\n%s", port, status, err, page)
			}
		})
	}
	asking.Wait()
}

// Whoever asks for more probes than there is room for does not keep others from the page of
// metrics.
func TestProbesLeaveRoomForMetrics(t *testing.T) {
	t.Parallel()
	long(t)
	l := standardLab(t)
	modules := filepath.Join(t.TempDir(), "modules.yml")
	os.WriteFile(modules, []byte("modules:\n  slow: {attempts: 1, timeout: 30s}\n"), 0o644)
	s := serve(t, l, "fortress:81", "-i", "200ms", "--probe-modules", modules)
	request := []byte("GET /probe?target=fortress:81&module=slow HTTP/1.1\r\nHost: x\r\n\r\n")
	for range 2 * proberHeld {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
	}
	await(t, "a request that finds no room", func() bool {
		status, _, _ := s.get("/probe?target=fortress:81&module=slow")
		return status == 503
	})
	for range 20 {
		if status, page, err := s.get("/metrics"); status != 200 || !strings.Contains(page, "synscope_ping_up") {
			t.Errorf("%d, %v: %s", status, err, page)
		}
	}
}

// Without raw sockets /probe makes whole connections, and says so.
func TestProbePageByConnect(t *testing.T) {
	l := standardLab(t)
	s := serve(t, l, "--probe-allow", "any", "--engine", "connect")
	for query, lines := range map[string][]string{
		"target=web:80": {"probe_success 1", `engine="connect"`, `rtt_clock="tcp-info"`, `reason="connected"`},
		"target=web:81": {"probe_success 0", `state="refused"} 1`},
	} {
		status, page, err := s.get("/probe?" + query)
		for _, line := range lines {
			if err != nil || status != 200 || !strings.Contains(page, line) {
				t.Errorf("%s: %d, %v: no %s in\n%s", query, status, err, line, page)
			}
		}
	}
}

// Without --probe-allow only the targets of the run may be asked for.
func TestProbePageOfOwnTargets(t *testing.T) {
	l := standardLab(t)
	s := serve(t, l, "web:80", "-i", "200ms")
	for query, want := range map[string]int{
		"target=web:80": 200, "target=web:443": 403, "target=far:80": 403, "target=nosuch:80": 403, // whose name is not looked up
		"target=" + l.Host("web").Addr4().String() + ":80": 200,
	} {
		if status, page, _ := s.get("/probe?" + query); status != want {
			t.Errorf("%s: %d, want %d: %s", query, status, want, page)
		}
	}
}

// silentAbout is a resolver that says nothing about one name until it is let to.
type silentAbout struct {
	target.Resolver
	name string
	let  chan struct{}
}

func (s silentAbout) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	if host == s.name {
		select {
		case <-s.let:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.Resolver.LookupNetIP(ctx, network, host)
}

// A resolver that does not answer holds nothing up: the other targets are probed and
// the page says that resolution fails, until it does not.
func TestServesWhileNamesAreWaitedFor(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	names := silentAbout{labNames{l}, "far", make(chan struct{})}
	s := serveWith(t, names, "web:80", "far:80", "-i", "50ms", "--skip-bad-targets")
	shows := func(lines ...string) func() bool {
		return func() bool {
			_, page, _ := s.get("/metrics")
			return !slices.ContainsFunc(lines, func(line string) bool { return !strings.Contains(page, line) })
		}
	}
	await(t, "the targets", shows(fmt.Sprintf(`synscope_ping_up{addr="%v",port="80",target="web:80"} 1`, l.Host("web").Addr4()),
		`synscope_ping_up{addr="",port="80",target="far:80"} 0`, `synscope_ping_resolve_failures_total{addr="",port="80",target="far:80"} `))
	if !strings.Contains(s.err.String(), "no resolver answered within 2s") {
		t.Errorf("%s", s.err.String())
	}
	close(names.let)
	await(t, "the address", shows(fmt.Sprintf(`synscope_ping_up{addr="%v",port="80",target="far:80"} 1`, l.Host("far").Addr4())))
}

// SIGHUP reads the list again: what stays goes on, what is new begins, what is gone
// is closed; what is wrong leaves all as it is.
func TestReload(t *testing.T) {
	l := standardLab(t)
	list := filepath.Join(t.TempDir(), "targets")
	write := func(text string) {
		if err := os.WriteFile(list+"~", []byte(text), 0o644); err != nil || os.Rename(list+"~", list) != nil {
			t.Fatal(err)
		}
	}
	write("web:80\nslow:80\n")
	s := serve(t, l, "-iL", list, "-i", "50ms", "-o", "json", "--skip-bad-targets")
	shows := func(line string) func() bool {
		return func() bool {
			_, page, _ := s.get("/metrics")
			return strings.Contains(page, line)
		}
	}
	await(t, "slow", shows(fmt.Sprintf(`synscope_ping_up{addr="%v",port="80",target="slow:80"} 1`, l.Host("slow").Addr4())))
	write("web:80\nfar:80\nnosuch:443\n")
	s.hangups <- syscall.SIGHUP
	await(t, "far", shows(fmt.Sprintf(`synscope_ping_up{addr="%v",port="80",target="far:80"} 1`, l.Host("far").Addr4())))
	_, page, _ := s.get("/metrics")
	if strings.Contains(page, `target="slow:80"`) || !strings.Contains(page, "synscope_config_last_reload_successful 1") ||
		!strings.Contains(page, `synscope_ping_resolve_failures_total{addr="",port="443",target="nosuch:443"} `) || !strings.Contains(page, `synscope_ping_up{addr="",port="443",target="nosuch:443"} 0`) {
		t.Errorf("%s", page)
	}
	os.Remove(list)
	s.hangups <- syscall.SIGHUP
	await(t, "the failed reload", shows("synscope_config_last_reload_successful 0"))
	await(t, "going on", func() bool { return strings.Contains(s.err.String(), "going on as before") })
	before := strings.Count(s.out.String(), `"target":"far:80"`)
	await(t, "more probes", func() bool { return strings.Count(s.out.String(), `"target":"far:80"`) > before+3 })
	if code := s.stop(); code != exitInterrupted {
		t.Errorf("exit %d: %s", code, s.err.String())
	}
	numbers, summaries := map[string]float64{}, map[string]int{}
	for _, r := range records(t, s.out.String()) {
		switch word := r.str("target"); r.str("type") {
		case "rtt":
			if n := r["n"].(float64); n <= numbers[word] && r.str("reason") == "syn-ack" && n != numbers[word] {
				t.Errorf("%s: number %g after %g", word, n, numbers[word])
			} else {
				numbers[word] = n
			}
		case "rtt_summary":
			summaries[word]++
		}
	}
	if len(summaries) != 3 || summaries["slow:80"] != 1 || summaries["web:80"] != 1 || summaries["far:80"] != 1 {
		t.Errorf("%v", summaries)
	}
}

// A list that has become a pipe and names that nobody resolves hold up neither the probes
// of before nor the next reload.
func TestReloadHoldsNothingUp(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	names := silentAbout{labNames{l}, "far", make(chan struct{})}
	dir := t.TempDir()
	list := filepath.Join(dir, "targets")
	put := func(make func(path string) error) {
		if err := make(list + "~"); err != nil || os.Rename(list+"~", list) != nil {
			t.Fatal(err)
		}
	}
	lines := func(text string) func(string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
	}
	put(lines("web:80\n"))
	s := serveWith(t, names, "-iL", list, "-i", "50ms", "-o", "json")
	probed := func(what string) {
		before := strings.Count(s.out.String(), `"target":"web:80"`)
		await(t, what, func() bool { return strings.Count(s.out.String(), `"target":"web:80"`) > before+10 })
	}
	probed("the first probes")
	put(func(path string) error { return syscall.Mkfifo(path, 0o600) })
	s.hangups <- syscall.SIGHUP
	await(t, "the pipe to be refused", func() bool { return strings.Contains(s.err.String(), "is no regular file") })
	put(lines("web:80\nfar:80\n"))
	s.hangups <- syscall.SIGHUP
	probed("probes while a name is looked up")
	if page := s.err.String(); strings.Contains(page, "2 targets") {
		t.Errorf("far was not waited for: %s", page)
	}
	close(names.let)
	await(t, "far", func() bool { return strings.Contains(s.out.String(), `"target":"far:80"`) })
	if code := s.stop(); code != exitInterrupted {
		t.Errorf("exit %d: %s", code, s.err.String())
	}
}

// Where nothing is to be read again, SIGHUP ends the run as SIGTERM does.
func TestHangupEndsARun(t *testing.T) {
	l := standardLab(t)
	var out lockedBuffer
	hangups := make(chan os.Signal, 1)
	done := make(chan int)
	go func() {
		done <- Main(t.Context(), []string{"synscope", "ping", "web:80", "-i", "20ms", "-o", "json"}, Streams{
			In: strings.NewReader(""), Out: &out, Err: io.Discard, Env: bareEnv, Resolver: labNames{l}, Hangups: hangups,
		})
	}()
	await(t, "probes", func() bool { return strings.Count(out.String(), `"rtt"`) > 3 })
	hangups <- syscall.SIGHUP
	if code := <-done; code != exitInterrupted {
		t.Errorf("exit %d", code)
	}
	records(t, out.String())
}

func TestAllowance(t *testing.T) {
	a := &allowance{ours: func(addr netip.Addr) bool { return addr == netip.MustParseAddr("192.0.2.7") }}
	for _, word := range []string{"any", "127.0.0.1:8080", "169.254.1.0/24"} {
		if err := a.add(word); err != nil {
			t.Fatal(err)
		}
	}
	for pair, want := range map[string]bool{
		"192.0.2.1:80": true, "192.0.2.7:80": false, "[::ffff:192.0.2.7]:80": false, "10.1.2.3:80": true, "[2001:db8::1]:1": true, "[fd00::1]:1": true,
		"127.0.0.1:80": false, "127.0.0.1:8080": true, "[::1]:80": false, "[::ffff:127.0.0.1]:80": false, "0.0.0.0:80": false, "[::]:80": false,
		"224.0.0.1:80": false, "255.255.255.255:80": false, "[ff02::1]:80": false, "169.254.2.1:80": false, "169.254.1.1:80": true, "[fe80::1%eth0]:80": false,
	} {
		if got := a.holds(netip.MustParseAddrPort(pair)); got != want {
			t.Errorf("%s: %t", pair, got)
		}
	}
	if err := a.add("web.example"); err == nil {
		t.Error("a name is no address")
	}
}

// Any is no address of this machine's own, as it is now, nor one of all on a link.
func TestAllowanceOfAnyone(t *testing.T) {
	l := standardLab(t)
	for _, engine := range []string{"raw", "connect"} {
		s := serve(t, l, "--probe-allow", "any", "--engine", engine)
		refused := 0
		list, err := net.InterfaceAddrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			p := netip.MustParsePrefix(a.String())
			for _, addr := range []netip.Addr{p.Addr(), broadcastOf(p)} {
				if !addr.IsGlobalUnicast() {
					continue
				}
				refused++
				if status, page, err := s.get("/probe?target=" + netip.AddrPortFrom(addr, 80).String()); status != 403 {
					t.Errorf("%s, %v: %d, %v: %s", engine, addr, status, err, page)
				}
			}
		}
		if status, page, err := s.get("/probe?target=" + netip.AddrPortFrom(l.Host("web").Addr4(), 80).String()); status != 200 || refused < 3 {
			t.Errorf("%s: %d, %v, %d refused: %s", engine, status, err, refused, page)
		}
		s.stop()
	}
}

// The rate of /probe holds over a burst, and a booking that is taken back is free.
func TestSlots(t *testing.T) {
	s, now := slots{rate: 100}, time.Unix(1e9, 0)
	if wait := s.take(100, now); wait != 0 {
		t.Errorf("the first second's worth waits %v", wait)
	}
	if wait := s.take(50, now); wait != 500*time.Millisecond {
		t.Errorf("%v", wait)
	}
	s.give(50)
	if wait := s.take(10, now); wait != 100*time.Millisecond {
		t.Errorf("%v", wait)
	}
	if wait := s.take(100, now.Add(time.Hour)); wait != 0 {
		t.Errorf("after an hour: %v", wait)
	}
}
