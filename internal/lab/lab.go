//go:build linux

package lab

import (
	"errors"
	"fmt"
	"math/rand/v2"
)

// Lab is a set of hosts joined to the prober's namespace, which is the
// process's own.
type Lab struct {
	prober *namespace
	hosts  []*Host
	seed   uint64
	logf   func(format string, args ...any)
}

// New builds the hosts of a spec. The process must have gone through [Enter] or
// [Main], so that nothing is ever added to the machine's own network; otherwise
// the error wraps [ErrNotPermitted]. Errors name the host.
func New(spec Spec) (*Lab, error) {
	if !Inside() {
		return nil, fmt.Errorf("lab: %w outside a namespace made by Enter or Main", ErrNotPermitted)
	}
	prober, err := openNamespace()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	l := &Lab{prober: prober, seed: spec.Seed, logf: spec.Logf}
	if l.logf == nil {
		l.logf = func(string, ...any) {}
	}
	if l.seed == 0 {
		l.seed = rand.Uint64()
	}
	l.logf("lab: seed %d", l.seed)
	if err := l.populate(spec.Hosts); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) populate(specs []HostSpec) error {
	for _, s := range specs {
		h := &Host{Name: s.Name, spec: s, prober: l.prober}
		l.hosts = append(l.hosts, h)
		if err := l.build(h, s); err != nil {
			return fmt.Errorf("lab: host %s: %w", s.Name, err)
		}
	}
	return nil
}

// Host returns the host of that name, or nil.
func (l *Lab) Host(name string) *Host {
	for _, h := range l.hosts {
		if h.Name == name {
			return h
		}
	}
	return nil
}

// Hosts returns all hosts in the order of the spec. The slice is the lab's own.
func (l *Lab) Hosts() []*Host { return l.hosts }

// Seed is the seed of the links' chance, to run a lab again.
func (l *Lab) Seed() uint64 { return l.seed }

// Close stops all servers and links and removes all interfaces and namespaces.
// It returns when no goroutine or file of the lab is left.
func (l *Lab) Close() error {
	var errs []error
	for _, h := range l.hosts {
		errs = append(errs, h.close(l.prober))
	}
	l.hosts = nil
	return errors.Join(append(errs, l.prober.close())...)
}
