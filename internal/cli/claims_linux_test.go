package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No file is emptied that the run reads, or writes already, whatever it is called
// and whichever flag names it; each case fails before anything is sent.
func TestFilesAreNotMixedUp(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, []byte(text), 0o644)
		return path
	}
	list := file("list", "127.0.0.1\n")
	link := filepath.Join(dir, "link")
	if err := os.Symlink("list", link); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "fresh")
	for _, words := range []string{
		"scan -p 1 -iL LIST -oX LIST", "scan -p 1 -iL LIST -oJ LINK", "scan -p 1 -iL LINK -oN LIST",
		"scan -p 1 -iL LIST --pcap LIST", "scan -p 1 127.0.0.1 --exclude-file LIST -oC LIST",
		"scan -p 1 127.0.0.1 -oX FRESH -oJ FRESH", "scan -p 1 127.0.0.1 -oX FRESH --pcap FRESH",
		"scan --stateless -p 1 127.0.0.1 --resume LIST -oJ LINK",
		"ping -c 1 127.0.0.1:1 -iL LIST --pcap LIST", "ping -c 1 127.0.0.1:1 --plot FRESH.svg --pcap FRESH.svg",
		"handshake 127.0.0.1:1 --data @LIST -oJ LIST", "isn 127.0.0.1:1 --raw FRESH --pcap FRESH",
		"isn --from LIST -oJ LIST", "read LIST -oJ LINK", "read LIST --isn LINK", "read LIST --isn FRESH -oJ FRESH", "merge LIST -oJ LIST",
	} {
		line := strings.NewReplacer("LIST", list, "LINK", link, "FRESH", fresh).Replace(words)
		r := command(t.Context(), nil, strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.err, "one file for two purposes") {
			t.Errorf("%s: exit %d: %s", words, r.code, r.err)
		}
		if text, _ := os.ReadFile(list); string(text) != "127.0.0.1\n" {
			t.Fatalf("%s: the list holds %q now", words, text)
		}
		if _, err := os.Stat(fresh); err == nil {
			t.Errorf("%s: the file was made", words)
		}
	}
}
