package outfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// place is a name in a directory that is held open, so that what was checked is
// what is used.
type place struct {
	dir    *os.File
	name   string
	path   string // as it was given, for errors
	shared bool
}

func (p *place) fd() int { return int(p.dir.Fd()) }

func (p *place) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: p.path, Err: err}
}

func (p *place) unsafe(what string) error {
	return fmt.Errorf("%s is %s, %w", p.path, what, ErrUnsafe)
}

// locate opens the directory of a path.
func locate(path string) (*place, error) {
	dir, name := filepath.Split(path)
	if name == "" || name == "." || name == ".." {
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EISDIR}
	}
	d, shared, err := walk(dir, path)
	if err != nil {
		return nil, err
	}
	return &place{d, name, path, shared}, nil
}

// walk opens a directory, component by component, and tells whether it is shared.
func walk(dir, path string) (d *os.File, shared bool, err error) {
	start := "."
	if strings.HasPrefix(dir, "/") {
		start = "/"
	}
	if d, err = openDir(unix.AT_FDCWD, start, path); err != nil {
		return nil, false, err
	}
	for part := range strings.SplitSeq(dir, "/") {
		if part == "" || part == "." {
			continue
		}
		next, err := step(&place{d, part, path, isShared(d)})
		d.Close()
		if err != nil {
			return nil, false, err
		}
		d = next
	}
	return d, isShared(d), nil
}

