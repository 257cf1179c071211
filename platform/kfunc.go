package platform

// Kfunc is what BTF does not say of a kernel function that programs may call
// (V38): its prototype, and the suffixes of its arguments, are in the kernel's BTF.
type Kfunc struct {
	Name  string
	Flags KfuncFlag
	Since Version
	// Unsupported says why the engine must not judge a call, "" if it may.
	Unsupported string
}

// KfuncFlag says how a kernel function has to be called.
type KfuncFlag uint16

// The flags.
const (
	KfuncAcquire     KfuncFlag = 1 << iota // the result is a reference that must be released
	KfuncRelease                           // ends the reference of its argument
	KfuncMaybeNull                         // the result has to be tested first
	KfuncTrusted                           // pointer arguments must be trusted
	KfuncRCU                               // pointer arguments must be trusted, or protected by RCU
	KfuncSleepable                         // may sleep
	KfuncDestructive                       // may take the machine down
	KfuncProtected                         // may only be called in an RCU section
	KfuncIterNew                           // starts an iterator
	KfuncIterNext
	KfuncIterDestroy
	KfuncMovesPacket // packet pointers die
	KfuncFastcall
)

// Has reports whether any of the flags f is set.
func (k *Kfunc) Has(f KfuncFlag) bool { return k.Flags&f != 0 }
