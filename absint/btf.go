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
	// trusted: the kernel vouches for the pointer while the program runs.
	trusted bool
}

// target is what a program typed by BTF is attached to.
type target struct {
	args []argument
	exit platform.ExitRange
	// missing says what is not known of it; absent that the kernel has no such target.
	missing string
	absent  bool
	// noResult: R0 need not be set at the end.
	noResult bool
}

// btfTarget finds what a program typed by BTF is attached to (V26, V39).
func btfTarget(p *loader.Program, on platform.Target, t Types, exit platform.ExitRange) target {
	if t == nil {
		return target{missing: "the kernel's types are needed for this program type: give a BTF"}
	}
	switch p.Type {
	case "struct_ops":
		return structOps(p, t, exit)
	case "ext":
		return target{missing: "programs of type ext: the program that it replaces a function of is not at hand"}
	}
	var proto btfcheck.Proto
	var err error
	trusted, withResult := false, false
	switch p.Attach {
	case attachRawTP:
		proto, err = t.Tracepoint(p.AttachTo)
		trusted = true
	case attachIter:
		proto, err = t.Iterator(p.AttachTo)
		trusted = true
	case attachLSM:
		proto, err = t.Func("bpf_lsm_" + p.AttachTo)
		trusted, exit = !untrustedHooks[p.AttachTo], lsmExit(p, proto, exit)
		if disabledHooks[p.AttachTo] {
			return target{missing: fmt.Sprintf("programs may not be attached to the LSM hook %q", p.AttachTo), absent: true}
		}
	case attachFexit, attachModifyReturn:
		proto, err = t.Func(p.AttachTo)
		withResult = true
	case attachFentry:
		proto, err = t.Func(p.AttachTo)
	default:
		return target{missing: fmt.Sprintf("programs of type %s with attach type %d", p.Type, p.Attach)}
	}
	if err != nil {
		return target{missing: fmt.Sprintf("the kernel's types have no %q to attach to: %v", p.AttachTo, err), absent: true}
	}
	to := target{args: arguments(t, proto, trusted), exit: exit}
	for i := range to.args {
		// Iterators hand over the element as null at the end.
		to.args[i].maybe = to.args[i].maybe || p.Attach == attachIter && i > 0 ||
			p.Attach == attachRawTP && on.TraceArgMaybeNull(p.AttachTo, i)
	}
	if withResult {
		kind, of, _ := t.Arg(proto.Return)
		to.args = append(to.args, argument{name: "return value", kind: kind, typ: of.ID})
	}
	return to
}

// arguments lists the parameters of a prototype.
func arguments(t Types, proto btfcheck.Proto, trusted bool) (args []argument) {
	for _, prm := range proto.Params {
		kind, of, _ := t.Arg(prm.Type)
		args = append(args, argument{
			name: prm.Name, kind: kind, typ: of.ID, trusted: trusted, maybe: strings.HasSuffix(prm.Name, "__nullable"),
		})
	}
	return args
}

// disabledHooks are LSM hooks that no program may be attached to, untrustedHooks
// those that hand over objects which are being made or freed.
var (
	disabledHooks = map[string]bool{
		"vm_enough_memory": true, "inode_need_killpriv": true, "inode_getsecurity": true, "inode_listsecurity": true,
		"inode_copy_up_xattr": true, "getselfattr": true, "getprocattr": true, "setprocattr": true, "key_getsecurity": true,
		"audit_rule_match": true, "ismaclabel": true, "file_alloc_security": true,
	}
	untrustedHooks = map[string]bool{
		"bpf_map_free": true, "bpf_prog_free": true, "file_alloc_security": true, "file_free_security": true,
		"sk_alloc_security": true, "sk_free_security": true, "task_free": true,
	}
)

// lsmExit bounds what an LSM program returns: the error numbers, or a truth value,
// or anything where the hook has no result.
func lsmExit(p *loader.Program, proto btfcheck.Proto, exit platform.ExitRange) platform.ExitRange {
	switch {
	case proto.Return == 0:
		return platform.ExitRange{Any: true}
	case p.AttachTo == "audit_rule_known" || p.AttachTo == "inode_xattr_skipcap":
		return platform.ExitRange{Max: 1, Low32: true}
	}
	return exit
}

// structOps finds the member that a program of type struct_ops implements (V45):
// AttachTo is "structure:member".
func structOps(p *loader.Program, t Types, exit platform.ExitRange) target {
	name, member, found := strings.Cut(p.AttachTo, ":")
	if !found {
		return target{missing: "programs of type struct_ops: no structure of the object names this one"}
	}
	_, registered := t.ByName(btfcheck.KindStruct, "bpf_struct_ops_"+name)
	id, ok := t.ByName(btfcheck.KindStruct, name)
	if !ok || !registered {
		return target{missing: fmt.Sprintf("the kernel has no structure of operations %q that programs may implement", name), absent: true}
	}
	m, _, ok := t.FindMember(id, member)
	if !ok {
		return target{missing: fmt.Sprintf("struct %s has no member %q", name, member), absent: true}
	}
	proto, err := t.Proto(m.Type)
	if err != nil {
		return target{missing: fmt.Sprintf("member %q of struct %s is no function: %v", member, name, err), absent: true}
	}
	// The kernel marks arguments by the names that its own stub gives them.
	if stub, err := t.Func(name + "__" + member); err == nil && len(stub.Params) == len(proto.Params) {
		for i := range proto.Params {
			proto.Params[i].Name = stub.Params[i].Name
			if strings.HasSuffix(stub.Params[i].Name, "__ref") {
				return target{missing: "programs of type struct_ops that are handed a reference"}
			}
		}
	}
	if ret, _, err := t.Resolve(proto.Return); err != nil || ret.Kind == btfcheck.KindPtr {
		return target{missing: "programs of type struct_ops that return a pointer"}
	}
	to := target{args: arguments(t, proto, true), exit: exit}
	if name == "tcp_congestion_ops" {
		sock, _ := t.ByName(btfcheck.KindStruct, "sock")
		tcp, ok := t.ByName(btfcheck.KindStruct, "tcp_sock")
		for i := range to.args {
			if a := &to.args[i]; ok && a.kind == btfcheck.ArgStruct && a.typ == sock {
				a.typ = tcp // what every socket is that gets here
			}
		}
	}
	to.noResult = proto.Return == 0
	return to
}

// btfArgument is an access to a context that is an array of typed arguments.
func (a *analysis) btfArgument(off int64, size int, write bool) (f platform.Field, why string, rule Rule) {
	switch {
	case write:
		return f, "the arguments of a traced function cannot be written", TracingArgs
	case off < 0 || off%8 != 0 || size != 8:
		return f, fmt.Sprintf("arguments are read as 8 bytes at a multiple of 8, not %s at offset %d", bytes(int64(size)), off), TracingArgs
	case int(off/8) >= len(a.args):
		return f, fmt.Sprintf("%q has %d arguments; offset %d is behind them", a.prog.AttachTo, len(a.args), off), TracingArgs
	}
	arg := &a.args[off/8]
	switch arg.kind {
	case btfcheck.ArgScalar, btfcheck.ArgPointer:
		return platform.Field{Name: arg.name, Kind: platform.Scalar}, "", 0
	case btfcheck.ArgStruct:
		a.loadedType, a.loadedTrust = int32(arg.typ), Walked
		return platform.Field{Name: arg.name, Kind: platform.BTFPointer, Trusted: arg.trusted, MaybeNull: arg.maybe}, "", 0
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
