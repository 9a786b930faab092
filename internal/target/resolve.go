package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// lookups is how many names are asked for at once.
const lookups = 16

// An answer is what a resolver said about a name.
type answer struct {
	patient bool // it is waited for however long it takes
	addrs   []netip.Addr
	err     error
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
		a := answers[b.question(p)]
		if a == nil {
			a = &answer{}
			answers[b.question(p)] = a
		}
		a.patient = a.patient || p.from.what == asExclusion
	}
	short, cancel := b.impatient(ctx)
	defer cancel()
	slots := make(chan struct{}, lookups)
	var workers sync.WaitGroup
	for q, a := range answers {
		slots <- struct{}{}
		workers.Go(func() {
			b.ask(ctx, short, q, a)
			<-slots
		})
		if ctx.Err() != nil {
			break
		}
	}
	workers.Wait()
	return answers
}

// impatient is a context that ends when names of targets are not waited for any more.
func (b *builder) impatient(ctx context.Context) (context.Context, context.CancelFunc) {
	if b.opts.Patience <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, b.opts.Patience)
}

// ask has a question answered. A resolver that is too slow is said to be.
func (b *builder) ask(ctx, short context.Context, q question, a *answer) {
	if a.patient {
		short = ctx
	}
	a.addrs, a.err = b.opts.resolver().LookupNetIP(short, q.network, q.name)
	if a.err != nil && short.Err() != nil && ctx.Err() == nil {
		a.err = fmt.Errorf("no resolver answered within %v", b.opts.Patience)
	}
}

// answer claims what a name stands for.
func (b *builder) answer(p pending, a *answer) error {
	w := &b.words[p.word]
	addrs := b.usable(a.addrs, w.exclude)
	if len(addrs) == 0 && !w.exclude {
		b.absent = append(b.absent, Unresolved{w.text, p.name, b.ports[w.ports].list})
	}
	switch {
	case unanswered(a.err):
		return b.reject(w.text, p.from, ErrResolver, fmt.Errorf("no name server answered (%w): see resolv.conf(5), or give the address", a.err))
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

// unanswered tells whether a resolver has failed without a word on the name: no answer in
// time, no server, a refusal.
func unanswered(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && !e.IsNotFound && (e.IsTimeout || e.IsTemporary)
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
