package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"synscope/internal/lab"
)

// shellWord is the command line of the process that becomes the demo's shell.
const shellWord = "become-demo-shell"

// thingsToTry are the command lines that the shell begins with, and what is to be seen.
var thingsToTry = [][2]string{
	{"synscope scan web far reset", "open, refused, dropped, rejected, reset by a firewall"},
	{"synscope handshake web:80", "SYN to TIME_WAIT, segment by segment"},
	{"synscope handshake closer:80", "the far end closes first"},
	{"synscope handshake --withhold synack-ack --watch 8s small:80", "how patient is it with a half-open connection?"},
	{"synscope handshake deaf:9000", "once, twice, three times: its backlog is 1, and nobody accepts"},
	{"synscope ping -c 5 slow:80", "20 ms there and back"},
	{"synscope ping -c 50 -i 20ms lossy:80", "which losses have something in common?"},
	{"synscope trace -n behind:80", "three hops"},
	{"synscope scan --reason -p 80,8080 behind", "which of the two answers came from a middlebox?"},
	{"synscope isn guess:80", "could somebody guess its next sequence number?"},
	{"synscope isn --quick cookie:80", "SYN cookies"},
	{"synscope scan -sn 10.0.0.0/16", "who else is there?"},
}

// invitation is what the shell begins with, in lines of up to so many columns; a command
// line is never broken.
func invitation(wide int) string {
	var b strings.Builder
	told := func(text, indent string) {
		for _, line := range broken(text, wide-len(indent)) {
			b.WriteString(indent + line + "\n")
		}
	}
	told(`Things to try; "exit" takes the network down again:`, "")
	b.WriteString("\n")
	for _, try := range thingsToTry {
		b.WriteString("  " + try[0] + "\n")
		told(try[1], "      ")
	}
	b.WriteString("\n")
	told("Other programs see the same network: nmap, tcpdump, curl. docs/handshake.md walks through it.", "")
	return b.String() + "\n"
}

// shell leaves the user inside the demo's network, until the shell ends.
func (t *tour) shell() error {
	dir, err := os.MkdirTemp("", "synscope-demo-")
	if err != nil {
		return &exit{exitUnable, err}
	}
	defer os.RemoveAll(dir)
	env, err := t.furnish(dir)
	if err != nil {
		return &exit{exitUnable, err}
	}
	interactive := isTerminal(t.streams.In)
	if interactive {
		t.printf("\n%s", invitation(readable(t.streams.Out)))
	}
	code, err := runShell(t.ctx, env)
	switch {
	case err != nil:
		return &exit{exitUnable, fmt.Errorf("demo --shell: %w", err)}
	case t.ctx.Err() != nil:
		return &exit{exitInterrupted, silent{}}
	case code != 0 && !interactive:
		return &exit{code, silent{}}
	}
	return nil
}

// furnish puts what the shell needs into a directory, and returns its environment:
// this program by its name, and the names of the hosts.
func (t *tour) furnish(dir string) ([]string, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := os.Symlink(own, filepath.Join(dir, "synscope")); err != nil {
		return nil, err
	}
	hosts := filepath.Join(dir, "hosts")
	if err := os.WriteFile(hosts, []byte(hostsFile(t.lab)), 0o644); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // a run that gives up root still reads it
		return nil, err
	}
	return append(os.Environ(), hostsVariable+"="+hosts, "PATH="+dir+":"+os.Getenv("PATH"), "PS1=demo> "), nil
}

// hostsFile are the names of a lab in the manner of hosts(5).
func hostsFile(l *lab.Lab) string {
	lines := "127.0.0.1 localhost\n::1 localhost\n"
	for _, h := range l.Hosts() {
		lines += fmt.Sprintf("%v %s\n%v %s\n", h.Addr4(), h.Name, h.Addr6(), h.Name)
	}
	return lines
}

// runShell runs the shell, in a mount namespace of its own where that may be: there
// other programs find the names too. What the terminal sends is for the shell.
func runShell(ctx context.Context, env []string) (code int, err error) {
	keys := make(chan os.Signal, 8)
	signal.Notify(keys, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTSTP, syscall.SIGTTOU)
	defer signal.Stop(keys)
	for _, flags := range []uintptr{syscall.CLONE_NEWNS, 0} {
		cmd := exec.CommandContext(ctx, "/proc/self/exe", shellWord)
		cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, env
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: flags}
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGHUP) }
		if err = cmd.Start(); err != nil {
			continue
		}
		err = cmd.Wait()
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			return max(ended.ExitCode(), 0), nil
		}
		return 0, err
	}
	return 0, err
}

// becomeShell is that process: it puts the names over /etc/hosts, where it may, and
// becomes the shell.
func becomeShell() int {
	if hosts := os.Getenv(hostsVariable); hosts != "" {
		syscall.Mount(hosts, "/etc/hosts", "", syscall.MS_BIND, "") // else synscope alone knows them
	}
	path, args := shellCommand(isTerminal(os.Stdin))
	err := syscall.Exec(path, args, os.Environ())
	fmt.Fprintf(os.Stderr, "synscope: %s: %v\n", path, err)
	return exitUnable
}

// shellCommand is the user's shell for a terminal, and sh for a script on standard
// input. bash would set a prompt of its own.
func shellCommand(interactive bool) (path string, args []string) {
	shell, err := exec.LookPath(os.Getenv("SHELL"))
	switch {
	case !interactive || err != nil:
		return "/bin/sh", []string{"sh"}
	case strings.HasSuffix(shell, "/bash"):
		return shell, []string{"bash", "--norc", "-i"}
	}
	return shell, []string{filepath.Base(shell), "-i"}
}
