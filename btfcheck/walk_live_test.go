//go:build linux

package btfcheck

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

var walkRounds = flag.Int("live.walks", 800, "loads inside structs compared with the kernel")

// tracer loads small programs on a tracepoint to see what the kernel makes of a
// load inside a struct.
type tracer struct {
	k      *kernel
	attach TypeID
}

// load loads a program and gives the log and the error.
func (tr tracer) load(insns []byte) (string, error) {
	license := []byte("GPL\x00")
	tr.k.log[0] = 0
	attr := progLoad{progType: 26, attachType: 23, attachBTF: uint32(tr.attach),
		insnCount: uint32(len(insns) / 8), insns: uint64(uintptr(unsafe.Pointer(&insns[0]))),
		license: uint64(uintptr(unsafe.Pointer(&license[0]))), logLevel: 1, logSize: uint32(len(tr.k.log)),
		log: uint64(uintptr(unsafe.Pointer(&tr.k.log[0])))}
	fd, errno := attr.load()
	runtime.KeepAlive(insns)
	runtime.KeepAlive(license)
	if errno == 0 {
		unix.Close(fd)
		return "", nil
	}
	return string(tr.k.log[:slices.Index(tr.k.log, 0)]), errno
}

// ldx is dst = *(size *)(src + off).
func ldx(size int, dst, src byte, off int32) []byte {
	op := map[int]byte{1: 0x71, 2: 0x69, 4: 0x61, 8: 0x79}[size]
	return []byte{op, dst | src<<4, byte(off), byte(off >> 8), 0, 0, 0, 0}
}

// TestKernelWalks compares Walk with what the running kernel says about loads at
// random offsets of the structs that tracepoint arguments lead to: whether it
// takes the load, and whether a pointer comes out.
func TestKernelWalks(t *testing.T) {
	k := openKernel(t)
	raw, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		t.Skip(err)
	}
	s, err := Parse(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(*liveSeed, 1))
	total, agree, pointers := 0, 0, 0
	rounds := *walkRounds
	if testing.Short() {
		rounds = 300
	}
	var structs []string
	for _, start := range []struct {
		tracepoint string
		arg        int32
		hops       []string
	}{
		{"sched_switch", 1, nil}, {"sched_switch", 1, []string{"mm"}}, {"sched_switch", 1, []string{"files"}},
		{"sched_switch", 1, []string{"signal"}}, {"sched_switch", 1, []string{"se.cfs_rq"}},
		{"kfree_skb", 0, nil}, {"kfree_skb", 0, []string{"dev"}}, {"kfree_skb", 0, []string{"sk"}},
		{"sched_switch", 1, []string{"mm", "mmap_base"}},
	} {
		p, err := s.Tracepoint(start.tracepoint)
		if err != nil {
			t.Fatal(err)
		}
		attach, _ := s.ByName(KindTypedef, "btf_trace_"+start.tracepoint)
		tr := tracer{k, attach}
		_, at, _ := s.Arg(p.Params[start.arg].Type)
		prefix := ldx(8, 2, 1, 8*start.arg)
		for _, hop := range start.hops {
			m, off, ok := s.FindMember(at.ID, hop)
			target, _, isPtr := s.Pointee(m.Type)
			if !ok || !isPtr || !target.Kind.IsStruct() {
				at = Type{}
				break
			}
			at = target
			prefix = slices.Concat(prefix, ldx(8, 2, 2, int32(off/8)),
				[]byte{0x55, 2, 2, 0, 0, 0, 0, 0}, insn(0xb7, 0, 0), insn(0x95, 0, 0)) // leave if NULL
		}
		if at.Kind != KindStruct {
			continue
		}
		structs = append(structs, at.Name())
		for range rounds / 8 {
			size := 1 << r.IntN(4)
			off := int32(r.Uint32N(min(at.Size()+16, 32000)))
			if r.IntN(3) > 0 {
				off &^= int32(size - 1)
			}
			total++
			a, werr := s.Walk(at.ID, off, size)
			end := insn(0x95, 0, 0)
			load := append(slices.Clone(prefix), ldx(size, 3, 2, off)...)
			log, kerr := tr.load(slices.Concat(load, insn(0xb7, 0, 0), end))
			if (kerr == nil) != (werr == nil) {
				t.Errorf("%s offset %d size %d: Walk says %+v %v, the kernel %v %s", at.Name(), off, size, a, werr, kerr, log)
				continue
			}
			if kerr != nil {
				agree++
				continue
			}
			log, kerr = tr.load(slices.Concat(load, ldx(1, 4, 3, 0), insn(0xb7, 0, 0), end))
			scalar := kerr != nil && strings.Contains(log, "invalid mem access 'scalar'")
			if scalar != (a.Kind == AccessScalar) {
				t.Errorf("%s offset %d size %d: Walk says %+v, the kernel %v %s", at.Name(), off, size, a, kerr, log)
				continue
			}
			if !scalar {
				pointers++
			}
			agree++
		}
	}
	t.Logf("%d of %d loads inside %v agree, %d of them give pointers", agree, total, fmt.Sprint(structs), pointers)
}
