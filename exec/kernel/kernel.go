// Package kernel runs programs in the kernel of this machine: the same Executor as
// the interpreter, over bpf(2).
//
// The idea: a program is loaded, its maps are made and filled from the Input, and
// BPF_PROG_TEST_RUN runs it on the Input's packet. Nothing is ever attached, so
// nothing of the host sees the program.
//
// Source: bpf(2) as Linux documents it; Documentation/bpf/bpf_prog_run.rst.
//
// The trap: what the kernel decides (time, identities, other fields of the
// context) is the host's, not the Input's. Outcomes are comparable with the
// interpreter's for inputs with seed 0 and programs that ask for none of it; PC and
// Steps are unknown to the kernel, and R0 is its low half.
package kernel

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/bpfcheck/bpfcheck/exec"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// Executor loads programs into the kernel. The zero value is ready to use.
type Executor struct{}

var _ exec.Executor = Executor{}

// Name implements exec.Executor.
func (Executor) Name() string { return "kernel" }

// Rejected is a refusal of the kernel's verifier.
type Rejected struct {
	Errno error
	// Log is what the verifier says, without its trace.
	Log string
}

// Error gives the last line of the log that says something.
func (r *Rejected) Error() string {
	if r.Message() == "" {
		return "the kernel refuses the program: " + r.Errno.Error()
	}
	return "the kernel refuses the program: " + r.Message()
}

// Message is the last line of the log that says something.
func (r *Rejected) Message() (last string) {
	for l := range strings.Lines(r.Log) {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "processed ") && !strings.HasPrefix(l, "verification time") && !strings.HasPrefix(l, "stack depth") {
			last = l
		}
	}
	return last
}

// ErrPermission: this process may not use bpf(2), or the host has none.
var ErrPermission = errors.New("bpf(2) is not permitted here: it needs Linux and CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON")

// Available returns nil if programs can be loaded here, else ErrPermission with the
// reason.
func Available() error { return available() }

var available = sync.OnceValue(func() error {
	if err := rlimit.RemoveMemlock(); err != nil {
		return fmt.Errorf("%w (%w)", ErrPermission, err)
	}
	probe := &image{typ: uint32(ebpf.SocketFilter), license: "GPL", insns: []isa.Instruction{
		{Op: isa.ClassALU64 | isa.CodeMOV}, {Op: isa.OpExit},
	}}
	fd, _, err := probe.load()
	if err != nil {
		return fmt.Errorf("%w (%w)", ErrPermission, err)
	}
	unix.Close(fd)
	return nil
})

// testable are the program types that BPF_PROG_TEST_RUN runs on a packet, a context
// or nothing.
var testable = map[string]bool{
	"socket_filter": true, "sched_cls": true, "sched_act": true, "xdp": true, "cgroup_skb": true,
	"lwt_in": true, "lwt_out": true, "lwt_xmit": true, "lwt_seg6local": true, "flow_dissector": true,
	"sk_lookup": true, "raw_tracepoint": true, "syscall": true,
}

// program is a loaded program.
type program struct {
	mu   sync.Mutex
	prog *loader.Program
	opts exec.Options
	kind *ebpf.Program
	maps []*ebpf.Map
	// tails are the programs that tail calls may go to, by name, as far as asked for.
	tails map[string]*ebpf.Program
}

// Load implements exec.Executor. The error is ErrPermission, a *Rejected, or says
// what is not supported.
func (Executor) Load(p *loader.Program, opts exec.Options) (exec.Runnable, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	if opts.Target == nil {
		return nil, errors.New("kernel: no target")
	}
	if opts.Raw || p.Type == "" {
		return nil, errors.New("kernel: a raw program has no program type")
	}
	if !testable[p.Type] {
		return nil, fmt.Errorf("kernel: programs of type %s have no test run", p.Type)
	}
	return load(p, opts)
}

// Verify asks the kernel's verifier for its verdict on a program of any type: nil,
// a *Rejected, or an error that says why it could not be asked.
func Verify(p *loader.Program, opts exec.Options) error {
	if err := Available(); err != nil {
		return err
	}
	k, err := load(p, opts)
	if err != nil {
		return err
	}
	return k.Close()
}

