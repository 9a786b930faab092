package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"synscope/internal/capture"
	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/isn"
)

// liveFlags are those that mean nothing where samples come from a file.
func liveFlags() (names []string) {
	for _, f := range joined(targetFlags(""), probeFlags(), pcapFlags()) {
		names = append(names, f.Names()[0])
	}
	return append(names, "samples", "budget", "quick", "series", "dry-run")
}

// analyseFiles analyses samples that somebody measured before: files of samples, or
// captures of connections. Those of one server are one series, whatever file they are
// in; samples of no named server are one series a file.
func analyseFiles(ctx context.Context, s Streams, o *isnOptions) error {
	for _, name := range liveFlags() {
		if o.given[name] {
			return usagef("--from analyses a file and sends nothing: leave out %s", dashed(name))
		}
	}
	g := isnGathering{servers: isnServers{series: map[netip.AddrPort][]isn.Sample{}, heard: map[netip.AddrPort]bool{}}}
	if err := g.servers.choose(o.words); err != nil {
		return err
	}
	if err := g.readAll(ctx, s, &o.common); err != nil {
		return err
	}
	if err := g.check(&o.common); err != nil {
		return err
	}
	files, err := isnFilesOf(&o.fileOptions, len(g.servers.order)+len(g.files))
	if err != nil {
		return err
	}
	s.work.begin()
	records, samples := g.analyse()
	if err = tellFile(&o.common, s, records, samples, files); g.fault != nil && (err == nil || err == errNo) {
		return &exit{exitInterrupted, g.fault}
	}
	return err
}

// isnGathering is what the files of a run hold.
type isnGathering struct {
	servers isnServers
	files   []fileSamples
	fault   error // a capture that could be read in part
}

// fileSamples are samples of a file that does not name their server.
type fileSamples struct {
	path    string
	samples []isn.Sample
}

// readAll reads the files that the flags name, which are open before the rights
// are given up.
func (g *isnGathering) readAll(ctx context.Context, s Streams, o *common) error {
	var inputs []*bufio.Reader
	for _, path := range o.From {
		in, closeFile, err := openFrom(path, s.In)
		if err != nil {
			return usagef("--from: %w", err)
		}
		defer closeFile()
		inputs = append(inputs, in)
	}
	if err := confineFiles(o, s); err != nil {
		return err
	}
	for i, path := range o.From {
		if err := g.read(ctx, path, inputs[i]); err != nil {
			return err
		}
	}
	return nil
}

// read reads one file.
func (g *isnGathering) read(ctx context.Context, path string, in *bufio.Reader) error {
	if capture.Recognises(beginning(in)) {
		return g.readCapture(ctx, path, in)
	}
	samples, err := readISNSamples(path, in)
	if err != nil {
		return usagef("--from: %w", err)
	}
	rest := fileSamples{path: path}
	for i := range samples {
		server, err := netip.ParseAddrPort(samples[i].Series) // as read --isn writes it
		if err != nil {
			rest.samples = append(rest.samples, samples[i])
			continue
		}
		g.servers.take(server, samples[i])
	}
	if len(rest.samples) > 0 {
		g.files = append(g.files, rest)
	}
	return nil
}

