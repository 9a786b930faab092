package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
	"synscope/probe/ping"
)

// resolveEvery is how often the names of the targets of a long ping are
// resolved again, and resolvePatience how long one may take.
const (
	resolveEvery    = time.Minute
	resolvePatience = 10 * time.Second
)

// follow resolves the names of targets again and again, and moves each series
// to the address that its name has now. A name that does not resolve any more
// is told of once and tried again; its series goes on with the old address.
// The channel is closed when ctx has ended and nothing more will be told.
func (j *pingJob) follow(ctx context.Context, w *pingWatch) <-chan struct{} {
	done := make(chan struct{})
	named := j.named()
	if len(named) == 0 {
		close(done)
		return done
	}
	changes := make(chan ping.Retarget)
	j.cfg.Retarget = changes
	go func() {
		defer close(done)
		j.followNames(ctx, named, changes, w)
	}()
	return done
}

// name is a target that was given by its name.
type name struct {
	index  int
	word   string // as the user typed it, with its port perhaps
	host   string
	addr   netip.Addr // as last resolved
	port   uint16
	broken bool // it did not resolve the last time
}

// named are the targets that a name stands for.
func (j *pingJob) named() (list []*name) {
	for i, s := range j.series {
		host := s.word
		if s.name != "" {
			list = append(list, &name{index: i, word: s.word, host: s.name, addr: s.target.Addr(), port: s.target.Port(), broken: !s.target.Addr().IsValid()})
			continue
		}
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if record.NameOf(s.word, s.target.Addr()) == s.target.Addr().String() || strings.Contains(host, ":") {
			continue
		}
		list = append(list, &name{index: i, word: s.word, host: host, addr: s.target.Addr(), port: s.target.Port()})
	}
	return list
}

func (j *pingJob) followNames(ctx context.Context, named []*name, changes chan<- ping.Retarget, w *pingWatch) {
	ticker := time.NewTicker(resolveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		for _, n := range named {
			change, ok := j.resolveAgain(ctx, n, w)
			if !ok {
				continue
			}
			select {
			case changes <- change:
			case <-ctx.Done():
				return
			}
		}
	}
}

// resolveAgain looks one name up, and returns the change of its address.
func (j *pingJob) resolveAgain(ctx context.Context, n *name, w *pingWatch) (change ping.Retarget, changed bool) {
	limited, cancel := context.WithTimeout(ctx, resolvePatience)
	defer cancel()
	addrs, err := resolverOf(j.streams).LookupNetIP(limited, j.options.network(), n.host)
	switch {
	case ctx.Err() != nil:
		return change, false
	case err != nil || len(addrs) == 0:
		w.server.unresolved(n)
		if !n.broken {
			w.tell(notice(n, "name-unresolved", fmt.Sprintf("%s does not resolve any more (%v): going on with %v, and trying again", n.host, err, n.addr)))
		}
		n.broken = true
		return change, false
	}
	n.broken = false
	for _, a := range addrs {
		if a.Unmap() == n.addr {
			return change, false
		}
	}
	old := n.addr
	n.addr = addrs[0].Unmap()
	w.server.moved(n, old)
	if old.IsValid() {
		w.tell(notice(n, "address-changed", fmt.Sprintf("%s is %v now, and was %v", n.host, n.addr, old)))
	} else {
		w.tell(notice(n, "address-changed", fmt.Sprintf("%s resolves now: it is %v", n.host, n.addr)))
	}
	return ping.Retarget{Index: n.index, Target: netip.AddrPortFrom(n.addr, n.port)}, true
}

func notice(n *name, code, text string) *record.Host {
	return &record.Host{Target: n.host, Addr: n.addr, Findings: []probe.Finding{
		{Code: code, Severity: probe.SeverityNotice, Text: text},
	}}
}
