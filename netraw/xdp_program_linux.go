package netraw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	bpflink "github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/netraw/bpf"
)

const (
	// probeBatch is BATCH of bpf/send.h, spareBytes is SPARE.
	probeBatch = 1 << 13
	spareBytes = 2
	// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES of linux/bpf.h.
	liveFrames = 1 << 1
)

// xdpProgram is bpf/engine.c in the kernel: loaded, its variables mapped into
// this process, attached.
type xdpProgram struct {
	objects bpf.EngineObjects
	hook    bpflink.Link // on the interface
	settle  bpflink.Link // on the tracepoint
	native  bool

	memory   []byte // the variables, of which these are parts
	run      *bpf.EngineRun
	hops     []bpf.EngineHop
	refusals []uint32
	asleep   *uint32
	probes4  []bpf.EngineProbe4
	probes6  []bpf.EngineProbe6
}

// xdpSettings is all that the program is told before it is loaded.
type xdpSettings struct {
	ifindex   int
	redirects bool // it is a veth: see bpf/recv.h
	metal     bool // it finishes and verifies checksums: see bpf/recv.h, unfinished
	mac       [6]byte
	ports     []uint16
	templates Templates
	cookie    XDPCookie
	ring      int // bytes; 0 for the default
}

// load brings the program into the kernel; nothing is attached yet.
func (p *xdpProgram) load(s xdpSettings) error {
	spec, err := bpf.LoadEngine()
	if err != nil {
		return err
	}
	if err := s.apply(spec); err != nil {
		return err
	}
	memory := spec.Variables[bpf.EngineVarRun].SectionName
	loaded, err := ebpf.NewCollection(spec)
	if err != nil {
		return err
	}
	defer loaded.Close()
	if err := p.share(loaded.Maps[memory], spec.Variables); err != nil {
		return err
	}
	if err := loaded.Maps[bpf.EngineMapEgress].Put(uint32(0), uint32(s.ifindex)); err != nil {
		return err
	}
	return loaded.Assign(&p.objects)
}

// apply sets the program's constants.
func (s xdpSettings) apply(spec *ebpf.CollectionSpec) error {
	layout4, err := layout(s.templates.V4)
	if err != nil {
		return err
	}
	layout6, err := layout(s.templates.V6)
	if err != nil {
		return err
	}
	held := make([]byte, 1<<16)
	for _, port := range s.ports {
		held[htons(port)] = 1
	}
	if s.ring > 0 {
		spec.Maps[bpf.EngineMapReplies].MaxEntries = ringSize(s.ring)
	}
	for name, value := range map[string]any{
		bpf.EngineVarInterface: uint32(s.ifindex),
		bpf.EngineVarLayout4:   layout4,
		bpf.EngineVarLayout6:   layout6,
		bpf.EngineVarCookie:    s.cookie.forKernel(),
		bpf.EngineVarPorts:     held,
		bpf.EngineVarMac:       s.mac,
		bpf.EngineVarRedirects: s.redirects, bpf.EngineVarUnfinished: !s.metal,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return err
		}
	}
	return nil
}

// layout describes a template to the program; none has length 0.
func layout(t *craft.Template) (to bpf.EngineLayout, err error) {
	if t == nil {
		return to, nil
	}
	from := t.Layout()
	if len(from.Packet)%4 != 0 || len(from.Packet) > len(to.Packet) {
		return to, fmt.Errorf("a probe of %d bytes: %w", len(from.Packet), ErrXDPCookie)
	}
	copy(to.Packet[:], from.Packet)
	to.Length, to.Tsval = uint32(len(from.Packet)), uint32(from.TSval)
	to.HeaderSum, to.TcpSum = uint32(htons(from.HeaderSum)), uint32(htons(from.TCPSum))
	return to, nil
}

