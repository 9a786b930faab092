package cli

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"synscope/internal/privilege"
)

// startKeeper starts this program again, with a socket between the two. It is in a
// process group of its own, so that Ctrl-C is the other's to hear.
func startKeeper(word string) (net.Conn, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "keeper"), os.NewFile(uintptr(fds[1]), "kept")
	defer ours.Close() // net.FileConn has a copy
	defer theirs.Close()
	privilege.KeepInherited()
	cmd := exec.Command("/proc/self/exe", word)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.Env = keeperEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go cmd.Wait() // it ends when its socket does
	return net.FileConn(ours)
}

// keeperEnv is what it needs of the environment: who called sudo.
func keeperEnv() (env []string) {
	for _, name := range []string{"SUDO_UID", "SUDO_GID"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, fmt.Sprintf("%s=%s", name, value))
		}
	}
	return env
}
