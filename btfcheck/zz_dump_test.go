package btfcheck

import "fmt"

func dump(raw []byte) string {
	s, err := Parse(raw, nil)
	if err != nil {
		return err.Error()
	}
	out := ""
	for t := range s.Types() {
		switch {
		case t.Kind == KindDeclTag:
			out += fmt.Sprintf(" | %d tag %s on %d.%d", t.ID, t.Name(), t.Ref(), t.Component())
		case t.Kind.IsStruct():
			out += fmt.Sprintf(" | %d struct %s(%d){", t.ID, t.Name(), t.Size())
			for i := range int(t.Vlen) {
				m := t.Member(i)
				mt, _ := s.Type(m.Type)
				out += fmt.Sprintf("%s:%d %s@%d ", m.Name, m.Type, mt.Name(), m.BitOff/8)
			}
			out += "}"
		case t.Kind == KindArray:
			out += fmt.Sprintf(" | %d array %d x%d", t.ID, t.Array().Elem, t.Array().Len)
		case t.Kind == KindPtr || t.Kind == KindTypeTag:
			out += fmt.Sprintf(" | %d %s->%d", t.ID, t.Kind, t.Ref())
			out += t.Name()
		}
	}
	return out
}
