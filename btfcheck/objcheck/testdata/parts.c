/* One of everything that an object can hold, so that tests can break each part. */
#include "../../../corpus/c/bpf.h"

struct bpf_spin_lock { u32 val; };

struct locked {
	struct bpf_spin_lock lock;
	u32 n;
};

struct {
	NUM(type, HASH);
	NUM(max_entries, 16);
	TYPE(key, u32);
	TYPE(value, struct locked);
} locks SEC(".maps");

struct {
	NUM(type, ARRAY);
	NUM(max_entries, 4);
	NUM(key_size, 4);
	NUM(value_size, 8);
} plain SEC(".maps");

extern int LINUX_KERNEL_VERSION SEC(".kconfig");

struct task_struct {
	int pid;
	int no_such_member;
} CORE;

u32 seen = 1;
u32 dropped = 2;
const volatile u32 limit = 3;

NOINLINE int count(struct __sk_buff *skb, u32 n)
{
	if (n > limit)
		dropped++;
	return skb->len > n;
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	u32 key = 0;
	u64 *v = map_lookup(&plain, &key);

	seen++;
	if (v)
		(*v)++;
	map_delete(&locks, &key);
	if (LINUX_KERNEL_VERSION > 0)
		return count(skb, 7);
	return TC_OK;
}

SEC("tp_btf/task_newtask")
int guarded(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (__builtin_preserve_field_info(task->no_such_member, 2))
		return task->no_such_member;
	return 0;
}

SEC("tp_btf/task_newtask")
int unguarded(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	return task->no_such_member + (int)ktime_ns();
}
