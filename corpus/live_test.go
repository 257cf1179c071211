package corpus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"
)

// TestLive loads every program into this machine's kernel, which must be the Linux
// that the corpus speaks of, and compares verdict and message. Nothing is attached.
func TestLive(t *testing.T) {
	needLinux(t)
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			if m := p.Linux.Message; testing.Short() && m != nil && m.MatchString("BPF program is too large.") {
				t.Skip("the kernel takes a second for its million instructions")
			}
			log, err := loadLive(p.Load)
			var env *envError
			if errors.As(err, &env) {
				t.Skip(err)
			}
			switch {
			case (err == nil) != p.Linux.Accept:
				t.Errorf("%s:%d: Linux says %v, expected accept=%v\n%s", p.File, p.Line, err, p.Linux.Accept, tail(log))
			case err != nil && p.Linux.Message != nil && !p.Linux.Message.MatchString(log):
				t.Errorf("%s:%d: the kernel's log does not match %q\n%s", p.File, p.Line, p.Linux.Message, tail(log))
			case err != nil:
				t.Logf("%s:%d: %s", p.File, p.Line, tail(log))
			}
		})
	}
}

// needLinux skips unless this is Linux 6.18 with bpf(2) permitted.
func needLinux(t *testing.T) {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Skip(err)
	}
	if release := unix.ByteSliceToString(u.Release[:]); !strings.HasPrefix(release, "6.18.") || runtime.GOARCH != "amd64" {
		t.Skipf("the expectations are those of Linux 6.18 on x86-64, this is %s on %s", release, runtime.GOARCH)
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		t.Skipf("bpf(2) is not permitted: %v", err)
	}
	probe := &loader.Program{Type: "socket_filter", License: "GPL", Insns: []isa.Instruction{
		{Op: isa.ClassALU64 | isa.CodeMOV}, {Op: isa.OpExit},
	}}
	if _, err := loadLive(probe); err != nil {
		t.Skipf("bpf(2) is not permitted: %v", err)
	}
}

// envError: the kernel could not be asked.
type envError struct{ err error }

func (e *envError) Error() string { return "not judged here: " + e.err.Error() }

// tail returns the last lines of a verifier log that say something.
func tail(log string) string {
	var keep []string
	for l := range strings.Lines(log) {
		l = strings.TrimSpace(l)
		if l != "" && !strings.HasPrefix(l, "processed ") && !strings.HasPrefix(l, "verification time") && !strings.HasPrefix(l, "stack depth") {
			keep = append(keep, l)
		}
	}
	return strings.Join(keep[max(0, len(keep)-2):], " / ")
}

// loadLive gives p to the kernel and takes it back. The error is the kernel's.
func loadLive(p *loader.Program) (log string, err error) {
	fds, closeMaps, err := liveMaps(p)
	defer closeMaps()
	if err != nil {
		return "", &envError{err}
	}
	insns := make([]isa.Instruction, len(p.Insns))
	copy(insns, p.Insns)
	for _, r := range p.Refs {
		insns[r.Insn].Imm = int32(fds[r.Map])
	}
	if err := resolveKfuncs(p, insns); err != nil {
		return "", &envError{err}
	}
	code := encode(insns)
	typ, err := ebpfType(p.Type)
	if err != nil {
		return "", &envError{err}
	}
	attr := progAttr{
		progType: typ, insnCnt: uint32(len(code) / 8), attachType: p.Attach, progFlags: p.Flags,
	}
	var pins runtime.Pinner // stacks move
	defer pins.Unpin()
	address := func(b []byte) uint64 {
		pins.Pin(&b[0])
		return uint64(uintptr(unsafe.Pointer(&b[0])))
	}
	attr.insns = address(code)
	attr.license = address(append([]byte(p.License), 0))
	if p.Sleepable {
		attr.progFlags |= unix.BPF_F_SLEEPABLE
	}
	if p.StrictAlignment {
		attr.progFlags |= unix.BPF_F_STRICT_ALIGNMENT
	}
	if p.AttachTo != "" {
		if attr.attachBTF, err = attachID(p); err == nil && p.Type == "struct_ops" {
			attr.attachType, err = memberIndex(p)
		}
		if err != nil {
			return "", &envError{err}
		}
	}
	buf := make([]byte, 1<<16)
	call := func() (int, error) {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		if errno != 0 {
			return -1, errno
		}
		return int(fd), nil
	}
	// Level 4 is messages without a trace of every instruction.
	attr.logLevel, attr.logSize, attr.logBuf = 4, uint32(len(buf)), address(buf)
	run := func() {
		// A signal, such as the Go runtime sends, ends a verification with EAGAIN.
		fd, e := call()
		for tries := 0; e == unix.EAGAIN && tries < 20; tries++ {
			fd, e = call()
		}
		if err = e; e == nil {
			unix.Close(fd)
		}
	}
	if p.Unprivileged {
		err2 := withoutPerfmon(run)
		if err2 != nil {
			return "", &envError{err2}
		}
	} else {
		run()
	}
	log, _, _ = strings.Cut(string(buf), "\x00")
	return log, err
}

