package cli

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
	"synscope/probe/ping"
)

// How the names of the targets of a long ping are resolved again.
const (
	resolveEvery    = time.Minute
	resolvePatience = 10 * time.Second // for each
	resolveAtOnce   = 16

	// servingPatience is how long a run that serves metrics waits for names before
	// it begins: those that have no address by then are asked for meanwhile.
	servingPatience = 2 * time.Second
)

// follow resolves the names of targets again and again, and moves each series
// to the address that its name has now. A name that does not resolve any more
// is reported once and tried again; its series goes on with the old address.
// The channel is closed when ctx has ended and nothing more will be sent.
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

// followNames asks for what has not resolved yet at once, and for all names every
// resolveEvery.
func (j *pingJob) followNames(ctx context.Context, named []*name, changes chan<- ping.Retarget, w *pingWatch) {
	ticker := time.NewTicker(resolveEvery)
	defer ticker.Stop()
	asked := slices.DeleteFunc(slices.Clone(named), func(n *name) bool { return !n.broken })
	for {
		for a := range j.lookUp(ctx, asked) {
			change, ok := j.take(ctx, a, w)
			if !ok {
				continue
			}
			select {
			case changes <- change:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticker.C:
			asked = named
		case <-ctx.Done():
			return
		}
	}
}

// resolved is what a name stands for now.
type resolved struct {
	*name
	addrs []netip.Addr
	err   error
}

// lookUp asks for names, several at once; the channel is closed after the last
// answer, and nobody has to read it to its end.
func (j *pingJob) lookUp(ctx context.Context, names []*name) <-chan resolved {
	answers, places := make(chan resolved, len(names)), make(chan struct{}, resolveAtOnce)
	go func() {
		defer close(answers)
		var all sync.WaitGroup
		for _, n := range names {
			places <- struct{}{}
			all.Go(func() {
				limited, cancel := context.WithTimeout(ctx, resolvePatience)
				defer cancel()
				addrs, err := resolverOf(j.streams).LookupNetIP(limited, j.options.network(), n.host)
				answers <- resolved{n, addrs, err}
				<-places
			})
		}
		all.Wait()
	}()
	return answers
}

// take makes of an answer the change of the name's address, if there is one.
func (j *pingJob) take(ctx context.Context, a resolved, w *pingWatch) (change ping.Retarget, changed bool) {
	n := a.name
	switch {
	case ctx.Err() != nil:
		return change, false
	case a.err != nil || len(a.addrs) == 0:
		w.server.unresolved(n)
		if !n.broken {
			w.tell(notice(n, "name-unresolved", fmt.Sprintf("%s does not resolve any more (%v): going on with %v, and trying again", n.host, a.err, n.addr)))
		}
		n.broken = true
		return change, false
	}
	n.broken = false
	if slices.ContainsFunc(a.addrs, func(addr netip.Addr) bool { return addr.Unmap() == n.addr }) {
		return change, false
	}
	old := n.addr
	n.addr = a.addrs[0].Unmap()
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
