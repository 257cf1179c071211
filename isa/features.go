package isa

// Feature is a set of instructions that came later than the first eBPF, so that
// a target may lack them. The zero value is none of them.
type Feature uint32

// The features. Versions in parentheses are the first Linux release that has
// them; a platform's table decides, not this comment.
const (
	FeatJMP32       Feature = 1 << iota // the JMP32 class (5.1)
	FeatLocalCall                       // calls within the program (4.16)
	FeatKfunc                           // calls by BTF id (5.13)
	FeatAtomicFetch                     // atomics that return the old value (5.12)
	FeatCPUv4                           // signed DIV and MOD, MOVSX, MEMSX, BSWAP, gotol (6.6)
	FeatMapValue                        // LD_IMM64 of a map value address (5.2)
	FeatVar                             // LD_IMM64 of a platform variable (5.10)
	FeatFuncAddr                        // LD_IMM64 of a subprogram address (5.13)
	FeatMapIdx                          // LD_IMM64 of a map by index (5.14)

	// What follows is not in RFC 9669.

	FeatMayGoto       // may_goto (6.9)
	FeatAddrSpaceCast // arena address space casts (6.9)
	FeatOrderedAtomic // load-acquire and store-release (6.15)
	FeatKfuncModule   // a kfunc call's offset names the module (5.17)
	FeatExitOffset    // exit with any offset passes: Linux does not look at it
	FeatCallX         // callx with the register in Dst; PREVAIL and uBPF only
)

// FeatRFC is every feature of RFC 9669.
const FeatRFC = FeatJMP32 | FeatLocalCall | FeatKfunc | FeatAtomicFetch | FeatCPUv4 |
	FeatMapValue | FeatVar | FeatFuncAddr | FeatMapIdx

// Profile is what one target accepts as an instruction. The zero Profile accepts
// only the instructions of the first eBPF and has no policy.
type Profile struct {
	Name     string // for messages, as in "Linux 6.18"
	Features Feature
	// Policy adds the refusals of well-formed instructions by Linux (rule I10).
	Policy bool
}

// The two views that the checklist tells apart.
var (
	RFC9669  = Profile{Name: "RFC 9669", Features: FeatRFC}
	Linux618 = Profile{
		Name: "Linux 6.18",
		Features: FeatRFC | FeatMayGoto | FeatAddrSpaceCast | FeatOrderedAtomic |
			FeatKfuncModule | FeatExitOffset,
		Policy: true,
	}
)

// Has reports whether all features of f are there.
func (p Profile) Has(f Feature) bool { return p.Features&f == f }
