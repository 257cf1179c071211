/* Counts opened files by process and keeps the last name of each. */
// program opens: safe
// program opens_unchecked: reject, linux "invalid mem access 'map_value_or_null'"
#include "bpf.h"

/* The registers of x86-64, as kprobes see them. */
struct pt_regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};

struct process {
	u64 count, last_ns;
	char name[64];
};

struct {
	NUM(type, LRU_HASH);
	NUM(max_entries, 4096);
	TYPE(key, u32);
	TYPE(value, struct process);
} processes SEC(".maps");

SEC("kprobe/do_sys_openat2")
int opens(struct pt_regs *regs)
{
	u32 pid = pid_tgid() >> 32;
	struct process *p = map_lookup(&processes, &pid);

	if (!p) {
		struct process fresh = {};
		map_update(&processes, &pid, &fresh, NOEXIST);
		p = map_lookup(&processes, &pid);
		if (!p)
			return 0;
	}
	__sync_fetch_and_add(&p->count, 1);
	p->last_ns = ktime_ns();
	read_user_str(p->name, sizeof(p->name), (void *)regs->si);
	return 0;
}

SEC("kprobe/do_sys_openat2")
int opens_unchecked(struct pt_regs *regs)
{
	u32 pid = pid_tgid() >> 32;
	struct process *p = map_lookup(&processes, &pid);

	if (!p)
		map_update(&processes, &pid, &(struct process){}, NOEXIST);
	p = map_lookup(&processes, &pid);
	p->count++; // want V6
	return 0;
}
