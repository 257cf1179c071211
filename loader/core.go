package loader

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/cilium/ebpf/btf"
)

// This file applies CO-RE relocations (checklist 4.3): an instruction that was
// compiled with an offset, a size or a number of a local type gets that of the
// kernel's type of the same name. What the kernel lacks becomes 0 where the
// question is whether it exists, and poison elsewhere, so that code behind such a
// question stays as it is.

// coreKind is what a CO-RE relocation asks for.
type coreKind uint32

const (
	coreFieldOffset coreKind = iota
	coreFieldSize
	coreFieldExists
	coreFieldSigned
	coreFieldLshift
	coreFieldRshift
	coreTypeIDLocal
	coreTypeIDTarget
	coreTypeExists
	coreTypeSize
	coreEnumExists
	coreEnumValue
	coreTypeMatches
	coreKinds
)

func (k coreKind) field() bool { return k <= coreFieldRshift }
func (k coreKind) enum() bool  { return k == coreEnumExists || k == coreEnumValue }

// relocKey identifies the question of a relocation within an object.
type relocKey struct{ typeID, access, kind uint32 }

// coreResult is the answer to a relocation.
type coreResult struct {
	old, new uint64
	// validate: the instruction must hold old.
	validate bool
	// oldSize and newSize are the bytes of the field, 0 if no field is accessed;
	// resizable says that an access may follow.
	oldSize, newSize uint64
	resizable        bool
	poison           string // why the site cannot be relocated
	absent           bool   // the answer is that the kernel lacks it
	err              error  // the record is malformed
}

// applyCORE applies the relocations inside a function.
func (l *linker) applyCORE(fn *function, done []bool) {
	all := l.types.cores[fn.sec.name]
	first, _ := slices.BinarySearchFunc(all, fn.start*8, func(r coreRecord, off uint64) int { return cmp.Compare(uint64(r.off), off) })
	var last coreRecord
	for n, r := range all[first:] {
		if uint64(r.off) >= fn.end*8 {
			break
		}
		if n > 0 && r == last {
			continue
		}
		last = r
		i := int(uint64(r.off)/8 - fn.start)
		site := l.newSite(fn, i, r)
		switch {
		case r.off%8 != 0 || fn.insns[i] == (isa.Instruction{}):
			site.fail(fn, "has a CO-RE relocation inside an instruction")
		case done[i]:
			site.fail(fn, "has two CO-RE relocations")
		case coreKind(r.kind) == coreTypeIDLocal:
			done[i] = true // holds the number already, and the BTF is not rewritten
			site.Outcome = SitePatched
			site.Old, site.New = fn.insns[i].Imm64(), fn.insns[i].Imm64()
		case coreKind(r.kind) >= coreKinds:
			site.fail(fn, "has a CO-RE relocation of unknown kind %d", r.kind)
		case l.kernel == nil:
			l.unrelocated++
		default:
			done[i] = true
			l.applySite(fn, site, r)
		}
		l.keepSite(fn, site)
	}
}

// applySite answers one relocation and patches its instruction (rules C1, C2, C5).
func (l *linker) applySite(fn *function, site *Site, r coreRecord) {
	key := relocKey{r.typeID, r.access, r.kind}
	res, ok := l.relocators[key]
	if !ok {
		res = l.answer(r)
		l.relocators[key] = res
	}
	site.Old, site.New = res.old, res.new
	switch {
	case res.err != nil:
		site.fail(fn, "has a CO-RE relocation that cannot be read: %v", res.err)
		return
	case res.poison != "":
		site.poison(fn, res.poison)
		return
	}
	site.Outcome = SitePatched
	if res.absent {
		site.Outcome = SiteAbsent
	}
	i := site.insn
	in := &fn.insns[i]
	wrong := func(have uint64) bool {
		if !res.validate || have == res.old {
			return false
		}
		site.fail(fn, "holds %d, but its CO-RE relocation says %d", int64(have), int64(res.old))
		return true
	}
	switch class := in.Class(); {
	case in.IsALU() && !in.UsesSrcReg() && in.Code() != isa.CodeEND && in.Code() != isa.CodeNEG:
		if wrong(uint64(int64(in.Imm))) {
			return
		}
		if v := int64(res.new); v < math.MinInt32 || v > math.MaxUint32 {
			site.poison(fn, fmt.Sprintf("%d does not fit in an immediate", v))
			return
		}
		in.Imm = int32(res.new)
	case class == isa.ClassLDX || class == isa.ClassST || class == isa.ClassSTX:
		if wrong(uint64(int64(in.Off))) {
			return
		}
		applyAccess(fn, site, res)
	case in.IsLdImm64() && in.Src == isa.PseudoImm:
		if wrong(in.Imm64()) {
			return
		}
		in.Imm, in.Next = int32(res.new), int32(res.new>>32)
	default:
		site.fail(fn, "(opcode %#x) cannot take a CO-RE relocation", in.Op)
	}
}