// openFrom opens the file to analyse, "-" for standard input.
func openFrom(path string, stdin io.Reader) (*bufio.Reader, func() error, error) {
	if path == "-" {
		return bufio.NewReader(stdin), func() error { return nil }, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return bufio.NewReader(f), f.Close, nil
}

// beginning is the first bytes of a file, or all where it has fewer.
func beginning(in *bufio.Reader) []byte {
	b, _ := in.Peek(4) // what is wrong with the file, reading tells
	return b
}

// mostSamples is how many connections to one server are analysed, the first
// ones of a capture: more would say no more.
const mostSamples = 4096

// readCapture takes what a capture shows of each server's numbers.
func (g *isnGathering) readCapture(ctx context.Context, path string, in io.Reader) error {
	r, err := capture.NewReader(in)
	if err != nil {
		return usagef("--from: %s: %w", path, err)
	}
	before := g.servers.taken
	tally, err := capture.FollowAll(ctx, []capture.Input{{Open: func() (*capture.Reader, error) { return r, nil }}}, flow.NewTable(&g.servers, flow.Config{}), nil)
	if err != nil {
		return err
	}
	if g.servers.taken == before && !g.servers.only.IsValid() {
		return usagef("--from: %s: no SYN and SYN-ACK of one connection in it", path)
	}
	if len(tally.Faults) > 0 && g.fault == nil {
		g.fault = fmt.Errorf("%s: %w", path, tally.Faults[0].Err)
	}
	return nil
}

// check refuses what the files cannot answer.
func (g *isnGathering) check(o *common) error {
	only := g.servers.only
	switch {
	case only.IsValid() && len(g.servers.order) == 0:
		return usagef("--from: nothing of %s in %s", only, strings.Join(o.From, ", "))
	case only.IsValid():
		g.files = nil // of others, or nobody knows of whom
	case len(g.files) > 0:
		return o.refuseHosts("samples in a file belong to no host that is known")
	}
	return nil
}

// choose takes the server that is named, if any.
func (v *isnServers) choose(words []string) (err error) {
	switch len(words) {
	case 0:
		return nil
	case 1:
		if v.only, err = netip.ParseAddrPort(words[0]); err != nil {
			return usagef("--from analyses a file and sends nothing: name one server of the file as ADDRESS:PORT, or none for all, and not %s", words[0])
		}
		return nil
	}
	return usagef("--from: name one server of the file, or none for all")
}

// analyse makes the records of the servers, in the order in which they were met, and
// of the files.
func (g *isnGathering) analyse() (records []*record.ISN, samples [][]isn.Sample) {
	for _, server := range g.servers.order {
		records = append(records, g.servers.record(server))
		samples = append(samples, g.servers.series[server])
	}
	for _, f := range g.files {
		records = append(records, record.NewISNOfFile(f.path, isn.Analyze(f.samples, isn.Options{})))
		samples = append(samples, f.samples)
	}
	return records, samples
}

// record is that of one server.
func (v *isnServers) record(server netip.AddrPort) *record.ISN {
	r := &record.ISN{Target: server.Addr().String(), Addr: server.Addr(), Port: server.Port(),
		Report: isn.Analyze(v.series[server], isn.Options{})}
	if r.Report.Samples > 0 {
		r.State, r.Reason = probe.StateOpen, probe.ReasonSYNACK
	}
	if v.heard[server] {
		r.Clock = netraw.ClockKernel.String()
	}
	return r
}

// errNoSamples says that a file holds no answered sample.
var errNoSamples = errors.New("no usable sample in it")

// readISNSamples reads a file of samples.
func readISNSamples(path string, in io.Reader) ([]isn.Sample, error) {
	samples, err := isn.ReadCSV(in, path)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("%s: %w", path, errNoSamples)
	}
	if !slices.ContainsFunc(samples, func(s isn.Sample) bool { return s.ISN.OK }) {
		return nil, fmt.Errorf("%s: %w: the column isn is empty in all %d rows", path, errNoSamples, len(samples))
	}
	return samples, nil
}

// tellFile writes the records of an analysis. The answer is no where not one
// class could be found.
func tellFile(o *common, s Streams, records []*record.ISN, samples [][]isn.Sample, files isnFiles) error {
	start := time.Now()
	d, err := newDisplay(o, s, &target.Set{})
	if err != nil {
		return err
	}
	errs := []error{d.Record(&record.Run{Version: Version, Command: "isn", Args: s.Args, Start: start})}
	known := false
	for i, one := range records {
		known = known || one.Report.Class != isn.ClassUnknown
		errs = append(errs, d.Record(one), files.write(one, samples[i]))
	}
	summary := record.NewSummary(&probe.Summary{Took: time.Since(start), Complete: true}, time.Now())
	errs = append(errs, d.Record(summary))
	if err = d.finish(errors.Join(errs...)); err == nil && !known {
		return errNo
	}
	return err
}
