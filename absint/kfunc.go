package absint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpfcheck/bpfcheck/btfcheck"
	"github.com/bpfcheck/bpfcheck/isa"
	"github.com/bpfcheck/bpfcheck/platform"
)

// Kernel functions (V38). Prototypes come from the kernel's BTF, where suffixes of
// parameter names say what a pointer is for; flags and callers come from the
// platform. Without both, a call is unsupported.

// kfuncArgKind says what an argument of a kernel function is.
type kfuncArgKind uint8

const (
	kfuncUnknown kfuncArgKind = iota
	kfuncScalar
	kfuncConst   // a constant
	kfuncSize    // the size of the memory in the argument before
	kfuncIgnored // whatever it is
	kfuncCtx
	kfuncDynptr
	kfuncIter
	kfuncIrqFlag
	kfuncMap
	kfuncString
	kfuncStruct // a kernel object, or memory if the structure has numbers alone
	kfuncMem
)

// kfuncArg is a parameter.
type kfuncArg struct {
	name string
	kind kfuncArgKind
	typ  btfcheck.Type // of what it points to, or of the number
	size int64         // of memory that is no buffer, in bytes
	// sized: the next argument is the size. nullable: null is fine. optional: null is
	// fine, whatever the size. uninit: the callee makes the object. exact: a size or
	// constant that must be known.
	sized, nullable, optional, uninit, exact bool
	plain                                    bool // a structure of numbers alone
}

// kfunc is what is known of a kernel function that the program calls.
type kfunc struct {
	name  string
	facts *platform.Kfunc
	args  []kfuncArg
	proto btfcheck.Proto
	// unknown says why calls cannot be judged, refused why they are not allowed.
	unknown, refused string
}

// kfuncName names the kernel function called at pc, "" if it has no name.
func (a *analysis) kfuncName(pc int) string {
	if name := a.prog.Kfuncs[pc]; name != "" {
		return name
	}
	if ins := a.insns[pc]; ins.IsCall() && ins.Src == isa.CallKfunc && ins.Off == 0 && a.types != nil {
		if t, ok := a.types.Type(btfcheck.TypeID(ins.Imm)); ok && t.Kind == btfcheck.KindFunc {
			return t.Name()
		}
	}
	return ""
}

// kfuncAt returns the kernel function called at pc.
func (a *analysis) kfuncAt(pc int) *kfunc {
	name := a.kfuncName(pc)
	k := a.kfuncs[name]
	if k == nil {
		k = &kfunc{name: name}
		a.describeKfunc(k)
		if a.kfuncs == nil {
			a.kfuncs = map[string]*kfunc{}
		}
		a.kfuncs[name] = k
	}
	return k
}

// describeKfunc finds out about k.
func (a *analysis) describeKfunc(k *kfunc) {
	if k.name == "" || a.types == nil {
		k.unknown = strings.TrimSuffix("call of kernel function "+k.name, " ") + ": the kernel's types are needed: give a BTF"
		return
	}
	facts, known := a.target.Kfunc(a.pt, a.prog.Attach, k.name)
	id, ok := a.types.ByName(btfcheck.KindFunc, k.name)
	switch {
	case !ok:
		k.unknown = fmt.Sprintf("call of kernel function %s, which the kernel's types do not have", k.name)
		return
	case !known && !slices.Contains(a.types.DeclTags(id, -1), "bpf_kfunc"):
		k.refused = fmt.Sprintf("%s is a function of the kernel, but none that programs may call", k.name)
		return
	case !known:
		k.unknown = fmt.Sprintf("call of kernel function %s, of whose flags nothing is known", k.name)
		return
	case facts == nil:
		k.refused = fmt.Sprintf("programs of type %s may not call %s", a.pt.Name, k.name)
		return
	case facts.Unsupported != "":
		k.unknown = fmt.Sprintf("call of kernel function %s: %s", k.name, facts.Unsupported)
	}
	k.facts = facts
	proto, err := a.types.Proto(id)
	if err != nil || len(proto.Params) > 5 || proto.Variadic {
		k.unknown = fmt.Sprintf("call of kernel function %s, whose prototype is not understood", k.name)
		return
	}
	k.proto = proto
	for i := range proto.Params {
		arg := a.kfuncArg(k, i)
		if arg.kind == kfuncUnknown && k.unknown == "" {
			k.unknown = fmt.Sprintf("call of kernel function %s: argument %d", k.name, i+1)
		}
		k.args = append(k.args, arg)
	}
}