// applyAccess patches the offset of a load or store and, if the field has another
// size in the kernel, the size of the access.
func applyAccess(fn *function, site *Site, res coreResult) {
	if res.new > math.MaxInt16 {
		site.poison(fn, fmt.Sprintf("offset %d does not fit in an instruction", res.new))
		return
	}
	in := &fn.insns[site.insn]
	if res.oldSize != res.newSize {
		code, ok := map[uint64]uint8{1: isa.SizeB, 2: isa.SizeH, 4: isa.SizeW, 8: isa.SizeDW}[res.newSize]
		if !ok || !res.resizable || uint64(in.Size()) != res.oldSize {
			site.poison(fn, fmt.Sprintf("the field has %d bytes instead of %d in the kernel", res.newSize, res.oldSize))
			return
		}
		in.Op = in.Op&^0x18 | code
		site.NewSize = int(res.newSize)
	}
	in.Off = int16(res.new)
}

// answer computes a relocation against the kernel.
func (l *linker) answer(r coreRecord) coreResult {
	if l.types.spec == nil {
		return coreResult{err: errors.New("the object's BTF cannot be read")}
	}
	kind := coreKind(r.kind)
	root, err := l.types.spec.TypeByID(btf.TypeID(r.typeID))
	if err != nil {
		return coreResult{err: err}
	}
	root = btf.QualifiedType(root)
	path, err := parseAccess(l.types.string(r.access))
	if err != nil {
		return coreResult{err: err}
	}
	local, err := localSpec(root, path, kind)
	if err != nil {
		return coreResult{err: err}
	}
	old, err := l.calc(kind, local, root, uint64(r.typeID))
	if err != nil {
		return coreResult{err: err}
	}
	name := essential(root.TypeName())
	if name == "" {
		return coreResult{poison: "a type without a name cannot be found in the kernel"}
	}
	best := coreResult{poison: fmt.Sprintf("the kernel has no type %s", name)}
	var bestSpec *coreSpec
	for _, cand := range l.kernel.candidates(name) {
		if reflect.TypeOf(cand) != reflect.TypeOf(root) {
			continue
		}
		spec, why := matchSpec(local, root, cand, kind)
		if spec == nil {
			if bestSpec == nil {
				best.poison = why
			}
			continue
		}
		id, _ := l.kernel.typeID(cand)
		now, err := l.calc(kind, spec, cand, uint64(id))
		res := coreResult{old: old.value, new: now.value, validate: old.validate, oldSize: old.size, newSize: now.size, resizable: resizable(old.typ, now.typ)}
		if err != nil {
			res.poison = err.Error()
		}
		if bestSpec != nil && (bestSpec.bits != spec.bits || best.new != res.new || (best.poison == "") != (res.poison == "")) {
			return coreResult{poison: fmt.Sprintf("the kernel has several types %s that disagree", name)}
		}
		best, bestSpec = res, spec
	}
	if bestSpec == nil && (kind == coreFieldExists || kind == coreEnumExists || (!kind.field() && !kind.enum())) {
		return coreResult{old: old.value, validate: old.validate, absent: true} // the answer is no
	}
	return best
}

// parseAccess reads an access string: numbers with colons between them.
func parseAccess(s string) ([]int, error) {
	var path []int
	for part := range strings.SplitSeq(s, ":") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || len(path) == 64 {
			return nil, fmt.Errorf("access string %q", s)
		}
		path = append(path, int(n))
	}
	return path, nil
}

