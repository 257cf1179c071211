package btfcheck

import "math"

// This file follows references: which exist, which end in a type with a
// size, which go round in circles (B25, B40 to B134).
//
// The walk is depth first over an explicit stack of at most 32 types, as in
// Linux 6.18, because the limit and the place where a walk stops are part of
// the verdict: a walk from a pointer stops at the first struct, a walk from
// a struct or array stops at the first pointer, any other walk goes through
// everything that needs resolving. So pointers may be circular through structs
// and structs through pointers, and nothing else may.

// maxResolve is the depth of the stack (B46).
const maxResolve = 32

// visit is how far the walk is with a type.
type visit uint8

const (
	unseen visit = iota
	onStack
	resolved
)

// route is what the walk started from; it decides where the walk stops.
type route uint8

const (
	anyRoute route = iota
	pointerRoute
	structRoute
)

// resolver holds what is known about each type of the blob, by position.
type resolver struct {
	state []visit
	to    []TypeID // what modifiers, pointers, VARs and the like lead to
	size  []uint32 // of arrays and VARs
	stack []vertex
	route route

	unnamed map[TypeID]int
}

type vertex struct {
	t    Type
	next int // the member to go on with
}

// needsResolve reports whether a kind refers to others.
func (k Kind) needsResolve() bool {
	switch k {
	case KindPtr, KindArray, KindStruct, KindUnion, KindFunc, KindVar, KindDatasec, KindDeclTag:
		return true
	default:
		return k.IsModifier()
	}
}

// sourceOnly reports whether nothing but its own containers may refer to a kind.
func (k Kind) sourceOnly() bool { return k == KindVar || k == KindDatasec || k == KindDeclTag }

// unsized reports whether a kind never has a size. VAR, modifiers and arrays
// may have one.
func (k Kind) unsized() bool {
	switch k {
	case KindVoid, KindFwd, KindFunc, KindFuncProto, KindDeclTag:
		return true
	default:
		return false
	}
}

// done reports whether a type needs no walk or had it.
func (c *checker) done(id TypeID) bool {
	return id < c.s.first || c.res.state[id-c.s.first] == resolved
}

// leadsTo is what a resolved type leads to, 0 if it leads nowhere.
func (c *checker) leadsTo(id TypeID) TypeID {
	if id >= c.s.first {
		return c.res.to[id-c.s.first]
	}
	t, _, err := c.s.Resolve(id)
	if err != nil || t.ID == id {
		return 0
	}
	return t.ID
}

// sizeOf follows a type to one with a size, as far as it has been resolved.
func (c *checker) sizeOf(id TypeID) (t Type, size uint32, ok bool) {
	t, ok = c.s.Type(id)
	if ok && (t.Kind.IsModifier() || t.Kind == KindVar) {
		t, ok = c.s.Type(c.leadsTo(id))
	}
	switch {
	case !ok || t.Kind.unsized():
		return t, 0, false
	case t.Kind.hasSize():
		return t, t.word, true
	case t.Kind == KindPtr:
		return t, 8, true
	case t.Kind == KindArray && t.ID < c.s.first:
		n, err := c.s.SizeOf(t.ID)
		return t, n, err == nil
	case t.Kind == KindArray:
		return t, c.res.size[t.ID-c.s.first], true
	default:
		return t, 0, false
	}
}

// sink reports whether the walk stops at a type.
func (c *checker) sink(t Type) bool {
	switch c.res.route {
	case pointerRoute:
		return !t.Kind.IsModifier() && t.Kind != KindPtr
	case structRoute:
		return !t.Kind.IsModifier() && t.Kind != KindArray && !t.Kind.IsStruct()
	default:
		return !t.Kind.needsResolve()
	}
}

// step is what a vertex's turn came to.
type step struct {
	push TypeID // walk this type first
	d    *Diagnostic
	to   TypeID // if neither: resolved, to this type with this size
	size uint32
}

// resolveAll walks from every type.
func (c *checker) resolveAll() *Diagnostic {
	n := len(c.s.offsets)
	c.res = resolver{state: make([]visit, n), to: make([]TypeID, n), size: make([]uint32, n), unnamed: map[TypeID]int{}}
	for i, off := range c.s.offsets {
		t := c.s.decode(c.s.first+TypeID(i), off)
		if t.Kind.needsResolve() && c.res.state[i] != resolved {
			if d := c.resolve(t); d != nil {
				return d
			}
		}
		if t.Kind == KindFuncProto {
			if d := c.checkProto(t); d != nil {
				return d
			}
		}
	}
	return nil
}