// forKernel is struct cookie.
func (c XDPCookie) forKernel() bpf.EngineCookie {
	consumed := craft.Segment{Flags: c.Flags}
	k := bpf.EngineCookie{
		K0:       binary.LittleEndian.Uint64(c.Key[:8]),
		K1:       binary.LittleEndian.Uint64(c.Key[8:]),
		Attempts: uint32(c.Attempts),
		Consumes: consumed.Len(),
	}
	if c.Flags.Has(craft.ACK) {
		k.Acknowledges = 1
	}
	if c.Flags&(craft.SYN|craft.ACK|craft.RST|craft.FIN) == craft.SYN {
		k.Opens = 1
	}
	return k
}

// share maps the program's variables into this process.
func (p *xdpProgram) share(m *ebpf.Map, at map[string]*ebpf.VariableSpec) (err error) {
	size := (int(m.ValueSize()) + os.Getpagesize() - 1) &^ (os.Getpagesize() - 1)
	p.memory, err = unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	variable := func(name string) unsafe.Pointer { return unsafe.Pointer(&p.memory[at[name].Offset]) }
	p.run = (*bpf.EngineRun)(variable(bpf.EngineVarRun))
	p.hops = unsafe.Slice((*bpf.EngineHop)(variable(bpf.EngineVarHops)), maxHops)
	p.refusals = unsafe.Slice((*uint32)(variable(bpf.EngineVarRefusals)), probeBatch)
	p.asleep = (*uint32)(variable(bpf.EngineVarAsleep))
	p.probes4 = unsafe.Slice((*bpf.EngineProbe4)(variable(bpf.EngineVarProbes4)), probeBatch)
	p.probes6 = unsafe.Slice((*bpf.EngineProbe6)(variable(bpf.EngineVarProbes6)), probeBatch)
	return nil
}

// attach hooks the program to the interface, the driver's own hook preferred,
// and then makes sure that this kernel can run it. The links go with their
// last file descriptor, and so with the process.
func (p *xdpProgram) attach(ifindex int) (err error) {
	if p.settle, err = bpflink.AttachTracing(bpflink.TracingOptions{Program: p.objects.Settle}); err != nil {
		return err
	}
	options := bpflink.XDPOptions{Program: p.objects.Engine, Interface: ifindex, Flags: bpflink.XDPDriverMode}
	p.hook, err = bpflink.AttachXDP(options)
	p.native = err == nil
	if err != nil {
		options.Flags = bpflink.XDPGenericMode
		if p.hook, err = bpflink.AttachXDP(options); err != nil {
			return err
		}
	}
	if err := needTransmit(ifindex); err != nil {
		return err
	}
	return p.tryOut()
}

// tryOut runs the sender with no probe laid out: it drops the frames.
func (p *xdpProgram) tryOut() error {
	*p.run = bpf.EngineRun{}
	return p.repeat(make([]byte, etherLen+minIPv4TCP), 2)
}

// minIPv4TCP is the length of both headers without options.
const minIPv4TCP = 40

// repeat runs the program n times as the sender, over frames as long as data
// is, but for spareBytes.
func (p *xdpProgram) repeat(data []byte, n int) error {
	_, err := p.objects.Engine.Run(&ebpf.RunOptions{
		Data: data, Repeat: uint32(n), Flags: liveFrames, BatchSize: frameBurst,
	})
	return err
}

func (p *xdpProgram) close() error {
	var errs []error
	for _, l := range []bpflink.Link{p.hook, p.settle} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	errs = append(errs, p.objects.Close())
	if p.memory != nil {
		errs = append(errs, os.NewSyscallError("munmap", unix.Munmap(p.memory)))
		p.memory = nil
	}
	return errors.Join(errs...)
}

// ringSize rounds up to a power of two, as BPF_MAP_TYPE_RINGBUF demands.
func ringSize(n int) uint32 {
	size := uint32(1 << 16)
	for int(size) < n && size < 1<<30 {
		size *= 2
	}
	return size
}
