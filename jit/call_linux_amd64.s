#include "funcdata.h"
#include "textflag.h"

// func enter(text, entry uintptr, m *exec.Machine, fuel int64) (stop uint64, left int64)
//
// The frame is what native code finds above its return address: localsSize bytes, see
// compile.go. Native code keeps SP and R14; BP is kept by this function's own
// prologue, and no caller expects anything of the other registers.
TEXT ·enter(SB), 0, $512-48
	NO_LOCAL_POINTERS
	MOVQ text+0(FP), DX
	MOVQ entry+8(FP), AX
	MOVQ m+16(FP), CX
	MOVQ fuel+24(FP), R9
	CALL DX
	MOVQ AX, stop+32(FP)
	MOVQ R9, left+40(FP)
	RET
