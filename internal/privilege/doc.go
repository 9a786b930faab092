// Package privilege gives up what a process does not need any more, once it has
// opened all that takes a right: what reads strangers' packets from then on can
// neither use the rights that opened the sockets nor get them back.
//
//	sockets, files := openEverything()
//	done, err := privilege.Drop(privilege.Config{Write: []string{"scan.ckpt"}})
//
// [Drop] does it for all threads and for good: the user who called sudo(8)
// instead of root; no effective, permitted, inheritable or ambient capability, and
// none in the bounding set where CAP_SETPCAP was there to empty it
// (capabilities(7)); no_new_privs, with which no program that is executed gets one
// in any case; and, where the kernel has them, Landlock
// (landlock(7)), which leaves of the file system what programs read to run and
// the directories of files still to be written, and a seccomp filter (seccomp(2))
// that refuses system calls that no prober makes.
package privilege
