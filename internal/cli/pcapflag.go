package cli

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/capture"
	"synscope/internal/outfile"
	"synscope/probe"
)

// pcapFlags say where the packets of a run are written to.
func pcapFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "pcap", Usage: "write this run's packets to `FILE` (pcapng), each with its verdict"},
	}
}

// tap writes the packets of a run to a capture file. A nil tap does nothing: no file was
// asked for.
type tap struct {
	recorder *capture.Recorder
	file     *os.File
}

// openCapture opens the file that the flag names, if it does; it is not emptied.
func openCapture(path string, e *opened) (*outfile.Reserved, error) {
	switch {
	case path == "":
		return nil, nil
	case e.stateless:
		return nil, usagef("--pcap: a run without state keeps no packets: use tcpdump and --engine raw (frames of packet and xdp pass tcpdump by), or --stateless=false")
	case e.conn == nil:
		return nil, usagef("--pcap: the kernel makes the packets of this run (engine connect): use tcpdump")
	}
	file, err := outfile.Reserve(path, outfile.Private)
	if err != nil {
		return nil, usagef("--pcap: %w", err)
	}
	return file, nil
}

// beginTap begins the capture in a file; nil: there is none.
func beginTap(file *outfile.Reserved, s Streams, e *opened) (*tap, error) {
	if file == nil {
		return nil, nil
	}
	if err := emptied(file.File); err != nil {
		file.TakeBack()
		return nil, usagef("--pcap: %w", err)
	}
	w, err := capture.NewWriter(file.File, capture.Application+" "+Version, "synscope "+strings.Join(s.Args, " "))
	if err != nil {
		file.TakeBack()
		return nil, &exit{exitInterrupted, fmt.Errorf("--pcap: %w", err)}
	}
	return &tap{capture.NewRecorder(e.conn, w, time.Now), file.File}, nil
}

// emptied empties a file. Devices and pipes have nothing to lose.
func emptied(f *os.File) error {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return f.Truncate(0)
}

// network is the one to be used: what passes through it is written down.
func (t *tap) network(n probe.Polled) probe.Polled {
	if t == nil {
		return n
	}
	return t.recorder
}

// verdict gives the packets of a target their comment.
func (t *tap) verdict(v *probe.Verdict) {
	if t != nil {
		t.recorder.Verdict(v)
	}
}

// host gives the packets by which a host was looked for at some ports their comment.
func (t *tap) host(a netip.Addr, up bool, why probe.Reason, ports []uint16) {
	if t == nil {
		return
	}
	words := fmt.Sprintf("host down (%s)", why)
	if up {
		words = fmt.Sprintf("host up (%s)", why)
	}
	for _, port := range ports {
		t.recorder.Judge(netip.AddrPortFrom(a.WithZone(""), port), words)
	}
}

// judge gives the packets of a target a comment in words.
func (t *tap) judge(target netip.AddrPort, words string) {
	if t != nil {
		t.recorder.Judge(target, words)
	}
}

// close ends the file; err is how the run itself ended.
func (t *tap) close(err error) error {
	if t == nil {
		return err
	}
	closing := t.recorder.Close()
	if e := t.file.Close(); closing == nil {
		closing = e
	}
	if err == nil && closing != nil {
		return &exit{exitInterrupted, fmt.Errorf("--pcap: %w", closing)}
	}
	return err
}
