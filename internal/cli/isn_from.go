package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

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

// analyseFile analyses samples that somebody measured before: a file of
// samples, or a capture of connections.
func analyseFile(c *cli.Context, s Streams) error {
	for _, name := range liveFlags() {
		if c.IsSet(name) {
			return usagef("--from analyses a file and sends nothing: leave out %s", dashed(name))
		}
	}
	in, closeFile, err := openFrom(c.String("from"), s.In)
	if err != nil {
		return usagef("--from: %w", err)
	}
	defer closeFile()
	if capture.Recognises(beginning(in)) {
		return analyseCapture(c, s, in)
	}
	return analyseSamples(c, s, in)
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

// analyseSamples analyses a file of samples, which are all of one host.
func analyseSamples(c *cli.Context, s Streams, in io.Reader) error {
	if c.NArg() > 0 {
		return usagef("--from analyses a file and sends nothing: leave out the target %q", c.Args().First())
	}
	if err := refuseHosts(c, "samples in a file belong to no host that is known"); err != nil {
		return err
	}
	files, err := isnFilesOf(c, 1)
	if err != nil {
		return err
	}
	samples, err := readISNSamples(c.String("from"), in)
	if err != nil {
		return usagef("--from: %w", err)
	}
	return tellFile(c, s, []*record.ISN{record.NewISNOfFile(c.String("from"), isn.Analyze(samples, isn.Options{}))},
		[][]isn.Sample{samples}, files)
}

// mostSamples is how many connections to one server are analysed, the first
// ones of a capture: more would say no more.
const mostSamples = 4096

// analyseCapture analyses what a capture shows of each server's numbers, or of
// the one that is named.
func analyseCapture(c *cli.Context, s Streams, in io.Reader) error {
	servers := &isnServers{series: map[netip.AddrPort][]isn.Sample{}}
	if err := servers.choose(c); err != nil {
		return err
	}
	r, err := capture.NewReader(in)
	if err != nil {
		return usagef("--from: %s: %w", c.String("from"), err)
	}
	tally, err := capture.FollowAll(c.Context, []capture.Input{{Open: func() (*capture.Reader, error) { return r, nil }}}, flow.NewTable(servers, flow.Config{}), nil)
	if err != nil {
		return err
	}
	if len(servers.order) == 0 {
		return usagef("--from: %s: no SYN and SYN-ACK of one connection in it%s", c.String("from"), servers.of())
	}
	files, err := isnFilesOf(c, len(servers.order))
	if err != nil {
		return err
	}
	records, samples := servers.analyse()
	if err = tellFile(c, s, records, samples, files); len(tally.Faults) > 0 && (err == nil || err == errNo) {
		return &exit{exitInterrupted, fmt.Errorf("%s: %w", c.String("from"), tally.Faults[0].Err)}
	}
	return err
}

// choose takes the server that is named, if any.
func (v *isnServers) choose(c *cli.Context) (err error) {
	switch c.NArg() {
	case 0:
		return nil
	case 1:
		if v.only, err = netip.ParseAddrPort(c.Args().First()); err != nil {
			return usagef("--from: name one server of the capture as ADDRESS:PORT: %w", err)
		}
		return nil
	}
	return usagef("--from: name one server of the capture, or none for all")
}

// of names the server that was asked for.
func (v *isnServers) of() string {
	if v.only.IsValid() {
		return " to " + v.only.String()
	}
	return ""
}

// analyse makes the records of the servers, in the order in which they were met.
func (v *isnServers) analyse() (records []*record.ISN, samples [][]isn.Sample) {
	for _, server := range v.order {
		list := v.series[server]
		records = append(records, &record.ISN{
			Target: server.Addr().String(), Addr: server.Addr(), Port: server.Port(),
			State: probe.StateOpen, Reason: probe.ReasonSYNACK, Clock: netraw.ClockKernel.String(),
			Report: isn.Analyze(list, isn.Options{}),
		})
		samples = append(samples, list)
	}
	return records, samples
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
// class could be told.
func tellFile(c *cli.Context, s Streams, records []*record.ISN, samples [][]isn.Sample, files isnFiles) error {
	start := time.Now()
	d, err := newDisplay(c, s, &target.Set{})
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
