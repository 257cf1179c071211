#include "bpf.h"

struct bpf_spin_lock { u32 val; };
struct bpf_timer { u64 a, b; };
struct task_struct;

struct value {
	u64 count;
	struct bpf_spin_lock lock;
	struct bpf_timer timer;
	struct task_struct __kptr *task;
	struct task_struct __kptr_untrusted *tasks[2];
};

struct {
	__uint(type, 1);
	__uint(max_entries, 64);
	__uint(map_flags, 1);
	__type(key, u64);
	__type(value, struct value);
} table SEC(".maps");

struct inner {
	__uint(type, 2);
	__uint(max_entries, 3);
	__type(key, u32);
	__type(value, u64);
};

struct inner first SEC(".maps");

struct {
	__uint(type, 12);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__array(values, struct inner);
} outer SEC(".maps") = {.values = {[1] = &first}};

int leaf(void *ctx);
int other(void *ctx);

struct {
	__uint(type, 3);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(void *));
} jumps SEC(".maps") = {.values = {[0] = &leaf, [3] = &other}};

struct {
	__uint(type, 29);
	__uint(map_flags, 1);
	__type(key, int);
	__type(value, u64);
	__ulong(map_extra, 0x100000005);
} __weak storage SEC(".maps");

const volatile u32 limit = 7;
volatile u64 total = 5;
volatile u32 zero;
volatile u16 custom SEC(".data.custom") = 9;
static volatile u32 local_state[4] = {1, 2, 3, 4};

SEC("xdp") int leaf(void *ctx) { return limit; }

SEC("xdp") int other(void *ctx)
{
	total += custom + local_state[2];
	zero++;
	return 0;
}

SEC("xdp") int entry(void *ctx)
{
	u64 key = 1;
	struct value *v = map_lookup(&table, &key);
	void *in = map_lookup(&outer, &key);
	tail_call(ctx, &jumps, 3);
	if (in)
		map_lookup(in, &key);
	map_lookup(&storage, &key);
	return v ? v->count : 2;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
