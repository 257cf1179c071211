# Functions as assemblers write them: global symbols without type and size. The
# first instruction is none (registers 15, unknown operation) and has to survive.
	.section xdp, "ax", @progbits
	.globl raw
raw:
	.quad 0x000000070000ffff
	r0 = 1
	call local_part
	exit
	.globl local_part
local_part:
	r0 = 2
	exit
