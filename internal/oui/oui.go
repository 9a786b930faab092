// Package oui names the vendors of network interfaces by the addresses that the
// IEEE has assigned to them, as far as this machine has the registries (Debian's
// package ieee-data). No registry is part of the program.
package oui

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Directories are where Debian keeps the registries: first what
// update-ieee-data(8) has fetched, then what the package brought.
func Directories() []string { return []string{"/var/lib/ieee-data", "/usr/share/ieee-data"} }

// registries are the files of a directory: blocks of 2^24, 2^20 and 2^12
// addresses, and the older blocks of 2^12.
var registries = []string{"oui.txt", "mam.txt", "oui36.txt", "iab.txt"}

// prefixLengths are those of the assignments, in bits, the narrowest first.
var prefixLengths = []int{36, 28, 24}

// A Table knows vendors. The registries are read when the first is asked for. It
// is safe for use by several goroutines.
type Table struct {
	directories []string
	once        sync.Once
	vendors     map[prefix]string
}

// prefix is the first so many bits of an address, as its highest ones.
type prefix struct {
	bits  int
	first uint64
}

// New makes a table of the registries in the first of the directories that has
// any.
func New(directories ...string) *Table { return &Table{directories: directories} }

// Vendor is who made an interface, "" where that is not known. Addresses that are
// administered locally (IEEE 802, the second lowest bit of the first byte), as
// phones and virtual machines choose them, have none.
func (t *Table) Vendor(mac net.HardwareAddr) string {
	if len(mac) != 6 || mac[0]&2 != 0 {
		return ""
	}
	t.once.Do(t.load)
	var n uint64
	for _, b := range mac {
		n = n<<8 | uint64(b)
	}
	for _, bits := range prefixLengths {
		if vendor := t.vendors[prefix{bits, n >> (48 - bits)}]; vendor != "" {
			return vendor
		}
	}
	return ""
}

func (t *Table) load() {
	t.vendors = map[prefix]string{}
	for _, directory := range t.directories {
		for _, name := range registries {
			if f, err := os.Open(filepath.Join(directory, name)); err == nil {
				t.read(f)
				f.Close()
			}
		}
		if len(t.vendors) > 0 {
			return
		}
	}
}

// read takes a registry as the IEEE publishes it. Each assignment has a line
// with its first three bytes, marked "(hex)", and one marked "(base 16)" with the
// same again, or the range of the last three bytes in a smaller block.
func (t *Table) read(r io.Reader) {
	high := ""
	for lines := bufio.NewScanner(r); lines.Scan(); {
		line := lines.Text()
		if number, _, ok := strings.Cut(line, "(hex)"); ok {
			high = strings.ReplaceAll(strings.TrimSpace(number), "-", "")
		} else if number, vendor, ok := strings.Cut(line, "(base 16)"); ok {
			t.add(high, strings.TrimSpace(number), strings.TrimSpace(vendor))
		}
	}
}

// add takes one assignment: a block of 24 bits by itself, or a range within it.
func (t *Table) add(high, block, vendor string) {
	first, last, isRange := strings.Cut(block, "-")
	if !isRange {
		high, first, last = block, "000000", "FFFFFF"
	}
	from, err1 := strconv.ParseUint(high+first, 16, 48)
	to, err2 := strconv.ParseUint(high+last, 16, 48)
	if err1 != nil || err2 != nil || vendor == "" {
		return
	}
	for _, bits := range prefixLengths {
		if size := uint64(1) << (48 - bits); to-from+1 == size && from%size == 0 {
			t.vendors[prefix{bits, from / size}] = vendor
		}
	}
}
