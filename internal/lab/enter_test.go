//go:build linux

package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role makes the test binary act as a program that enters a lab.
const role = "SYNSCOPE_LAB_TEST_ROLE"

func TestMain(m *testing.M) {
	if play := os.Getenv(role); play != "" {
		os.Exit(act(play))
	}
	os.Exit(Main(m))
}

func act(play string) int {
	inside, code, err := Enter(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	if !inside {
		return code
	}
	switch play {
	case "exit":
		return 7
	case "interfaces":
		list, _ := net.Interfaces()
		fmt.Println(len(list), os.Geteuid())
		return 0
	case "signal":
		got := make(chan os.Signal, 2)
		signal.Notify(got, syscall.SIGTERM, syscall.SIGINT)
		fmt.Println("ready")
		s := <-got
		time.Sleep(50 * time.Millisecond) // for a second one, if any
		return int(s.(syscall.Signal)) + 100*len(got)
	case "wait":
		fmt.Println(os.Getpid())
		time.Sleep(time.Minute)
	case "killed":
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	}
	return 98
}

// greeting is what a role writes before it goes on.
type greeting uint8

const (
	noLine greeting = iota
	oneLine
)

// start runs the binary in a role and returns its first line of output.
func start(t *testing.T, play string, want greeting) (*exec.Cmd, string) {
	t.Helper()
	Require(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"="+play)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if want == noLine {
		return cmd, ""
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return cmd, strings.TrimSpace(line)
}

func exitOf(cmd *exec.Cmd) int {
	cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

func TestEnterReturnsTheExitCode(t *testing.T) {
	for play, want := range map[string]int{"exit": 7, "killed": 128 + 9} {
		cmd, _ := start(t, play, noLine)
		if got := exitOf(cmd); got != want {
			t.Errorf("%s: exit code %d, want %d", play, got, want)
		}
	}
}

func TestEnterIsAloneWithLoopback(t *testing.T) {
	if _, line := start(t, "interfaces", oneLine); line != "1 0" {
		t.Errorf("interfaces and user inside: %q, want only lo, as root", line)
	}
}

func TestEnterForwardsSignalsOnce(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		cmd, line := start(t, "signal", oneLine)
		if line != "ready" {
			t.Fatalf("got %q", line)
		}
		cmd.Process.Signal(s)
		if got := exitOf(cmd); got != int(s) {
			t.Errorf("%v: exit code %d, want %d", s, got, int(s))
		}
	}
}

// kill -9 of the original takes the copy with it.
func TestEnterLeavesNothingBehind(t *testing.T) {
	cmd, line := start(t, "wait", oneLine)
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Kill()
	cmd.Wait()
	await(t, func() bool { return gone(pid) == nil })
}

// gone is nil if the process has ended, reaped or not.
func gone(pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil || strings.Contains(string(stat), ") Z ") {
		return nil
	}
	return errors.New("still alive")
}