func load(p *loader.Program, opts exec.Options) (*program, error) {
	switch {
	case p.Problem != "":
		return nil, fmt.Errorf("kernel: %s", p.Problem)
	case p.BigEndian != bigEndian:
		return nil, errors.New("kernel: the program is for a machine of the other byte order")
	case len(p.Kfuncs) > 0:
		return nil, errors.New("kernel: calls of kernel functions are not supported")
	case p.AttachTo != "":
		return nil, errors.New("kernel: programs with a BTF attach target are not supported")
	case len(p.Insns) == 0 || len(p.Insns) > 1<<20:
		return nil, fmt.Errorf("kernel: %d instructions", len(p.Insns))
	}
	k := &program{prog: p, opts: opts, tails: map[string]*ebpf.Program{}}
	err := k.makeMaps(opts.Target)
	if err == nil {
		k.kind, err = k.load(p)
	}
	if err != nil {
		k.Close()
		return nil, err
	}
	return k, nil
}

// load gives one program over the maps of k to the kernel.
func (k *program) load(p *loader.Program) (*ebpf.Program, error) {
	kind, ok := k.opts.Target.ProgType(p.Type)
	if !ok {
		return nil, fmt.Errorf("kernel: unknown program type %q", p.Type)
	}
	img := &image{typ: kind.ID, attach: p.Attach, flags: p.Flags, license: p.License, insns: append([]isa.Instruction(nil), p.Insns...)}
	if p.StrictAlignment {
		img.flags |= unix.BPF_F_STRICT_ALIGNMENT
	}
	for _, r := range p.Refs {
		switch r.Kind {
		case loader.RefMap, loader.RefMapValue:
			n := slices.Index(k.prog.Maps, p.Maps[r.Map])
			if n < 0 {
				return nil, fmt.Errorf("kernel: instruction %d refers to a map of another program", r.Insn)
			}
			img.insns[r.Insn].Imm = int32(k.maps[n].FD())
			if r.Kind == loader.RefMapValue {
				img.insns[r.Insn].Next = r.Offset
			}
		case loader.RefFunc:
		default:
			return nil, fmt.Errorf("kernel: instruction %d refers to a kernel symbol", r.Insn)
		}
	}
	fd, log, err := img.load()
	if err != nil {
		return nil, &Rejected{err, log}
	}
	made, err := ebpf.NewProgramFromFD(fd)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("kernel: %w", err)
	}
	return made, nil
}

// Close gives program and maps back. Without it they go with the garbage.
func (k *program) Close() error {
	var errs []error
	for _, m := range k.maps {
		errs = append(errs, m.Close())
	}
	for _, p := range k.tails {
		errs = append(errs, p.Close())
	}
	if k.kind != nil {
		errs = append(errs, k.kind.Close())
	}
	k.maps, k.kind, k.tails = nil, nil, nil
	return errors.Join(errs...)
}

// bigEndian is the byte order of this machine.
var bigEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 0
}()

// image is what BPF_PROG_LOAD takes.
type image struct {
	typ, attach, flags uint32
	license            string
	insns              []isa.Instruction
}

// progAttr is the start of bpf_attr of BPF_PROG_LOAD.
type progAttr struct {
	progType, insnCnt     uint32
	insns, license        uint64
	logLevel, logSize     uint32
	logBuf                uint64
	kernVersion, flags    uint32
	name                  [16]byte
	ifindex, attachType   uint32
	btfFD, funcSize       uint32
	funcInfo              uint64
	funcCnt, lineInfoSize uint32
	lineInfo              uint64
	lineCnt, attachBTF    uint32
}

// maxRetries bounds the attempts of a load that signals interrupt.
const maxRetries = 20

// load gives the program to the kernel.
func (i *image) load() (fd int, log string, err error) {
	code := isa.Encode(i.insns, bigEndian)
	license := append([]byte(i.license), 0)
	buf := make([]byte, 1<<16)
	var pins runtime.Pinner // stacks move
	defer pins.Unpin()
	address := func(b []byte) uint64 {
		pins.Pin(&b[0])
		return uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	attr := progAttr{
		progType: i.typ, insnCnt: uint32(len(i.insns)), insns: address(code), license: address(license),
		flags: i.flags, attachType: i.attach,
		logLevel: 4, logSize: uint32(len(buf)), logBuf: address(buf), // 4: messages without a trace
	}
	for range maxRetries {
		r, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		if errno == 0 {
			return int(r), "", nil
		}
		err = errno
		if errno != unix.EAGAIN { // a signal, such as the Go runtime sends, ends a verification
			break
		}
	}
	log, _, _ = strings.Cut(string(buf), "\x00")
	return -1, log, err
}

// Close gives what an Executor of this package loaded back to the kernel.
func Close(r exec.Runnable) error {
	if k, ok := r.(*program); ok {
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.Close()
	}
	return nil
}
