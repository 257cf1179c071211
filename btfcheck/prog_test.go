//go:build linux

package btfcheck

import (
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// insn is one slot.
func insn(op, regs byte, imm uint32) []byte { return append([]byte{op, regs, 0, 0}, words(imm)...) }

// progCases are the rows of btf_rules.tsv that are about records of a program.
// Each changes the valid program of progInfo.
var progCases = []struct {
	rule   string // "" if valid
	change func(p *ProgInfo)
}{
	{"", func(p *ProgInfo) {}},
	{"B139", func(p *ProgInfo) { p.Funcs = Records{words(0, 2), 4} }},
	{"B139", func(p *ProgInfo) { p.Funcs = Records{make([]byte, 20), 10} }},
	{"B139", func(p *ProgInfo) { p.Funcs = Records{make([]byte, 256), 256} }},
	{"", func(p *ProgInfo) { p.Funcs = Records{words(0, 3, 0, 2, 4, 0), 12} }},
	{"B140", func(p *ProgInfo) { p.Funcs = Records{words(0, 3, 1, 2, 4, 0), 12} }},
	{"B141", func(p *ProgInfo) { p.Funcs.Data = words(1, 3, 2, 4) }},
	{"B142", func(p *ProgInfo) { p.Funcs.Data = words(0, 3, 0, 4) }},
	{"B143", func(p *ProgInfo) { p.Funcs.Data = words(0, 1, 2, 4) }},
	{"B143", func(p *ProgInfo) { p.Funcs.Data = words(0, 99, 2, 4) }},
	{"B144", func(p *ProgInfo) { p.Funcs.Data = words(0, 3) }},
	{"B145", func(p *ProgInfo) { p.Funcs.Data = words(0, 3, 3, 4) }},
	{"B147", func(p *ProgInfo) { p.Lines = Records{words(0, 1, 1), 12} }},
	{"B147", func(p *ProgInfo) { p.Lines = Records{make([]byte, 18), 18} }},
	{"B148", func(p *ProgInfo) { p.Lines = Records{words(0, 1, 1, 0, 1), 20} }},
	{"B149", func(p *ProgInfo) { p.Lines.Data = append(p.Lines.Data, words(2, 1, 1, 0)...) }},
	{"B150", func(p *ProgInfo) { p.Lines.Data = append(p.Lines.Data, words(5, 1, 1, 0)...) }},
	{"B151", func(p *ProgInfo) { p.Lines.Data = append(p.Lines.Data, words(3, 1, 1, 0)...) }},
	{"B152", func(p *ProgInfo) { p.Lines.Data = words(0, 9999, 1, 0, 2, 1, 1, 0) }},
	{"B153", func(p *ProgInfo) { p.Lines.Data = words(0, 1, 1, 0) }},
	{"B153", func(p *ProgInfo) { p.Lines.Data = words(0, 1, 1, 0, 4, 1, 1, 0) }},
	{"B153", func(p *ProgInfo) { p.Lines.Data = words(1, 1, 1, 0, 2, 1, 1, 0) }},
	{"B156", func(p *ProgInfo) { p.Relocs = Records{words(0, 5), 8} }},
	{"B157", func(p *ProgInfo) { p.Relocs.Data = words(4, 5, strAt("0"), 6) }},
	{"B158", func(p *ProgInfo) { p.Relocs.Data = words(40, 5, strAt("0"), 6) }},
	{"B159", func(p *ProgInfo) { p.Relocs.Data = words(32, 999, strAt("0"), 6) }},
	{"B160", func(p *ProgInfo) { p.Relocs.Data = words(32, 5, strAt("0:9"), 0) }},
	{"B160", func(p *ProgInfo) { p.Relocs.Data = words(32, 5, strAt("main"), 0) }},
	{"B160", func(p *ProgInfo) { p.Relocs.Data = words(32, 6, strAt("1"), 10) }},
	{"B160", func(p *ProgInfo) { p.Relocs.Data = words(32, 6, strAt("0:0"), 10) }},
	{"B161", func(p *ProgInfo) { p.Relocs.Data = words(32, 5, strAt("0"), 13) }},
	{"B162", func(p *ProgInfo) { p.Relocs.Data = words(8, 5, strAt("0"), 8) }},
	{"B162", func(p *ProgInfo) { p.Relocs.Data = words(16, 5, strAt("0:0"), 8) }},
	{"", func(p *ProgInfo) { p.Insns[20] = 1; p.Relocs.Data = words(16, 5, strAt("0"), 8) }},
	{"", func(p *ProgInfo) { p.Funcs.Data = words(0, 3, 2, 10) }},
	{"B180", func(p *ProgInfo) { p.Funcs.Data = words(0, 3, 2, 9) }},
	{"B180", func(p *ProgInfo) { p.Funcs.Data = words(0, 3, 2, 12) }},
	{"B155", func(p *ProgInfo) { p.ldAbs(); p.Funcs.Data = words(0, 3, 2, 8) }},
	{"B155", func(p *ProgInfo) { p.ldAbs(); p.Funcs = Records{} }},
	{"", func(p *ProgInfo) { p.ldAbs() }},
}

// ldAbs makes the subprogram load from the packet the old way.
func (p *ProgInfo) ldAbs() {
	p.Insns = slices.Concat(
		insn(0x85, 0x10, 1), // call 2; r1 is the context
		insn(0x95, 0, 0),
		insn(0xbf, 0x16, 0), // r6 = r1
		insn(0x20, 0, 0),    // r0 = packet word 0
		insn(0x95, 0, 0))
	p.Relocs = Records{}
}

func progInfo() ProgInfo {
	return ProgInfo{
		Insns: slices.Concat(
			insn(0x85, 0x10, 1), // call 2
			insn(0x95, 0, 0),
			insn(0x18, 0, 0), // r0 = 0, two slots
			insn(0, 0, 0),
			insn(0x95, 0, 0)),
		Subprogs: []uint32{0, 2},
		Funcs:    Records{words(0, 3, 2, 4), 8},
		Lines:    Records{words(0, 1, 1, 0, 2, 1, 1, 0), 16},
		Relocs:   Records{words(16, 5, strAt("0"), 6), 16},
	}
}

func TestProgram(t *testing.T) {
	s, err := Parse(progTypes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range progCases {
		p := progInfo()
		c.change(&p)
		got := CheckProgram(s, p)
		switch {
		case c.rule == "" && len(got) > 0:
			t.Errorf("case %d: %v, want nothing", i, &got[0])
		case c.rule != "" && len(got) == 0:
			t.Errorf("case %d: nothing, want %s", i, c.rule)
		case c.rule != "" && got[0].Rule != c.rule:
			t.Errorf("case %d: %v, want %s", i, &got[0], c.rule)
		}
	}
	// Rows about records of programs are all here; B19 is TestLimits'.
	_, others := ruleRows(t)
	covered := map[string]bool{"B19": true, "B146": true, "B154": true, "B163": true}
	for _, c := range progCases {
		covered[c.rule] = true
	}
	for _, id := range others {
		if !covered[number.FindString(id)] {
			t.Errorf("no case of row %s", id)
		}
	}
	if got := CheckProgram(nil, progInfo()); len(got) != 1 || got[0].Rule != "B163" {
		t.Errorf("without BTF: %v, want B163", got)
	}
}

// progLoad is the part of bpf(2)'s attributes that BPF_PROG_LOAD reads.
type progLoad struct {
	progType, insnCount  uint32
	insns, license       uint64
	logLevel, logSize    uint32
	log                  uint64
	kernVersion, flags   uint32
	name                 [16]byte
	ifindex, attachType  uint32
	btfFD, funcSize      uint32
	funcs                uint64
	funcCount, lineSize  uint32
	lines                uint64
	lineCount, attachBTF uint32
	attachFD, relocCount uint32
	fdArray, relocs      uint64
	relocSize, logTrue   uint32
}

// load loads a program. The verifier stops at any signal, such as those that the
// Go runtime preempts with.
func (a *progLoad) load() (fd int, errno unix.Errno) {
	for range 20 {
		n, _, e := unix.Syscall(unix.SYS_BPF, 5, uintptr(unsafe.Pointer(a)), unsafe.Sizeof(*a))
		if fd, errno = int(n), e; errno != unix.EAGAIN {
			break
		}
	}
	return fd, errno
}

// TestKernelAgreesOnPrograms loads the programs of TestProgram.
func TestKernelAgreesOnPrograms(t *testing.T) {
	k := openKernel(t)
	raw := progTypes()
	if d := Check(raw, Kernel); len(d) > 0 {
		t.Fatal(&d[0])
	}
	bl := btfLoad{btf: uint64(uintptr(unsafe.Pointer(&raw[0]))), size: uint32(len(raw))}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, 18, uintptr(unsafe.Pointer(&bl)), unsafe.Sizeof(bl))
	if errno != 0 {
		t.Fatal(errno, k.message(raw))
	}
	defer unix.Close(int(fd))
	ptr := func(b []byte) uint64 { return uint64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) }
	license := []byte("GPL\x00")
	for i, c := range progCases {
		p := progInfo()
		c.change(&p)
		clear(k.log)
		attr := progLoad{progType: 1, insnCount: uint32(len(p.Insns) / 8), insns: ptr(p.Insns), license: ptr(license),
			logLevel: 1, logSize: uint32(len(k.log)), log: ptr(k.log), btfFD: uint32(fd)}
		count := func(r Records) uint32 { return uint32(len(r.Data)) / max(r.Size, 1) }
		attr.funcs, attr.funcSize, attr.funcCount = ptr(p.Funcs.Data), p.Funcs.Size, count(p.Funcs)
		attr.lines, attr.lineSize, attr.lineCount = ptr(p.Lines.Data), p.Lines.Size, count(p.Lines)
		attr.relocs, attr.relocSize, attr.relocCount = ptr(p.Relocs.Data), p.Relocs.Size, count(p.Relocs)
		pfd, errno := attr.load()
		runtime.KeepAlive(p)
		if errno == 0 {
			unix.Close(pfd)
		}
		if (errno == 0) != (c.rule == "") {
			t.Errorf("case %d (%s): kernel says %v: %s", i, c.rule, errno, k.log[:slices.Index(k.log, 0)])
		}
	}
	runtime.KeepAlive(license)
	t.Logf("%d programs", len(progCases))
}
