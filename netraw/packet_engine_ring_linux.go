package netraw

import (
	"cmp"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

const (
	// A block is handed over after RingDelay however little it holds: many
	// small ones bridge a longer absence of the reader than a few large ones.
	blockSize   = 1 << 15
	frameStride = 2048 // only has to divide blockSize; blocks are filled without gaps
	leastBlocks = 2
)

// ring is a receive ring of TPACKET_V3 (packet(7),
// Documentation/networking/packet_mmap.rst): the kernel fills blocks of the
// shared memory and hands each over when it is full, or RingDelay old. What
// Recv returns lies in the block; the next Recv past its end gives it back.
type ring struct {
	socket
	mu      sync.Mutex // one Recv at a time
	memory  []byte
	block   int                   // the one being read
	reading atomic.Int32          // the same, for others
	next    *unix.Tpacket3Hdr     // in it; nil where none is held
	left    uint32                // packets not yet returned, from next on
	wait    func(fd uintptr) bool // made once: a closure would allocate

	received atomic.Uint64
	lost     dropCount
	stacked  sightings
	quiet    quiet
}

func (r *ring) open(cfg Config, filter []bpf.Instruction) (err error) {
	size := cmp.Or(max(cfg.ReceiveBuffer, 0), defaultReceiveBuffer)
	request := unix.TpacketReq3{
		Block_size:     blockSize,
		Block_nr:       uint32(max(leastBlocks, size/blockSize)),
		Frame_size:     frameStride,
		Retire_blk_tov: uint32(RingDelay / time.Millisecond),
	}
	request.Frame_nr = request.Block_nr * (blockSize / frameStride)
	r.wait = r.ready
	r.socket, err = newSocket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0, func(fd int) error {
		err := setOptions(fd, option{"PACKET_VERSION", unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3})
		if err != nil {
			return err
		}
		if err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
			return os.NewSyscallError("setsockopt PACKET_RX_RING", err)
		}
		length := int(request.Block_nr) * blockSize
		r.memory, err = unix.Mmap(fd, 0, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return os.NewSyscallError("mmap", err)
		}
		return setUpReceive(fd, cfg, filter)
	})
	return err
}

func (r *ring) header() *unix.TpacketHdrV1 { return r.headerOf(r.block) }

func (r *ring) headerOf(n int) *unix.TpacketHdrV1 {
	block := unsafe.Pointer(&r.memory[n*blockSize])
	return (*unix.TpacketHdrV1)(unsafe.Add(block, unsafe.Offsetof(unix.TpacketBlockDesc{}.Hdr)))
}

// ready reports whether the block to read is ours; false means to wait.
func (r *ring) ready(uintptr) bool {
	r.quiet.begin()
	return r.quiet.end(r.ours())
}

func (r *ring) ours() bool { return r.handedOver(r.block) }

// handedOver reports whether the kernel has filled a block.
func (r *ring) handedOver(n int) bool {
	return atomic.LoadUint32(&r.headerOf(n).Block_status)&unix.TP_STATUS_USER != 0
}

// release gives the block back and goes on to the next.
func (r *ring) release() {
	atomic.StoreUint32(&r.header().Block_status, unix.TP_STATUS_KERNEL)
	r.block = (r.block + 1) % (len(r.memory) / blockSize)
	r.reading.Store(int32(r.block))
	r.next = nil
}

func (r *ring) recv(pkts []Packet) (n int, err error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n == 0 && err == nil {
		if err = r.advance(); err == nil {
			n = r.take(pkts)
		}
	}
	r.received.Add(uint64(n))
	return n, err
}

// advance waits until the block being read has a packet left.
func (r *ring) advance() error {
	for r.left == 0 {
		if r.next != nil {
			r.release()
		}
		if err := r.raw.Read(r.wait); err != nil {
			return opError("recv", "packet", nil, waitError(err))
		}
		hdr := r.header()
		r.left = hdr.Num_pkts
		r.next = (*unix.Tpacket3Hdr)(unsafe.Pointer(&r.memory[r.block*blockSize+int(hdr.Offset_to_first_pkt)]))
	}
	return nil
}

// take describes what is left of the block, as far as there is room, without
// what was seen already on an interface below.
func (r *ring) take(pkts []Packet) (n int) {
	for n < len(pkts) && r.left > 0 {
		r.describe(&pkts[n])
		if !r.stacked.again(&pkts[n]) {
			n++
		}
		r.left--
		if r.left > 0 {
			r.next = (*unix.Tpacket3Hdr)(unsafe.Add(unsafe.Pointer(r.next), r.next.Next_offset))
		}
	}
	return n
}

// describe makes a Packet of the next one of the block.
func (r *ring) describe(p *Packet) {
	h := r.next
	from := (*unix.RawSockaddrLinklayer)(unsafe.Add(unsafe.Pointer(h), tpacketAlign(unsafe.Sizeof(*h))))
	data := (*byte)(unsafe.Add(unsafe.Pointer(h), h.Net))
	*p = Packet{
		Data:     unsafe.Slice(data, h.Snaplen),
		Time:     time.Unix(int64(h.Sec), int64(h.Nsec)),
		Outgoing: from.Pkttype == unix.PACKET_OUTGOING,
		Partial:  h.Status&unix.TP_STATUS_CSUMNOTREADY != 0,
		Valid:    h.Status&unix.TP_STATUS_CSUM_VALID != 0,
		IfIndex:  int(from.Ifindex),
	}
}

// tpacketAlign is TPACKET_ALIGN of linux/if_packet.h.
func tpacketAlign(n uintptr) uintptr {
	return (n + unix.TPACKET_ALIGNMENT - 1) &^ (unix.TPACKET_ALIGNMENT - 1)
}

func (r *ring) setReadDeadline(t time.Time) error {
	return waitError(r.file.SetReadDeadline(t))
}

// drops is that of receiver: the statistics of a ring have a third number,
// how often the queue froze, which drops has in packets.
func (r *ring) drops() uint64 {
	return r.lost.sum(r.raw, func(fd int) (uint32, error) {
		st, err := unix.GetsockoptTpacketStatsV3(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return 0, err
		}
		return st.Drops, nil
	})
}

// close unblocks Recv, waits for it, and unmaps the ring.
func (r *ring) close() error {
	if r.raw == nil {
		return r.unmap()
	}
	r.drops()
	err := r.socket.close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(err, r.unmap())
}

func (r *ring) unmap() error {
	if r.memory == nil {
		return nil
	}
	err := unix.Munmap(r.memory)
	r.memory, r.left, r.next = nil, 0, nil
	return os.NewSyscallError("munmap", err)
}
