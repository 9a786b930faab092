package outfile

import (
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// caller is the user and the group who called sudo(8), if root runs this for one.
func caller() (uid, gid int, called bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil || uid <= 0 || uint64(uid) >= math.MaxUint32 { // all ones are no user
		return 0, 0, false
	}
	gid, err = strconv.Atoi(os.Getenv("SUDO_GID"))
	if err != nil || gid < 0 || uint64(gid) >= math.MaxUint32 {
		gid = -1
	}
	return uid, gid, true
}

// giveToCaller makes a new file the caller's. Where the file system does not know
// users, it stays whose it is.
func giveToCaller(fd int) {
	if uid, gid, called := caller(); called {
		unix.Fchown(fd, uid, gid)
	}
}