// progAttr is the start of bpf_attr of BPF_PROG_LOAD.
type progAttr struct {
	progType, insnCnt              uint32
	insns, license                 uint64
	logLevel, logSize              uint32
	logBuf                         uint64
	kernVersion, progFlags         uint32
	name                           [16]byte
	ifindex, attachType            uint32
	btfFD, funcSize                uint32
	funcInfo                       uint64
	funcCnt, lineSize              uint32
	lineInfo                       uint64
	lineCnt, attachBTF, attachProg uint32
	coreCnt                        uint32
	fdArray, cores                 uint64
	coreSize, _                    uint32
}

// encode returns the slots as the kernel of a little-endian machine takes them.
func encode(insns []isa.Instruction) []byte {
	var b bytes.Buffer
	var next int32
	for k, i := range insns {
		imm := i.Imm
		if k > 0 && insns[k-1].IsLdImm64() {
			imm = next
		}
		next = i.Next
		b.WriteByte(i.Op)
		b.WriteByte(uint8(i.Src)<<4 | uint8(i.Dst))
		binary.Write(&b, binary.LittleEndian, i.Off)
		binary.Write(&b, binary.LittleEndian, imm)
	}
	return b.Bytes()
}

// withoutPerfmon runs f on a thread that keeps CAP_BPF and CAP_NET_ADMIN alone. The
// thread ends with it.
func withoutPerfmon(f func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not be used again
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var caps [2]unix.CapUserData
		set := func(c uint) {
			caps[c/32].Effective |= 1 << (c % 32)
			caps[c/32].Permitted |= 1 << (c % 32)
		}
		set(unix.CAP_BPF)
		set(unix.CAP_NET_ADMIN)
		err := unix.Capset(&hdr, &caps[0])
		if err == nil {
			f()
		}
		done <- err
	}()
	return <-done
}

// liveMaps creates the maps of p, by index.
func liveMaps(p *loader.Program) (fds []int, closeAll func(), err error) {
	var made []*ebpf.Map
	closeAll = func() {
		for _, m := range made {
			m.Close()
		}
	}
	for _, m := range p.Maps {
		spec, err := mapSpec(m)
		if err != nil {
			return nil, closeAll, err
		}
		if m.Inner != nil {
			if spec.InnerMap, err = mapSpec(m.Inner); err != nil {
				return nil, closeAll, err
			}
		}
		em, err := ebpf.NewMap(spec)
		if err != nil {
			return nil, closeAll, err
		}
		made = append(made, em)
		fds = append(fds, em.FD())
		if m.Data != nil {
			value := make([]byte, m.ValueSize)
			copy(value, m.Data)
			if err := em.Put(uint32(0), value); err != nil {
				return nil, closeAll, err
			}
		}
		if m.Frozen {
			if err := em.Freeze(); err != nil {
				return nil, closeAll, err
			}
		}
	}
	return fds, closeAll, nil
}

