//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"
	"time"

	"synscope/craft"
	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/scan"
	"synscope/probe/wide"
)

// engine is what the three engines have in common here.
type engine interface {
	wide.Blaster
	Close() error
}

// contend is one measured scan: a stateless run through the named engine, one
// probe an address as the peers send, results to a file.
func (o options) contend() error {
	ports, err := target.ParsePorts(fmt.Sprint(port))
	if err != nil {
		return err
	}
	set, err := target.Parse(context.Background(), []string{o.target()}, target.Options{Ports: ports})
	if err != nil {
		return err
	}
	cfg := wide.Config{
		Config: scan.Config{
			Technique: probe.Techniques()[0], Rate: math.Inf(1), Retries: -1, Timeout: 500 * time.Millisecond,
		},
		Plan: plan{set.Order(1), set.Count()},
	}
	rand.Read(cfg.Key[:])
	e, err := o.engine(cfg)
	if err != nil {
		return err
	}
	defer e.Close()
	file, err := os.Create(o.results)
	if err != nil {
		return err
	}
	defer file.Close()
	out, err := report.Open(report.Config{Stdout: file, StdoutFormat: o.format})
	if err != nil {
		return err
	}
	summary, err := wide.Run(context.Background(), e, cfg, &records{Output: out, set: set})
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: sent %d, matched %d, kernel drops %d, rejected %v, errors %d\n", o.contender,
		summary.Sent, summary.Matched, summary.KernelDrops, summary.Rejected, summary.SendErrors)
	return out.Close()
}

func (o options) engine(cfg wide.Config) (engine, error) {
	v4, v6, err := cfg.Templates()
	if err != nil {
		return nil, err
	}
	templates := netraw.Templates{V4: v4, V6: v6}
	switch o.contender {
	case "xdp":
		cookie := netraw.XDPCookie{Key: cfg.Key, Attempts: 1, Flags: craft.SYN}
		return netraw.OpenXDP(&netraw.Config{Interface: ifname}, templates, cookie)
	case "packet":
		return netraw.OpenPacket(nil, templates)
	}
	conn, err := netraw.Open(nil)
	if err != nil {
		return nil, err
	}
	b, err := wide.NewBlaster(conn, cfg)
	return raw{b, conn}, err
}

// plan is a whole shuffled set.
type plan struct {
	*target.Order
	count uint64
}

func (p plan) Count() uint64 { return p.count }

func (p plan) Fill(first uint64, into []netip.AddrPort) { p.Order.Fill(first, 1, into) }

// raw is the engine that leaves everything to the kernel.
type raw struct {
	wide.Blaster
	conn *netraw.Conn
}

func (r raw) Close() error { return r.conn.Close() }

// records has every answer written, as the command line does.
type records struct {
	*report.Output
	set  *target.Set
	port record.Port
}

func (r *records) Port(v probe.Verdict) error {
	r.port.Fill(r.set.Word(v.Target), &v)
	return r.Record(&r.port)
}

func (*records) Host(probe.HostReport) error { return nil }

// addresses reads one a line, as zmap writes them; masscan's list has the address
// in the fourth of five words, ours are records of ports, or have the port behind.
func addresses(text string) map[netip.Addr]bool {
	found := make(map[netip.Addr]bool)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "{") {
			var port struct {
				Addr  netip.Addr
				State string
			}
			if json.Unmarshal([]byte(line), &port) == nil && port.State == "open" {
				found[port.Addr] = true
			}
			continue
		}
		words := strings.Fields(line)
		if len(words) == 5 && words[0] == "open" {
			words = words[3:4]
		}
		if len(words) != 1 {
			continue
		}
		if a, err := netip.ParseAddr(strings.TrimSuffix(words[0], fmt.Sprintf(":%d", port))); err == nil {
			found[a] = true
		}
	}
	return found
}
