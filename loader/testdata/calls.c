#include "bpf.h"

struct {
	__uint(type, 2);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

extern u32 LINUX_KERNEL_VERSION __kconfig;
extern int here(u32 x) __ksym;
extern int gone(u32 x) __weak __ksym;
extern const int cpu_var __ksym;
extern const void some_symbol __ksym;
extern const int no_var __weak __ksym;

static __noinline int inner(u32 x) { return x * 3 + *(volatile u32 *)&x; }
static __noinline int middle(u32 x) { return inner(x + 1) ^ 5; }
__noinline int shared(u32 x) { return middle(x) + inner(x); }
__weak __noinline int soft(u32 x) { return x + 1; }
__hidden __noinline int hidden(u32 x) { return *(volatile u32 *)&x + 2; }

static int each(void *map, u32 *key, u64 *value, void *ctx)
{
	*(u64 *)ctx += *value;
	return 0;
}

static int both(void *map, u32 *key, u64 *value, void *ctx) { return inner(*key) > 4; }

SEC("kprobe/do_work") int first(void *ctx) { return shared(4) + soft(1); }

SEC("?fentry.s/do_other") int second(void *ctx)
{
	u64 sum = 0;
	for_each(&counts, each, &sum, 0);
	for_each(&counts, both, &sum, 0);
	return sum + hidden(2);
}

SEC("tc") int third(void *ctx)
{
	int r = LINUX_KERNEL_VERSION > 0x50f00;
	r += here(1);
	if (gone)
		r += gone(2);
	r += cpu_var;
	if (&no_var)
		r += no_var;
	return r + (&some_symbol == ctx);
}

char LICENSE[] SEC("license") = "GPL";
u32 VERSION SEC("version") = 0x60000;
