package absint

import (
	"fmt"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/loader"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Types is the kernel's BTF, nil where none is at hand: programs whose context
// is typed by it are then unsupported.
type Types = *btfcheck.Spec

// Linux's attach types of programs whose context BTF describes.
const (
	attachRawTP        = 23
	attachFentry       = 24
	attachFexit        = 25
	attachModifyReturn = 26
	attachLSM          = 27
	attachIter         = 28
)

// argument is one 8-byte word of a context typed by BTF.
type argument struct {
	name  string
	kind  btfcheck.ArgKind
	typ   btfcheck.TypeID
	maybe bool // may be null
	isRet bool
}

// btfContext finds the arguments that a program typed by BTF gets (V26, V39). It
// returns what is missing for it; absent says that the kernel has no such target.
func btfContext(p *loader.Program, t Types) (args []argument, missing string, absent bool) {
	if t == nil {
		return nil, "the kernel's types are needed for this program type: give a BTF", false
	}
	var proto btfcheck.Proto
	var err error
	withResult := false
	switch p.Attach {
	case attachRawTP:
		proto, err = t.Tracepoint(p.AttachTo)
	case attachIter:
		proto, err = t.Iterator(p.AttachTo)
	case attachLSM:
		proto, err = t.Func("bpf_lsm_" + p.AttachTo)
	case attachFexit, attachModifyReturn:
		proto, err = t.Func(p.AttachTo)
		withResult = true
	case attachFentry:
		proto, err = t.Func(p.AttachTo)
	default:
		return nil, fmt.Sprintf("programs of type %s with attach type %d", p.Type, p.Attach), false
	}
	if err != nil {
		return nil, fmt.Sprintf("the kernel's types have no %q to attach to: %v", p.AttachTo, err), true
	}
	for i, prm := range proto.Params {
		kind, target, _ := t.Arg(prm.Type)
		arg := argument{name: prm.Name, kind: kind, typ: target.ID}
		// Iterators hand over the element as null at the end.
		arg.maybe = p.Attach == attachIter && i > 0 || strings.HasSuffix(prm.Name, "__nullable")
		args = append(args, arg)
	}
	if withResult {
		kind, target, _ := t.Arg(proto.Return)
		args = append(args, argument{name: "return value", kind: kind, typ: target.ID, isRet: true})
	}
	return args, "", false
}

// btfArgument is an access to a context that is an array of typed arguments.
func (a *analysis) btfArgument(off int64, size int, write bool) (f platform.Field, why string, rule Rule) {
	switch {
	case write:
		return f, "the arguments of a traced function cannot be written", TracingArgs
	case off < 0 || off%8 != 0 || size != 8:
		return f, fmt.Sprintf("arguments are read as 8 bytes at a multiple of 8, not %d bytes at offset %d", size, off), TracingArgs
	case int(off/8) >= len(a.args):
		return f, fmt.Sprintf("%q has %d arguments; offset %d is behind them", a.prog.AttachTo, len(a.args), off), TracingArgs
	}
	arg := &a.args[off/8]
	switch arg.kind {
	case btfcheck.ArgScalar, btfcheck.ArgPointer:
		return platform.Field{Name: arg.name, Kind: platform.Scalar}, "", 0
	case btfcheck.ArgStruct:
		a.loadedType, a.loadedTrust = int32(arg.typ), Untrusted
		return platform.Field{Name: arg.name, Kind: platform.BTFPointer, Trusted: !arg.isRet, MaybeNull: arg.maybe}, "", 0
	}
	return f, fmt.Sprintf("argument %q is of a type that programs cannot read", arg.name), TracingArgs
}

// btfField is an access through a pointer to a kernel object. Loads of members
// cannot fault: the kernel runs them as probe reads.
func (a *analysis) btfField(s *State, c Cell, off int64, size int, write bool) (f platform.Field, why string, rule Rule) {
	if write {
		return f, "kernel objects may only be read", BTFPointers
	}
	if off < 0 || off > 1<<30 {
		return f, fmt.Sprintf("offset %d is outside of the object", off), BTFPointers
	}
	acc, err := a.types.Walk(btfcheck.TypeID(c.Region), int32(off), size)
	if err != nil {
		return f, err.Error(), BTFPointers
	}
	switch acc.Kind {
	case btfcheck.AccessScalar, btfcheck.AccessMemory:
		return platform.Field{Name: acc.Field, Kind: platform.Scalar}, "", 0
	case btfcheck.AccessPointer:
		if acc.Tags&(btfcheck.TagUser|btfcheck.TagPercpu) != 0 {
			return platform.Field{Name: acc.Field, Kind: platform.Scalar}, "", 0 // no address to load from
		}
		a.loadedType = int32(acc.Type)
		trust := a.walked(s, c, acc)
		a.loadedTrust = trust &^ MaybeNull
		return platform.Field{Name: acc.Field, Kind: platform.BTFPointer, Trusted: a.loadedTrust == 0, MaybeNull: trust&MaybeNull != 0}, "", 0
	}
	return f, fmt.Sprintf("nothing that a program may read is at offset %d", off), BTFPointers
}

// walked says how far a pointer can be trusted that was read from a member of the
// object of c: no flag is trusted.
func (a *analysis) walked(s *State, c Cell, acc btfcheck.Access) Flag {
	safe := func(suffix string) bool { return a.types.SafeField(acc.Struct, suffix, acc.Field, acc.Type) }
	switch {
	case c.has(Untrusted), acc.Union:
		return Untrusted
	case c.has(Walked):
		return Walked
	case safe("__safe_trusted"):
		return 0
	case safe("__safe_trusted_or_null"):
		return MaybeNull
	case !a.inRCU(s):
		return Untrusted
	case safe("__safe_rcu"):
		return RCU
	case acc.Tags&btfcheck.TagRCU != 0, safe("__safe_rcu_or_null"):
		return RCU | MaybeNull
	}
	return Walked
}

// mapStructs are the kernel's structures behind map objects, by map type; others
// are struct bpf_map alone.
var mapStructs = map[string]string{
	"array": "bpf_array", "percpu_array": "bpf_array", "prog_array": "bpf_array", "perf_event_array": "bpf_array",
	"array_of_maps": "bpf_array", "hash": "bpf_htab", "percpu_hash": "bpf_htab", "lru_hash": "bpf_htab",
	"lru_percpu_hash": "bpf_htab", "hash_of_maps": "bpf_htab", "ringbuf": "bpf_ringbuf_map",
}

// mapField is an access to a map object itself (V8).
func (a *analysis) mapField(c Cell, off int64, size int, write bool) (f platform.Field, why string, rule Rule) {
	if write {
		return f, "a map object may only be read; its contents are reached by helpers", MapObject
	}
	if a.types == nil {
		return f, "reading a map object needs the kernel's types: give a BTF", MapObject
	}
	name := mapStructs[a.mapOf(c).Type]
	if name == "" {
		name = "bpf_map"
	}
	id, ok := a.types.ByName(btfcheck.KindStruct, name)
	if !ok || off < 0 || off > 1<<20 {
		return f, fmt.Sprintf("offset %d of a map object", off), MapObject
	}
	acc, err := a.types.Walk(id, int32(off), size)
	if err != nil {
		return f, err.Error(), MapObject
	}
	if acc.Kind == btfcheck.AccessPointer {
		a.loadedType, a.loadedTrust = int32(acc.Type), Untrusted
		return platform.Field{Name: acc.Field, Kind: platform.BTFPointer}, "", 0
	}
	return platform.Field{Name: acc.Field, Kind: platform.Scalar}, "", 0
}

// structID finds a kernel structure by the C name that tables use.
func (a *analysis) structID(name string) (int32, bool) {
	if a.types == nil {
		return 0, false
	}
	id, ok := a.types.ByName(btfcheck.KindStruct, name)
	return int32(id), ok
}