// resolve walks from one type until everything below it is resolved.
func (c *checker) resolve(root Type) *Diagnostic {
	r := &c.res
	r.route = anyRoute
	r.stack = r.stack[:0]
	if d := c.push(root, root); d != nil {
		return d
	}
	for len(r.stack) > 0 {
		v := &r.stack[len(r.stack)-1]
		st := c.step(v)
		switch {
		case st.d != nil:
			return st.d
		case st.push != 0:
			next, _ := c.s.Type(st.push)
			if d := c.push(root, next); d != nil {
				return d
			}
		default:
			i := v.t.ID - c.s.first
			r.state[i], r.to[i], r.size[i] = resolved, st.to, st.size
			r.stack = r.stack[:len(r.stack)-1]
		}
	}
	return c.settled(root)
}

// push puts a type on the stack, unless it is there already or the stack is full.
func (c *checker) push(root, t Type) *Diagnostic {
	r := &c.res
	i := t.ID - c.s.first
	if len(r.stack) == maxResolve {
		return c.fail(root, 0, "B46", "%s refers to types more than %d levels deep", root.Kind, maxResolve)
	}
	if r.state[i] != unseen {
		return c.fail(root, 0, loopRule(root.Kind, t.Kind), "%s refers to itself through type %d", root.Kind, t.ID)
	}
	r.state[i] = onStack
	r.stack = append(r.stack, vertex{t: t})
	if r.route == anyRoute {
		switch {
		case t.Kind == KindPtr:
			r.route = pointerRoute
		case t.Kind.IsStruct() || t.Kind == KindArray:
			r.route = structRoute
		}
	}
	return nil
}

// loopRule is the rule that a circle breaks: by the type it was found from, or
// by the one that closes it if that says nothing.
func loopRule(root, closing Kind) string {
	for _, k := range [...]Kind{root, closing} {
		switch k {
		case KindTypedef:
			return "B43"
		case KindPtr:
			return "B42"
		case KindArray:
			return "B58"
		case KindStruct, KindUnion:
			return "B75"
		case KindVolatile, KindConst, KindRestrict, KindTypeTag:
			return "B41"
		}
	}
	return "B41"
}

// step gives a vertex its turn.
func (c *checker) step(v *vertex) step {
	switch v.t.Kind {
	case KindPtr:
		return c.stepRef(v.t, "B44", true)
	case KindArray:
		return c.stepArray(v.t)
	case KindStruct, KindUnion:
		return c.stepStruct(v)
	case KindFunc:
		return c.stepFunc(v.t)
	case KindVar:
		return c.stepVar(v.t)
	case KindDatasec:
		return c.stepDatasec(v)
	case KindDeclTag:
		return c.stepTag(v.t)
	default:
		return c.stepRef(v.t, "B44", false)
	}
}

// waits reports whether the walk has to go through a type first.
func (c *checker) waits(t Type) bool { return !c.sink(t) && !c.done(t.ID) }

// behind looks through a modifier that was resolved on another route, which may
// have stopped at a pointer that this route has to walk.
func (c *checker) behind(t Type) (TypeID, bool) {
	if !t.Kind.IsModifier() {
		return 0, false
	}
	p, _ := c.s.Type(c.leadsTo(t.ID))
	return p.ID, p.Kind == KindPtr && c.waits(p)
}

// missing is the diagnostic for a reference that does not exist or may not be.
func (c *checker) missing(t Type, at uint32, id TypeID, ok bool, rule, what string) *Diagnostic {
	if !ok {
		return c.fail(t, at, "B25", "%s %s is type %d, which does not exist", t.Kind, what, id)
	}
	return c.fail(t, at, rule, "%s %s may not be type %d", t.Kind, what, id)
}

// stepRef resolves a PTR or a modifier. Void, FWD and FUNC_PROTO may stand at the
// end although they have no size.
func (c *checker) stepRef(t Type, rule string, ptr bool) step {
	id := TypeID(t.word)
	next, ok := c.s.Type(id)
	if !ok || next.Kind.sourceOnly() {
		return step{d: c.missing(t, 8, id, ok, rule, "target")}
	}
	if c.waits(next) {
		return step{push: id}
	}
	if ptr {
		if p, again := c.behind(next); again {
			return step{push: p}
		}
	}
	if end, _, ok := c.sizeOf(id); ok {
		return step{to: end.ID}
	}
	if c.done(id) && next.Kind.needsResolve() {
		id = c.leadsTo(id)
		next, _ = c.s.Type(id)
	}
	if next.Kind != KindVoid && next.Kind != KindFwd && next.Kind != KindFuncProto {
		return step{d: c.missing(t, 8, TypeID(t.word), true, rule, "target")}
	}
	return step{to: id}
}

// stepVar resolves a VAR, whose type must have a size: it takes room in memory.
func (c *checker) stepVar(t Type) step {
	id := TypeID(t.word)
	next, ok := c.s.Type(id)
	if !ok || next.Kind.sourceOnly() {
		return step{d: c.missing(t, 8, id, ok, "B112", "type")}
	}
	if c.waits(next) {
		return step{push: id}
	}
	if p, again := c.behind(next); again {
		return step{push: p}
	}
	end, size, ok := c.sizeOf(id)
	if !ok && (c.mode&Object == 0 || t.Linkage() != 2) {
		return step{d: c.fail(t, 8, "B111", "VAR %s has a type without a size", t.short())}
	}
	return step{to: end.ID, size: size}
}