func mapSpec(m *loader.Map) (*ebpf.MapSpec, error) {
	t, ok := Target().MapType(m.Type)
	if !ok {
		return nil, errors.New("unknown map type " + m.Type)
	}
	spec := &ebpf.MapSpec{
		Name: "corpus", Type: ebpf.MapType(t.ID), KeySize: m.KeySize, ValueSize: m.ValueSize,
		MaxEntries: m.MaxEntries, Flags: m.Flags,
	}
	if len(m.Fields) > 0 {
		spec.Key, spec.Value = &btf.Int{Name: "int", Size: m.KeySize}, valueType(m)
	}
	return spec, nil
}

// valueType is a structure with the special fields of a map's values.
func valueType(m *loader.Map) btf.Type {
	word := &btf.Int{Name: "unsigned int", Size: 4}
	st := &btf.Struct{Name: "value", Size: m.ValueSize}
	for _, f := range m.Fields {
		st.Members = append(st.Members, btf.Member{Name: f.Kind, Offset: btf.Bits(8 * f.Offset), Type: &btf.Struct{
			Name: "bpf_" + f.Kind, Size: f.Size,
			Members: []btf.Member{{Name: "opaque", Type: &btf.Array{Index: word, Type: word, Nelems: f.Size / 4}}},
		}})
	}
	return st
}

func ebpfType(name string) (uint32, error) {
	pt, ok := Target().ProgType(name)
	if !ok {
		return 0, errors.New("unknown program type " + name)
	}
	return pt.ID, nil
}

// hostBTF is what this machine's kernel says of its types.
var hostBTF = sync.OnceValues(btf.LoadKernelSpec)

// resolveKfuncs puts the kernel's numbers of functions into calls.
func resolveKfuncs(p *loader.Program, insns []isa.Instruction) error {
	if len(p.Kfuncs) == 0 {
		return nil
	}
	spec, err := hostBTF()
	if err != nil {
		return err
	}
	for pc, name := range p.Kfuncs {
		var fn *btf.Func
		if err := spec.TypeByName(name, &fn); err != nil {
			return err
		}
		id, err := spec.TypeID(fn)
		if err != nil {
			return err
		}
		insns[pc].Imm = int32(id)
	}
	return nil
}

// memberIndex is which member of a structure p implements.
func memberIndex(p *loader.Program) (uint32, error) {
	spec, err := hostBTF()
	if err != nil {
		return 0, err
	}
	name, member, _ := strings.Cut(p.AttachTo, ":")
	var st *btf.Struct
	if err := spec.TypeByName(name, &st); err != nil {
		return 0, err
	}
	for i, m := range st.Members {
		if m.Name == member {
			return uint32(i), nil
		}
	}
	return 0, errors.New("no member " + p.AttachTo)
}

// attachID finds the BTF id of what p traces.
func attachID(p *loader.Program) (uint32, error) {
	spec, err := hostBTF()
	if err != nil {
		return 0, err
	}
	const rawTracepoint = 23
	if p.Attach == rawTracepoint {
		var td *btf.Typedef
		if err := spec.TypeByName("btf_trace_"+p.AttachTo, &td); err != nil {
			return 0, err
		}
		id, err := spec.TypeID(td)
		return uint32(id), err
	}
	if name, _, ok := strings.Cut(p.AttachTo, ":"); ok {
		var st *btf.Struct
		if err := spec.TypeByName(name, &st); err != nil {
			return 0, err
		}
		id, err := spec.TypeID(st)
		return uint32(id), err
	}
	const lsm, iterator = 27, 28
	name := map[uint32]string{lsm: "bpf_lsm_", iterator: "bpf_iter_"}[p.Attach] + p.AttachTo
	var fn *btf.Func
	if err := spec.TypeByName(name, &fn); err != nil {
		return 0, err
	}
	id, err := spec.TypeID(fn)
	return uint32(id), err
}