// kfuncArg reads parameter i.
func (a *analysis) kfuncArg(k *kfunc, i int) kfuncArg {
	p := k.proto.Params[i]
	has := func(suffix string) bool { return strings.HasSuffix(p.Name, suffix) }
	arg := kfuncArg{name: p.Name, nullable: has("__nullable"), optional: has("__opt"), uninit: has("__uninit")}
	if i+1 < len(k.proto.Params) {
		next := k.proto.Params[i+1].Name
		arg.sized = strings.HasSuffix(next, "__sz") || strings.HasSuffix(next, "__szk")
	}
	t, _, err := a.types.Resolve(p.Type)
	if err != nil {
		return arg
	}
	switch t.Kind {
	case btfcheck.KindInt, btfcheck.KindEnum, btfcheck.KindEnum64:
		arg.kind, arg.typ, arg.exact = kfuncScalar, t, has("__k") || has("__szk")
		switch {
		case has("__sz"), has("__szk"):
			arg.kind = kfuncSize
		case has("__k"):
			arg.kind = kfuncConst
		}
		return arg
	case btfcheck.KindPtr:
	default:
		return arg
	}
	switch {
	case has("__ign"), has("__prog"):
		arg.kind = kfuncIgnored
	case has("__map"):
		arg.kind = kfuncMap
	case has("__irq_flag"):
		arg.kind = kfuncIrqFlag
	case has("__str"):
		arg.kind = kfuncString
	case has("__alloc"), has("__refcounted_kptr"):
	default:
		a.kfuncPointer(k, i, t, &arg)
	}
	return arg
}

// kfuncPointer reads a pointer parameter that no suffix explains.
func (a *analysis) kfuncPointer(k *kfunc, i int, ptr btfcheck.Type, arg *kfuncArg) {
	t, _, err := a.types.Resolve(ptr.Ref())
	if err != nil {
		return
	}
	arg.typ = t
	name := t.Name()
	iter := k.facts.Has(platform.KfuncIterNew | platform.KfuncIterNext | platform.KfuncIterDestroy)
	switch {
	case k.name == "bpf_cast_to_kern_ctx", a.isContext(t):
		arg.kind = kfuncCtx
	case t.Kind.IsStruct() && name == "bpf_dynptr":
		arg.kind = kfuncDynptr
	case iter && i == 0 && strings.HasPrefix(name, "bpf_iter_"):
		arg.kind, arg.size = kfuncIter, int64(t.Size())
	case t.Kind.IsStruct():
		arg.kind, arg.size = kfuncStruct, int64(t.Size())
		arg.plain = a.numbersAlone(t)
	case t.Kind == btfcheck.KindInt || t.Kind == btfcheck.KindEnum || t.Kind == btfcheck.KindEnum64:
		arg.kind, arg.size = kfuncMem, int64(t.Size())
	case t.ID == 0 && arg.sized: // void
		arg.kind = kfuncMem
	}
}

// isContext reports whether a parameter of type t takes the context of programs of
// this type: by the name that programs know it by, or the kernel's own.
func (a *analysis) isContext(t btfcheck.Type) bool {
	return t.Kind.IsStruct() && (t.Name() == a.pt.CtxName || t.Name() == a.pt.CtxName+"_kern")
}

// numbersAlone reports whether a structure holds nothing but numbers, so that any
// memory will do for it.
func (a *analysis) numbersAlone(t btfcheck.Type) bool {
	type level struct {
		t btfcheck.Type
		n int
	}
	work := []level{{t, 0}}
	for budget := 256; len(work) > 0; budget-- {
		l := work[len(work)-1]
		work = work[:len(work)-1]
		if budget == 0 || l.n > 4 {
			return false
		}
		for i := range int(l.t.Vlen) {
			m, _, err := a.types.Resolve(l.t.Member(i).Type)
			for err == nil && m.Kind == btfcheck.KindArray {
				m, _, err = a.types.Resolve(m.Array().Elem)
			}
			switch {
			case err != nil:
				return false
			case m.Kind == btfcheck.KindInt, m.Kind == btfcheck.KindEnum, m.Kind == btfcheck.KindEnum64:
			case m.Kind.IsStruct():
				work = append(work, level{m, l.n + 1})
			default:
				return false
			}
		}
	}
	return true
}
