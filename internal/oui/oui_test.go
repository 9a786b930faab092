package oui

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func mac(t *testing.T, s string) net.HardwareAddr {
	t.Helper()
	a, err := net.ParseMAC(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The narrowest block names the vendor; lines that are none are passed over.
func TestVendor(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"oui.txt":   "OUI/MA-L   Organization\ncompany_id\n\n70-B3-D5   (hex)\t\tWide Inc.\r\n70B3D5     (base 16)\t\tWide Inc.\r\n\t\t\t\tA street (no number)\n\nzz-00-00   (hex)\t\tNobody\nzz0000 (base 16)\t\tNobody\n",
		"mam.txt":   "70-B3-D5   (hex)\t\tMiddle\nA00000-AFFFFF     (base 16)\t\tMiddle\n",
		"oui36.txt": "70-B3-D5   (hex)\t\tNarrow\nA12000-A12FFF     (base 16)\t\tNarrow\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	table := New(filepath.Join(dir, "absent"), dir)
	for a, want := range map[string]string{
		"70:b3:d5:00:00:01": "Wide Inc.", "70:b3:d5:a0:00:01": "Middle", "70:b3:d5:a1:2f:ff": "Narrow", "70:b3:d5:a1:30:00": "Middle",
		"00:b3:d5:a1:30:00": "", "72:b3:d5:00:00:01": "", "70:b3:d5:00:00:01:00:00": "",
	} {
		if got := table.Vendor(mac(t, a)); got != want {
			t.Errorf("%s: %q, want %q", a, got, want)
		}
	}
	if got := New().Vendor(mac(t, "70:b3:d5:00:00:01")); got != "" {
		t.Errorf("%q without a registry", got)
	}
}

// Debian's registry is read as grep reads it.
func TestDebiansRegistry(t *testing.T) {
	const file = "/usr/share/ieee-data/oui.txt"
	if _, err := os.Stat(file); err != nil {
		t.Skip("the package ieee-data is not installed")
	}
	for _, block := range []string{"00000C", "08002B", "B827EB"} {
		out, err := exec.Command("grep", "^"+block, file).Output()
		if err != nil {
			t.Fatal(err)
		}
		_, want, _ := strings.Cut(strings.TrimSpace(string(out)), "(base 16)")
		got := New("/usr/share/ieee-data").Vendor(mac(t, block[:2]+":"+block[2:4]+":"+block[4:]+":01:02:03"))
		if got == "" || got != strings.TrimSpace(want) {
			t.Errorf("%s: %q, want %q", block, got, strings.TrimSpace(want))
		}
	}
}
