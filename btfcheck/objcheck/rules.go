package objcheck

// Rule is a convention that portable objects keep. Strict rules are reported in
// strict mode only: some loader or kernel lets the object pass.
type Rule struct {
	ID, Title string
	Strict    bool
}

// The rules. docs/OBJECTS.md says of each what it protects from.
var (
	E1  = Rule{"E1", "the file is an ELF64 relocatable object for BPF, whole and with a symbol table", false}
	E2  = Rule{"E2", "types have the byte order of the object", false}
	E3  = Rule{"E3", ".BTF.ext comes with .BTF", false}
	E4  = Rule{"E4", "function symbols cover whole instructions inside their section", false}
	E5  = Rule{"E5", "functions do not overlap", false}
	E6  = Rule{"E6", "programs are global symbols", true}
	E7  = Rule{"E7", "all code belongs to a function", true}
	E8  = Rule{"E8", "code relocations are of a known type, on an instruction that takes it, once", false}
	E9  = Rule{"E9", "addends are in the instruction", false}
	E10 = Rule{"E10", "code relocations lead to a function, variable, map or declared extern", false}
	E11 = Rule{"E11", "relocated addresses lie inside the section they refer to", false}
	E12 = Rule{"E12", "initialised data holds no addresses", true}
	E13 = Rule{"E13", "the licence is a NUL-terminated string", false}
	E14 = Rule{"E14", "programs that call GPL-only helpers have a compatible licence", true}
	E15 = Rule{"E15", "the object names a licence", true}
	E16 = Rule{"E16", "section version has 4 bytes", false}
	E17 = Rule{"E17", "variables lie inside their section", false}
	E18 = Rule{"E18", "variables have the size of their type", false}
	E19 = Rule{"E19", "externs in .kconfig and .ksyms are of a kind that loaders resolve", false}
	E20 = Rule{"E20", "section names stand for a program type", true}
	E21 = Rule{"E21", "functions take at most five arguments, each in a register", false}
	E22 = Rule{"E22", "functions have type information where the object has types", true}
	E23 = Rule{"E23", "features that need types have them", false}
	E24 = Rule{"E24", "maps are of a type that the target has", false}
	E25 = Rule{"E25", "keys, values and entries fit the map type", false}
	E26 = Rule{"E26", "map flags fit the map type", false}
	E27 = Rule{"E27", "special fields stand in maps that support them", false}
	E28 = Rule{"E28", "maps are defined in .maps, with types", true}
	E29 = Rule{"E29", "map definitions can be read", false}
	E30 = Rule{"E30", "a program refers to at most 64 maps", false}
	E31 = Rule{"E31", "CO-RE records name a part of a type and an instruction that can be patched", false}
	E32 = Rule{"E32", "CO-RE sites that the target cannot answer are guarded", false}
	E33 = Rule{"E33", "the object is complete: nothing is left to link or to fill in", true}
)

// Rules lists all rules in order.
var Rules = []Rule{E1, E2, E3, E4, E5, E6, E7, E8, E9, E10, E11, E12, E13, E14, E15, E16, E17, E18, E19, E20, E21, E22, E23,
	E24, E25, E26, E27, E28, E29, E30, E31, E32, E33}
