/* Static and global functions: the former are followed into, the latter are judged
 * alone and must check what they are given. */
// program calls: safe
// program calls_unchecked: reject, linux "invalid mem access 'mem_or_null'"
#include "bpf.h"

struct pair { u32 a, b; };

static NOINLINE u32 mix(u32 x)
{
	x ^= x >> 16;
	x *= 0x7feb352d;
	x ^= x >> 15;
	return x & 1023;
}

NOINLINE int sum(struct pair *p)
{
	if (!p)
		return 0;
	return p->a + p->b;
}

NOINLINE int sum_unchecked(struct pair *p)
{
	return p->a + p->b; // want V6
}

u32 slots[1024];

SEC("tc")
int calls(struct __sk_buff *skb)
{
	struct pair p = {skb->len, skb->hash};

	slots[mix(skb->hash)] = sum(&p);
	return TC_OK;
}

SEC("tc")
int calls_unchecked(struct __sk_buff *skb)
{
	struct pair p = {skb->len, skb->hash};

	return sum_unchecked(&p) & 1;
}
