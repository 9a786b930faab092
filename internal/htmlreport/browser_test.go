package htmlreport

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// shots keeps the pictures of pages: go test ./internal/htmlreport -run Browser -shots DIR
var shots = flag.String("shots", "", "a directory for pictures of the pages")

// browser is a Chromium without a window, which Debian has; the test is skipped
// where there is none.
func browser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: it takes a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium here: apt-get install chromium")
	return ""
}

// visit opens a page with more arguments and returns what the browser prints, on
// standard output and on standard error.
func visit(t *testing.T, path string, more ...string) (out, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args := append([]string{"--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars", "--enable-logging=stderr", "--user-data-dir=" + t.TempDir()}, more...)
	cmd := exec.CommandContext(ctx, browser(t), append(args, "file://"+path)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// pageOf writes the page of files of testdata.
func pageOf(t *testing.T, names ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(written(t, readFiles(t, names...))), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A browser shows the page without an error on its console and without asking for
// anything but the file; scripts add their controls.
func TestBrowserShowsThePage(t *testing.T) {
	path := pageOf(t, "scan", "scan-later", "handshake", "ping", "isn", "why")
	net := filepath.Join(t.TempDir(), "net.json")
	dom, log := visit(t, path, "--dump-dom", "--log-net-log="+net)
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("the console says %s", line)
		}
	}
	for _, want := range []string{`<input type="search"`, `<button type="button">Dark</button>`, `aria-label="Filter hosts"`, "</output>"} {
		if !strings.Contains(dom, want) {
			t.Errorf("no %q: the script did not do its part", want)
		}
	}
	for _, url := range requested(t, net) {
		t.Errorf("the page asked for %s", url)
	}
}

// What a page does ask for stands in the browser's log: without it the test above could not fail.
func TestBrowserLogsRequests(t *testing.T) {
	asked := httptest.NewServer(http.NotFoundHandler())
	defer asked.Close()
	path := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(path, []byte(`<img src="`+asked.URL+`/seen.png">`), 0o644); err != nil {
		t.Fatal(err)
	}
	net := filepath.Join(t.TempDir(), "net.json")
	visit(t, path, "--dump-dom", "--log-net-log="+net)
	if got := requested(t, net); !slices.Contains(got, asked.URL+"/seen.png") {
		t.Errorf("the log names %q", got)
	}
}

// requested reads the browser's own log of what it asked a network for, less what is the browser's own.
func requested(t *testing.T, path string) (urls []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range regexp.MustCompile(`"url":"([^"]*)"`).FindAllStringSubmatch(string(b), -1) {
		if url := u[1]; !strings.HasPrefix(url, "file:") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "chrome") && !browsersOwn(url) {
			urls = append(urls, url)
		}
	}
	return urls
}

// browsersOwn are what the browser asks of its makers, whatever it shows.
func browsersOwn(url string) bool {
	return regexp.MustCompile(`^https?://[^/]*(google|gvt1|gstatic|googleapis|chromium)[^/]*/`).MatchString(url)
}

// Without scripts every result is there: the text of the page is its own.
func TestBrowserWithoutScripts(t *testing.T) {
	path := pageOf(t, "scan", "handshake", "ping", "why")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bare := regexp.MustCompile(`(?s)<script>.*</script>`).ReplaceAll(page, nil) // the browser itself needs scripts to print
	if err := os.WriteFile(path, bare, 0o644); err != nil || len(bare) == len(page) {
		t.Fatal(err)
	}
	pdf := filepath.Join(t.TempDir(), "page.pdf")
	visit(t, path, "--print-to-pdf="+pdf, "--no-pdf-header-footer")
	tool, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("no pdftotext here: apt-get install poppler-utils")
	}
	text, err := exec.Command(tool, "-layout", pdf, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no-response", "SYN_RECEIVED", "close-three-way", "path-one-of-several", "FIN-ACK of the server", "13 (21.7 %)", "far.example", "18 flows reached it"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("on paper, and without scripts, there is no %q", want)
		}
	}
}

// On a phone and on a desk, light and dark, nothing is wider than the window, and
// the ground is that of the theme.
func TestBrowserWidthsAndThemes(t *testing.T) {
	path := pageOf(t, "scan", "scan-later", "handshake", "ping", "isn", "why")
	for _, width := range []int{390, 1280} {
		frame := framed(t, path, width)
		dom, _ := visit(t, frame, "--dump-dom", "--allow-file-access-from-files", "--disable-web-security", "--virtual-time-budget=3000")
		if want := fmt.Sprintf("<title>%d %d</title>", width, width); !strings.Contains(dom, want) {
			t.Errorf("%s, want %s: the page is wider than its window", regexp.MustCompile("<title>[^<]*").FindString(dom), want)
		}
		for theme, scheme := range map[string]string{"light": "1", "dark": "0"} {
			if *shots == "" && (theme == "light") != (width == 1280) {
				continue // all four are for people who want to look at them
			}
			t.Run(fmt.Sprintf("%d %s", width, theme), func(t *testing.T) {
				shot := filepath.Join(t.TempDir(), "shot.png")
				visit(t, frame, "--screenshot="+shot, fmt.Sprintf("--window-size=%d,2400", max(width, 500)), "--blink-settings=preferredColorScheme="+scheme)
				picture := pictureAt(t, shot)
				if *shots != "" {
					keepShot(t, shot, fmt.Sprintf("%d-%s.png", width, theme))
				}
				if light := luminance(picture.At(3, 3)); light > 0.5 != (theme == "light") {
					t.Errorf("the ground has a luminance of %.2f", light)
				}
			})
		}
	}
}

// framed is a page that shows another in a window of a width, which a browser
// without a window of its own cannot make narrow; it tells that width and how wide
// the contents are in its title.
func framed(t *testing.T, page string, width int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "frame.html")
	text := fmt.Sprintf(`<!doctype html><body style="margin:0"><iframe src="file://%s" style="border:0;width:%dpx;height:2400px"></iframe><script>
onload = () => { const d = document.querySelector("iframe").contentDocument.documentElement; document.title = d.clientWidth + " " + d.scrollWidth; };
</script>`, page, width)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func pictureAt(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func luminance(c color.Color) float64 {
	return float64(color.Gray16Model.Convert(c).(color.Gray16).Y) / 0xffff
}

func keepShot(t *testing.T, from, name string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name), b, 0o644); err != nil {
		t.Fatal(err)
	}
}
