//go:build linux

package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// forwarded are the signals passed on to the copy. It has its own process
// group, so the terminal sends them to the original alone, and each arrives once.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT,
}

// copyOfSelf is the running program, to be started with the same arguments
// under attr.
func copyOfSelf(ctx context.Context, attr *syscall.SysProcAttr) (*exec.Cmd, error) {
	own, err := os.Readlink(ownNetNS)
	if err != nil {
		return nil, err
	}
	attr.Setpgid = true
	attr.Pdeathsig = syscall.SIGKILL
	cmd := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %s", marker, os.Getpid(), own))
	cmd.SysProcAttr = attr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd, nil
}

// wait passes signals on until the copy has ended, and returns its exit code.
func wait(cmd *exec.Cmd, signals chan os.Signal) (int, error) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-signals:
				pass(cmd.Process, s)
			case <-done:
				return
			}
		}
	}()
	err := cmd.Wait()
	signal.Stop(signals)
	close(done)
	if cmd.ProcessState == nil {
		return 0, err
	}
	return exitCode(cmd.ProcessState), nil
}

// pass forwards one signal. A stop from the terminal stops both processes, the
// copy first.
func pass(p *os.Process, s os.Signal) {
	if s != syscall.SIGTSTP {
		_ = p.Signal(s) // the copy may just have ended
		return
	}
	_ = p.Signal(syscall.SIGSTOP)
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
}

// exitCode is the shell's view of how a process ended.
func exitCode(state *os.ProcessState) int {
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return state.ExitCode()
}

// identity maps id to root of a new user namespace, as user_namespaces(7) lets
// anyone do for himself.
func identity(id int) []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
}
