package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe/rtt"
)

// reloads reports whether SIGHUP has the lists of targets read again: there is a
// file to read, and no count that says when the run is over.
func (j *pingJob) reloads() bool {
	lists := j.options.Lists
	return j.cfg.Count == 0 && (len(lists) > 0 || j.options.ProbeModules != "") && !slices.Contains(lists, report.Stdout)
}

// readAgain are the directories of what a reload reads.
func (j *pingJob) readAgain() (dirs []string) {
	var paths []string
	if j.reloads() {
		paths = append(named(slices.Clone(j.options.Lists)), named([]string{j.options.ProbeModules})...)
	}
	if j.reloads() || j.serves() {
		paths = append(paths, named(slices.Clone(j.options.ExcludeFiles))...)
	}
	for _, path := range paths {
		dirs = append(dirs, filepath.Dir(path))
	}
	return dirs
}

// watchReloads takes SIGHUP over, and passes each on; nil where it ends the run. A
// terminal that is gone ends it too.
func (j *pingJob) watchReloads() <-chan struct{} {
	if !j.reloads() {
		return nil
	}
	wished, watched := make(chan struct{}, 1), isTerminal(j.streams.Out)
	j.streams.hangup.take(func() bool {
		if watched && !isTerminal(j.streams.Out) {
			return false
		}
		select {
		case wished <- struct{}{}:
		default: // one is waiting already, and will read what is there then
		}
		return true
	})
	return wished
}

// reload reads the targets again on each request, beside the run, until they are usable:
// what is wrong with them is reported, and the run goes on with the old ones. An endless
// list, or names that do not resolve, do not hold the run up.
func (j *pingJob) reload(ctx context.Context, w *pingWatch, wished <-chan struct{}) *target.Set {
	for {
		select {
		case <-wished:
		case <-ctx.Done():
			return nil
		}
		set, err := j.nextTargets(ctx, w)
		if ctx.Err() != nil {
			return nil
		}
		w.server.reloaded(err)
		if err == nil {
			return set
		}
		w.complain("reload: " + inWords(err) + ": going on as before")
	}
}

func (j *pingJob) nextTargets(ctx context.Context, w *pingWatch) (*target.Set, error) {
	if err := regular(slices.Concat(j.options.Lists, j.options.ExcludeFiles, named([]string{j.options.ProbeModules}))); err != nil {
		return nil, err
	}
	set, err := j.targets(ctx)
	if err == nil {
		err = j.fits(set)
	}
	if err == nil {
		err = w.server.readModules()
	}
	return set, err
}

// regular refuses what cannot be read as often as that is wished.
func regular(paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is no regular file, which alone can be read again", path)
		}
	}
	return nil
}

// fits refuses targets that the rate of the run does not suffice for.
func (j *pingJob) fits(set *target.Set) error {
	n := float64(set.Count()) + float64(len(set.Unresolved()))
	if j.probing.rate > 0 && n/j.cfg.Interval.Seconds() > j.probing.rate {
		return fmt.Errorf("--rate %s: %.0f targets every %v are more", j.options.Rate, n, j.cfg.Interval)
	}
	return nil
}

// change makes a set the targets of the run: series of targets that stay go on,
// others end with their closing record.
func (j *pingJob) change(set *target.Set, w *pingWatch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := j.series
	j.series = j.seriesOf(set, before)
	j.set = set
	gone := slices.DeleteFunc(slices.Clone(before), func(s *pingSeries) bool { return slices.Contains(j.series, s) })
	come := slices.DeleteFunc(slices.Clone(j.series), func(s *pingSeries) bool { return slices.Contains(before, s) })
	w.server.changed(j, gone, come)
	w.remark(w.targetRemarks(set)...)
	w.remark(fmt.Sprintf("reload: %d targets, of which %d are new; %d are left out", len(j.series), len(come), len(gone)))
	var errs []error
	for _, s := range gone {
		if s.target.Addr().IsValid() {
			errs = append(errs, w.close(s))
		}
	}
	j.keep()
	return errors.Join(errs...)
}

// keep has the series go on where they were.
func (j *pingJob) keep() {
	for _, s := range j.series {
		s.base = s.probed
	}
	j.aim()
}

// seriesOf are the series of a set, and of its names that do not resolve where
// somebody watches them: those of before where they are the same.
func (j *pingJob) seriesOf(set *target.Set, before []*pingSeries) (all []*pingSeries) {
	count := int(set.Count())
	add := func(s *pingSeries) {
		if j.options.Plot != "" {
			s.timeline = &rtt.Timeline{}
		}
		same := slices.IndexFunc(before, func(old *pingSeries) bool { return old.same(s) })
		if same >= 0 {
			s = before[same]
		}
		all = append(all, s)
	}
	for pair := range set.Ordered() {
		add(newPingSeries(set.Word(pair), pair, count, j.reach()))
	}
	if !j.serves() {
		return all
	}
	for _, u := range set.Unresolved() {
		for _, port := range u.Ports {
			s := newPingSeries(u.Word, netip.AddrPortFrom(netip.Addr{}, port), count, j.reach())
			s.name = u.Name
			add(s)
		}
	}
	return all
}

// same reports whether two series are of one target: the name and its port where
// there is one, wherever it leads now, or else the address.
func (s *pingSeries) same(o *pingSeries) bool {
	if s.word != o.word || s.target.Port() != o.target.Port() {
		return false
	}
	return s.target == o.target || s.named() && o.named()
}

// named reports whether the word of a series is a name.
func (s *pingSeries) named() bool { return record.HostName(s.word) != "" }

// known are the series that have had an address.
func (j *pingJob) known() []*pingSeries {
	if j.whole() {
		return j.series
	}
	return slices.DeleteFunc(slices.Clone(j.series), func(s *pingSeries) bool { return !s.target.Addr().IsValid() })
}

func (j *pingJob) whole() bool {
	return !slices.ContainsFunc(j.series, func(s *pingSeries) bool { return !s.target.Addr().IsValid() })
}

// complain says on standard error what is wrong, -q or not.
func (w *pingWatch) complain(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.streams.Err, "synscope: %s\n", text)
}