// stepArray resolves an ARRAY: first its index, which must be an ordinary integer,
// then its element, which must have a size. Size times length must fit 32 bits.
func (c *checker) stepArray(t Type) step {
	a := t.Array()
	index, ok := c.s.Type(a.Index)
	if !ok || index.Kind.unsized() || index.Kind.sourceOnly() {
		return step{d: c.missing(t, recordSize+4, a.Index, ok, "B54", "index")}
	}
	if c.waits(index) {
		return step{push: a.Index}
	}
	index, _, ok = c.sizeOf(a.Index)
	if !ok || index.Kind != KindInt || !index.Int().regular() {
		return step{d: c.fail(t, recordSize+4, "B54", "ARRAY is indexed by type %d, no ordinary integer", a.Index)}
	}
	elem, ok := c.s.Type(a.Elem)
	if !ok || elem.Kind.unsized() || elem.Kind.sourceOnly() {
		return step{d: c.missing(t, recordSize, a.Elem, ok, "B55", "element")}
	}
	if c.waits(elem) {
		return step{push: a.Elem}
	}
	elem, size, ok := c.sizeOf(a.Elem)
	switch {
	case !ok:
		return step{d: c.fail(t, recordSize, "B55", "ARRAY of type %d, which has no size", a.Elem)}
	case elem.Kind == KindInt && !elem.Int().regular():
		return step{d: c.fail(t, recordSize, "B56", "ARRAY of an integer of %d bits", elem.Int().Bits)}
	case a.Len != 0 && size > math.MaxUint32/a.Len:
		return step{d: c.fail(t, recordSize+8, "B57", "ARRAY of %d elements of %d bytes", a.Len, size)}
	}
	return step{to: elem.ID, size: size * a.Len}
}

// stepDatasec checks the variables. One that has to be walked first is not
// compared with its entry's size afterwards: Linux does not either.
func (c *checker) stepDatasec(v *vertex) step {
	t := v.t
	c.res.route = anyRoute
	for ; v.next < int(t.Vlen); v.next++ {
		at := recordSize + 12*uint32(v.next)
		entry := t.Var(v.next)
		vt, ok := c.s.Type(entry.Type)
		if c.mode&Object != 0 && vt.Kind == KindFunc {
			continue
		}
		if !ok || vt.Kind != KindVar {
			return step{d: c.fail(t, at, "B122", "entry %d of %s is type %d, no VAR", v.next, t.short(), entry.Type)}
		}
		if c.waits(vt) {
			v.next++
			return step{push: entry.Type}
		}
		_, size, ok := c.sizeOf(TypeID(vt.word))
		switch {
		case c.mode&Object != 0 && (t.word == 0 || vt.Linkage() == 2):
		case !ok:
			return step{d: c.fail(t, at, "B123", "entry %d of %s has no size", v.next, t.short())}
		case entry.Size < size:
			return step{d: c.fail(t, at+8, "B123", "entry %d of %s has %d bytes for a variable of %d", v.next, t.short(), entry.Size, size)}
		}
	}
	return step{}
}

// stepTag checks that a DECL_TAG is on something that can be tagged, and that
// its component is a member or parameter of it.
func (c *checker) stepTag(t Type) step {
	id := TypeID(t.word)
	target, ok := c.s.Type(id)
	switch {
	case !ok:
		return step{d: c.missing(t, 8, id, false, "B131", "target")}
	case !target.Kind.IsStruct() && target.Kind != KindFunc && target.Kind != KindVar && target.Kind != KindTypedef:
		return step{d: c.fail(t, 8, "B131", "DECL_TAG on a %s", target.Kind)}
	case c.waits(target):
		return step{push: id}
	}
	if i := t.Component(); i != -1 {
		n, rule := target.Vlen, "B133"
		switch target.Kind {
		case KindVar, KindTypedef:
			return step{d: c.fail(t, recordSize, "B132", "DECL_TAG on component %d of a %s", i, target.Kind)}
		case KindFunc:
			proto, _ := c.s.Type(TypeID(target.word))
			n, rule = proto.Vlen, "B134"
		}
		if uint32(i) >= n {
			return step{d: c.fail(t, recordSize, rule, "DECL_TAG on component %d of %d", i, n)}
		}
	}
	return step{to: id}
}

// settled checks the outcome of a walk: what is left must be concrete.
func (c *checker) settled(t Type) *Diagnostic {
	if !t.Kind.IsModifier() && t.Kind != KindPtr && t.Kind != KindVar {
		return nil
	}
	end, _ := c.s.Type(c.leadsTo(t.ID))
	if end.Kind.IsModifier() || end.Kind == KindVar || end.Kind == KindDatasec {
		return c.fail(t, 8, "B44", "%s ends in a %s", t.Kind, end.Kind)
	}
	return nil
}
