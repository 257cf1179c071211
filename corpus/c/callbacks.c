/* Loops whose body is a function that the kernel calls. */
// program counted: safe
// program each: safe
// program counted_out_of_bounds: reject, linux "invalid access to map value|memory range|unbounded"
#include "bpf.h"

u32 table[128];

struct {
	NUM(type, HASH);
	NUM(max_entries, 64);
	TYPE(key, u32);
	TYPE(value, u64);
} totals SEC(".maps");

struct sum { u64 n; };

static int clear(u32 i, void *ctx)
{
	if (i >= 128)
		return 1;
	table[i] = 0;
	return 0;
}

static int clear_unchecked(u32 i, void *ctx)
{
	table[i & 255] = 0; // want V7
	return 0;
}

static long add(void *map, const u32 *key, u64 *value, struct sum *s)
{
	s->n += *value;
	return 0;
}

SEC("tc")
int counted(struct __sk_buff *skb)
{
	loop(128, clear, NULL, 0);
	return TC_OK;
}

SEC("tc")
int counted_out_of_bounds(struct __sk_buff *skb)
{
	loop(128, clear_unchecked, NULL, 0);
	return TC_OK;
}

SEC("tc")
int each(struct __sk_buff *skb)
{
	struct sum s = {};

	for_each(&totals, add, &s, 0);
	skb->mark = s.n;
	return TC_OK;
}
