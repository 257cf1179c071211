/* Walks the kernel's structures with relocated offsets. */
// program forked: safe
// program exits: safe
// program written: reject, linux "only read is supported|cannot write"
#include "bpf.h"

struct task_struct {
	int pid, tgid;
	struct task_struct *real_parent;
	char comm[16];
	int not_in_any_kernel;
} CORE;

struct {
	NUM(type, HASH);
	NUM(max_entries, 1024);
	TYPE(key, u32);
	TYPE(value, u64);
} children SEC(".maps");

SEC("tp_btf/task_newtask")
int forked(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	u32 parent = task->real_parent->tgid;
	u64 one = 1, *n = map_lookup(&children, &parent);

	if (n)
		__sync_fetch_and_add(n, 1);
	else
		map_update(&children, &parent, &one, ANY);
	return 0;
}

SEC("fentry/do_exit")
int exits(u64 *ctx)
{
	u32 pid = pid_tgid() >> 32;

	if ((s64)ctx[0] != 0)
		map_delete(&children, &pid);
	return 0;
}

SEC("tp_btf/task_newtask")
int written(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	task->pid = 1; // want V39
	return 0;
}

SEC("tp_btf/task_newtask")
int field_missing(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (__builtin_preserve_field_info(task->not_in_any_kernel, 2))
		return task->not_in_any_kernel;
	return 0;
}
// program field_missing: safe
