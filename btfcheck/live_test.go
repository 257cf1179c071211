//go:build linux

package btfcheck

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sort"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

var (
	liveSeed   = flag.Uint64("live.seed", 1, "seed of the mutations compared with the kernel")
	liveRounds = flag.Int("live.rounds", 20000, "mutations compared with the kernel")
	liveShow   = flag.Int("live.show", 3, "examples shown of each class of disagreement")
)

// kernel loads BTF into the running kernel.
type kernel struct{ log []byte }

// btfLoad is the part of bpf(2)'s attributes that BPF_BTF_LOAD reads.
type btfLoad struct {
	btf, log      uint64
	size, logSize uint32
	logLevel, _   uint32
	_, _          uint32
}

// load gives the error of loading raw, nil if the kernel takes it.
func (k *kernel) load(raw []byte, log bool) error {
	attr := btfLoad{btf: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))), size: uint32(len(raw))}
	if log {
		clear(k.log[:1])
		attr.log, attr.logSize, attr.logLevel = uint64(uintptr(unsafe.Pointer(&k.log[0]))), uint32(len(k.log)), 1
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, 18, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(raw)
	runtime.KeepAlive(k)
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// message is the last line that the kernel logs about raw.
func (k *kernel) message(raw []byte) string {
	k.load(raw, true)
	text := string(k.log[:max(0, slices.Index(k.log, 0))])
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// openKernel skips the test where the kernel cannot be asked.
func openKernel(t testing.TB) *kernel {
	t.Helper()
	k := &kernel{log: make([]byte, 1<<20)}
	valid := []byte("\x9f\xeb\x01\x00\x18\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x10\x00\x00\x00\x05\x00\x00\x00" +
		"\x01\x00\x00\x00\x00\x00\x00\x01\x04\x00\x00\x00\x20\x00\x00\x01\x00int\x00")
	if err := k.load(valid, false); err != nil {
		t.Skipf("the kernel takes no BTF from this process: %v", err)
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil && !strings.HasPrefix(unix.ByteSliceToString(u.Release[:]), "6.18.") {
		t.Skipf("the rules are those of Linux 6.18, this is %s", unix.ByteSliceToString(u.Release[:]))
	}
	return k
}

// phrases tell the kernel's messages apart, the more special ones first.
var phrases = []string{
	"hdr_len not found", "btf_header not found", "Invalid magic", "Unsupported version", "Unsupported flags",
	"Unsupported btf_header", "No data", "Invalid section offset", "Unsupported section found", "Section overlap found",
	"Total section length too long", "String section is not at the end", "No type found", "Invalid string section",
	"meta_left", "Invalid btf_info kind_flag", "Invalid btf_info size", "Invalid btf_info:", "Invalid kind:",
	"Invalid member name_offset", "Invalid name_offset", "Invalid name", "vlen != 0", "type != 0", "size != 0", "size == 0",
	"Invalid int_data", "nr_bits exceeds 128", "nr_bits exceeds type_size", "Unsupported encoding",
	"Type tags don't precede", "Max chain length", "Loop detected", "Exceeded max resolving depth",
	"Invalid elem", "Invalid index", "Invalid array of int", "Array size overflows",
	"Invalid type_id", "Invalid type_size", "Invalid type", "Invalid member bits_offset", "Member bits_offset exceeds", "Member exceeds struct_size",
	"Invalid member bitfield_size", "Invalid member base type", "Invalid member offset", "Invalid member",
	"Member is not byte aligned", "nr_copy_bits exceeds 128", "Member is not properly aligned", "Unexpected size",
	"Invalid return type", "Invalid arg#", "Invalid func linkage", "Linkage not supported",
	"Invalid offset+size", "Invalid offset", "Invalid size", "Not a VAR kind member", "Invalid value", "Invalid component_idx",
}

func phrase(message string) string {
	for _, p := range phrases {
		if strings.Contains(message, p) {
			return p
		}
	}
	return "(no message)"
}

// TestKernelAgrees compares verdicts with the running kernel over mutations of
// real, hand-made and generated blobs, and the rule with the kernel's message.
func TestKernelAgrees(t *testing.T) {
	k := openKernel(t)
	r := rand.New(rand.NewPCG(*liveSeed, 0))
	rows, _ := ruleRows(t)
	says := map[string]map[string]bool{} // phrases of the rows of a rule
	for _, row := range rows {
		rule := number.FindString(row.id)
		if says[rule] == nil {
			says[rule] = map[string]bool{}
		}
		says[rule][phrase(row.message)] = true
	}
	// No row of B25 is about these referrers.
	for _, p := range []string{"Invalid elem", "Invalid index", "Invalid member"} {
		says["B25"][p] = true
	}
	special := map[string]bool{"B137": true, "B138": true, "B175": true, "B176": true, "B177": true}
	says["B46"]["Max chain length"] = true
	says["B77"]["Member exceeds struct_size"] = true
	pool := append(seeds(t, r), edges(r)...)
	total, verdicts, accepted, named := 0, 0, 0, 0
	classes := map[string][]string{}
	note := func(class, example string) { classes[class] = append(classes[class], example) }
	rounds := *liveRounds
	if testing.Short() {
		rounds = 2000
	}
	for i := range rounds {
		raw := pool[i%len(pool)]
		switch {
		case i < len(pool):
		case i%8 == 0:
			raw = generate(r)
		case i%8 == 1:
			raw = generateSpecial(r)
		default:
			raw = mutate(r, pool[r.IntN(len(pool))])
		}
		total++
		err, got := k.load(raw, false), Check(raw, Kernel)
		if err == nil {
			accepted++
		}
		switch {
		case err == nil && len(got) > 0:
			note("refused, the kernel accepts: "+got[0].Rule, fmt.Sprintf("%v %x", &got[0], raw))
			continue
		case err != nil && len(got) == 0:
			m := k.message(raw)
			note("passed, the kernel refuses: "+err.Error()+" "+phrase(m), fmt.Sprintf("%s %x", m, raw))
			continue
		}
		verdicts++
		if err == nil {
			named++
			continue
		}
		if m := k.message(raw); says[got[0].Rule][phrase(m)] {
			named++
		} else if special[got[0].Rule] && phrase(m) == "(no message)" {
			named++ // the kernel says nothing about special fields
		} else {
			note("other rule: "+got[0].Rule+" for "+phrase(m), fmt.Sprintf("%v | %s %x", &got[0], m, raw))
		}
	}
	t.Logf("%d blobs, %d accepted by the kernel; same verdict %.3f%%, also the same rule %.3f%%",
		total, accepted, 100*float64(verdicts)/float64(total), 100*float64(named)/float64(total))
	var names []string
	for c := range classes {
		names = append(names, c)
	}
	sort.Strings(names)
	for _, c := range names {
		t.Logf("%6d %s", len(classes[c]), c)
		for _, e := range classes[c][:min(*liveShow, len(classes[c]))] {
			t.Logf("       %.600s", e)
		}
	}
	if verdicts*1000 < total*999 {
		t.Errorf("agreement is below 99.9%%")
	}
}