// essential is a name without the flavour that follows three underscores.
func essential(name string) string {
	for i := len(name) - 5; i >= 0; i-- {
		if name[i] != '_' && name[i+1:i+4] == "___" && name[i+4] != '_' {
			return name[:i+1]
		}
	}
	return name
}

// coreValue is what a relocation asks for, of one type.
type coreValue struct {
	value    uint64
	validate bool
	size     uint64 // of the field, if its offset is asked for and it is no bit-field
	typ      btf.Type
}

// calc computes what kind asks for, of a type that has what is asked for.
func (l *linker) calc(kind coreKind, s *coreSpec, root btf.Type, id uint64) (coreValue, error) {
	switch kind {
	case coreFieldExists, coreTypeExists, coreEnumExists, coreTypeMatches:
		return coreValue{value: 1, validate: true}, nil
	case coreTypeIDTarget:
		return coreValue{value: id}, nil // static linking may have renumbered the type
	case coreTypeSize:
		n, err := btf.Sizeof(root)
		return coreValue{value: uint64(n), validate: true}, err
	case coreEnumValue:
		return coreValue{value: s.enum, validate: true}, nil
	}
	if !kind.field() {
		return coreValue{}, fmt.Errorf("CO-RE kind %d", kind)
	}
	if s.parent == nil {
		return elementValue(kind, s)
	}
	return l.memberValue(kind, s)
}

// elementValue is calc for an element of an array, or for the whole type.
func elementValue(kind coreKind, s *coreSpec) (coreValue, error) {
	n, err := btf.Sizeof(s.typ)
	if err != nil {
		return coreValue{}, err
	}
	switch kind {
	case coreFieldOffset:
		return coreValue{s.bits / 8, true, uint64(n), s.typ}, nil
	case coreFieldSize:
		return coreValue{value: uint64(n), validate: true}, nil
	}
	return coreValue{}, errors.New("an array element is no bit-field")
}

// memberValue is calc for a member. A bit-field is read by the smallest aligned
// load that holds it; the compiler may choose another, so that its numbers are not
// compared.
func (l *linker) memberValue(kind coreKind, s *coreSpec) (coreValue, error) {
	n, err := btf.Sizeof(s.typ)
	if err != nil {
		return coreValue{}, err
	}
	size, width, plain := uint64(n), uint64(s.width), s.width == 0
	at := s.bits / 8
	if plain {
		width = size * 8
	} else {
		if size == 0 {
			return coreValue{}, errors.New("bit-field of a type without size")
		}
		at = at / size * size
		for s.bits+width-at*8 > size*8 {
			if size >= 8 {
				return coreValue{}, errors.New("bit-field of over 64 bits")
			}
			size *= 2
			at = s.bits / 8 / size * size
		}
	}
	switch kind {
	case coreFieldOffset:
		if plain {
			return coreValue{at, true, size, s.typ}, nil
		}
		return coreValue{value: at}, nil
	case coreFieldSize:
		return coreValue{value: size, validate: plain}, nil
	case coreFieldSigned:
		signed := uint64(0)
		switch t := btf.UnderlyingType(s.typ).(type) {
		case *btf.Int:
			signed = uint64(t.Encoding & btf.Signed)
		case *btf.Enum:
			if t.Signed {
				signed = 1
			}
		}
		return coreValue{value: signed, validate: true}, nil
	case coreFieldLshift:
		if l.f.big {
			return coreValue{value: (8-size)*8 + s.bits - at*8}, nil
		}
		return coreValue{value: 64 - (s.bits + width - at*8)}, nil
	case coreFieldRshift:
		return coreValue{value: 64 - width, validate: true}, nil
	}
	return coreValue{}, fmt.Errorf("CO-RE kind %d", kind)
}

// resizable reports whether an access of one field may become one of another
// size: pointers, and unsigned numbers, which loads extend by zeros.
func resizable(a, b btf.Type) bool {
	if a == nil || b == nil {
		return false
	}
	switch x := btf.UnderlyingType(a).(type) {
	case *btf.Pointer:
		_, ok := btf.UnderlyingType(b).(*btf.Pointer)
		return ok
	case *btf.Int:
		y, ok := btf.UnderlyingType(b).(*btf.Int)
		return ok && x.Encoding&btf.Signed == 0 && y.Encoding&btf.Signed == 0
	}
	return false
}
