package target

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
)

// lookups is how many names are asked for at once.
const lookups = 16

// An answer is what a resolver said about a name.
type answer struct {
	addrs []netip.Addr
	err   error
}

// resolve gives pending words their addresses.
func (b *builder) resolve(ctx context.Context) error {
	answers := b.lookUp(ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("resolving targets: %w", err)
	}
	for _, p := range b.pending {
		if err := b.answer(p, answers[b.question(p)]); err != nil {
			return err
		}
	}
	return nil
}

// A question is a name asked for in "ip", "ip4" or "ip6".
type question struct{ network, name string }

// question is what p waits for. Exclusions want every address.
func (b *builder) question(p pending) question {
	if p.from.what == asExclusion {
		return question{AnyFamily.network(), p.name}
	}
	return question{b.opts.Family.network(), p.name}
}

// lookUp asks each question once.
func (b *builder) lookUp(ctx context.Context) map[question]*answer {
	answers := map[question]*answer{}
	for _, p := range b.pending {
		answers[b.question(p)] = &answer{}
	}
	resolver := b.opts.resolver()
	slots := make(chan struct{}, lookups)
	var workers sync.WaitGroup
	for q, a := range answers {
		slots <- struct{}{}
		workers.Go(func() {
			a.addrs, a.err = resolver.LookupNetIP(ctx, q.network, q.name)
			<-slots
		})
		if ctx.Err() != nil {
			break
		}
	}
	workers.Wait()
	return answers
}

// answer claims what a name stands for.
func (b *builder) answer(p pending, a *answer) error {
	w := &b.words[p.word]
	addrs := b.usable(a.addrs, w.exclude)
	if len(addrs) == 0 && !w.exclude {
		b.absent = append(b.absent, Unresolved{w.text, p.name, b.ports[w.ports].list})
	}
	switch {
	case a.err != nil:
		return b.reject(w.text, p.from, ErrResolve, fmt.Errorf("does not resolve: %w", a.err))
	case len(addrs) == 0:
		return b.reject(w.text, p.from, ErrResolve, fmt.Errorf("the name has no %v address", b.opts.Family))
	}
	if !w.exclude {
		b.noteOthers(p, addrs)
		addrs = addrs[:1]
	}
	for _, addr := range addrs {
		b.claim(w, p.word, span{addr, addr})
	}
	return nil
}

// usable keeps what may be probed, in the resolver's order.
func (b *builder) usable(addrs []netip.Addr, exclude bool) []netip.Addr {
	var kept []netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if a.IsValid() && (exclude || b.opts.Family.accepts(a)) {
			kept = append(kept, a)
		}
	}
	return kept
}

func (b *builder) noteOthers(p pending, addrs []netip.Addr) {
	if len(addrs) < 2 {
		return
	}
	others := make([]string, len(addrs)-1)
	for i, a := range addrs[1:] {
		others[i] = a.String()
	}
	b.take([]Warning{{Code: WarnMoreAddresses, Text: fmt.Sprintf("%s has %d addresses; %s is probed, not %s",
		p.name, len(addrs), addrs[0], strings.Join(others, ", "))}}, b.words[p.word].text, p.from)
}