// step goes into a directory. A link in a shared one must be ours.
func step(p *place) (*os.File, error) {
	var st unix.Stat_t
	err := unix.Fstatat(p.fd(), p.name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK && p.shared && !isOurs(st.Uid) {
		return nil, p.unsafe("reached by somebody else's symbolic link")
	}
	return openDir(p.fd(), p.name, p.path)
}

func openDir(at int, name, path string) (*os.File, error) {
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// isShared tells whether others may write to a directory.
func isShared(d *os.File) bool {
	var st unix.Stat_t
	if unix.Fstat(int(d.Fd()), &st) != nil {
		return true
	}
	return st.Mode&(unix.S_IWOTH|unix.S_IWGRP|unix.S_ISVTX) != 0 || st.Uid != 0 && !isOurs(st.Uid)
}

// isOurs tells whether a user is the one who runs this, or who called sudo.
func isOurs(uid uint32) bool {
	caller, _, called := caller()
	return int(uid) == os.Geteuid() || called && int(uid) == caller
}

func open(path string, mode fs.FileMode) (f *os.File, made bool, err error) {
	f, err = follow(path, func(path string) (f *os.File, next string, err error) {
		f, next, made, err = openOnce(path, mode)
		return f, next, err
	})
	return f, made, err
}

// remove removes the file that f is, by its name, as long as that is its name and
// nothing has been written to it.
func remove(f *os.File) error {
	p, err := locate(f.Name())
	if err != nil {
		return err
	}
	defer p.dir.Close()
	var open, there unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &open); err != nil {
		return p.failed("stat", err)
	}
	if err := unix.Fstatat(p.fd(), p.name, &there, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return p.failed("stat", err)
	}
	if open.Dev != there.Dev || open.Ino != there.Ino || open.Size > 0 {
		return nil
	}
	return p.failed("remove", unix.Unlinkat(p.fd(), p.name, 0))
}

// follow opens what links lead to, one after the other.
func follow(path string, once func(path string) (f *os.File, next string, err error)) (*os.File, error) {
	for range maxLinks {
		f, next, err := once(path)
		if err != nil || f != nil {
			return f, err
		}
		path = next
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
}

func openOurs(path string) (*os.File, error) { return follow(path, openOursOnce) }

func openOursOnce(path string) (f *os.File, next string, err error) {
	p, err := locate(path)
	if err != nil {
		return nil, "", err
	}
	defer p.dir.Close()
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd(), p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, "", p.failed("open", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		if err := p.check(&st); err != nil {
			return nil, "", err
		}
		return p.follow()
	}
	fd, err := unix.Openat(p.fd(), p.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, "", p.failed("open", err)
	}
	if err = unix.Fstat(fd, &st); err == nil { // a run of ours may have put another one there meanwhile
		err = p.check(&st)
	}
	if err != nil {
		unix.Close(fd)
		return nil, "", err
	}
	return os.NewFile(uintptr(fd), path), "", nil
}

// openOnce opens a file, or tells where the link leads that is in its place. A
// path with nothing to it is to be tried again: what was there has gone.
func openOnce(path string, mode fs.FileMode) (f *os.File, next string, made bool, err error) {
	p, err := locate(path)
	if err != nil {
		return nil, "", false, err
	}
	defer p.dir.Close()
	const flags = unix.O_WRONLY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(p.fd(), p.name, flags|unix.O_CREAT|unix.O_EXCL, uint32(mode.Perm()))
	if err == nil {
		giveToCaller(fd)
		return os.NewFile(uintptr(fd), path), "", true, nil
	}
	if !errors.Is(err, unix.EEXIST) {
		return nil, "", false, p.failed("open", err)
	}
	f, next, err = p.openThere(flags)
	return f, next, false, err
}

// openThere opens what is there.
func (p *place) openThere(flags int) (f *os.File, next string, err error) {
	var before, after unix.Stat_t
	if err := unix.Fstatat(p.fd(), p.name, &before, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return nil, p.path, p.failed("open", unlessAbsent(err))
	}
	if err := p.check(&before); err != nil {
		return nil, "", err
	}
	if before.Mode&unix.S_IFMT == unix.S_IFLNK {
		return p.follow()
	}
	fd, err := unix.Openat(p.fd(), p.name, flags, 0)
	if err != nil {
		return nil, p.path, p.failed("open", unlessAbsent(err))
	}
	if err := unix.Fstat(fd, &after); err != nil || after.Dev != before.Dev || after.Ino != before.Ino {
		unix.Close(fd)
		return nil, "", p.unsafe("being changed by somebody")
	}
	return os.NewFile(uintptr(fd), p.path), "", nil
}

// openLock opens what is there, or makes it, in one call: between two, a holder of
// the lock may remove it, again and again.
func openLock(path string) (*os.File, error) {
	p, err := locate(path)
	if err != nil {
		return nil, err
	}
	defer p.dir.Close()
	fd, err := unix.Openat(p.fd(), p.name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, uint32(Private))
	if err != nil {
		return nil, p.failed("open", err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil {
		err = p.checkLock(&st)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	giveToCaller(fd)
	return os.NewFile(uintptr(fd), path), nil
}

// checkLock refuses what is no lock file of ours. One that was removed meanwhile has
// no name left, which its opener will see.
func (p *place) checkLock(st *unix.Stat_t) error {
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return p.unsafe("no regular file")
	case p.shared && !isOurs(st.Uid):
		return p.unsafe("somebody else's file")
	case st.Nlink > 1:
		return p.unsafe("a file with another name elsewhere")
	}
	return nil
}

// unlessAbsent is err, but nil where nothing has the name.
func unlessAbsent(err error) error {
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}

// check refuses what others may have put into a shared directory.
func (p *place) check(st *unix.Stat_t) error {
	switch kind := st.Mode & unix.S_IFMT; {
	case !p.shared:
		return nil
	case kind == unix.S_IFLNK && int(st.Uid) != os.Geteuid():
		return p.unsafe("somebody else's symbolic link")
	case kind == unix.S_IFCHR:
		return nil // /dev/null and its like: only root makes them (mknod(2))
	case kind != unix.S_IFLNK && !isOurs(st.Uid):
		return p.unsafe("somebody else's file")
	case kind == unix.S_IFREG && st.Nlink > 1:
		return p.unsafe("a file with another name elsewhere")
	}
	return nil
}

// follow goes on where a link leads. Those of proc(5) lead to open files, and
// are no paths.
func (p *place) follow() (f *os.File, next string, err error) {
	var fsys unix.Statfs_t
	if unix.Fstatfs(p.fd(), &fsys) == nil && fsys.Type == unix.PROC_SUPER_MAGIC {
		fd, err := unix.Openat(p.fd(), p.name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, "", p.failed("open", err)
		}
		return os.NewFile(uintptr(fd), p.path), "", nil
	}
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(p.fd(), p.name, target)
	if err != nil {
		return nil, "", p.failed("open", err)
	}
	if next = string(target[:n]); !filepath.IsAbs(next) {
		next = filepath.Dir(p.path) + "/" + next
	}
	return nil, next, nil
}

func replace(path string, mode fs.FileMode, write func(io.Writer) error) error {
	path, err := destination(path)
	if err != nil {
		return err
	}
	p, err := locate(path)
	if err != nil {
		return err
	}
	defer p.dir.Close()
	if stream, err := p.stream(); err != nil || stream != nil {
		return pour(stream, err, write)
	}
	name := ".synscope-" + rand.Text()
	fd, err := unix.Openat(p.fd(), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(mode.Perm()))
	if err != nil {
		return p.failed("open", err)
	}
	giveToCaller(fd)
	err = fill(os.NewFile(uintptr(fd), path), write)
	if err == nil {
		err = p.failed("rename", unix.Renameat(p.fd(), name, p.fd(), p.name))
	}
	if err != nil {
		unix.Unlinkat(p.fd(), name, 0)
		return err
	}
	p.sync()
	return nil
}

// destination is path with links followed, as far as they may be, and checked.
func destination(path string) (string, error) {
	for range maxLinks {
		p, err := locate(path)
		if err != nil {
			return "", err
		}
		next, err := p.leadsTo()
		p.dir.Close()
		if err != nil || next == "" {
			return path, err
		}
		path = next
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
}

// leadsTo is where the link leads that is at a place, "" if there is none.
func (p *place) leadsTo() (string, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd(), p.name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return "", p.failed("open", unlessAbsent(err))
	}
	if err := p.check(&st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return "", err
	}
	f, next, err := p.follow()
	if f != nil {
		f.Close()
	}
	return next, err
}

// fill writes, syncs and closes a file.
func fill(f *os.File, write func(io.Writer) error) error {
	err := write(f)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// sync makes a rename last. A directory that cannot be synced makes it no less
// atomic.
func (p *place) sync() {
	fd, err := unix.Openat(p.fd(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		unix.Fsync(fd)
		unix.Close(fd)
	}
}
