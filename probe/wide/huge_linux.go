package wide

import (
	"syscall"
	"unsafe"
)

// hugePage is the usual size of one, in bytes.
const hugePage = 2 << 20

// inHugePages asks the kernel for huge pages below a table that is looked up at
// random (MADV_HUGEPAGE, madvise(2)): each look-up would else miss the TLB, and the
// first ones fault, for half of what an answer costs. It is a wish.
func inHugePages(words []uint64) {
	if len(words) == 0 {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) % hugePage)
	if whole := (len(b) - skip) / hugePage * hugePage; whole > 0 {
		syscall.Madvise(b[skip:skip+whole], syscall.MADV_HUGEPAGE)
	}
}
