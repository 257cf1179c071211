/* Functions that are not static: judged once, by what their types allow, and at
 * calls only by their prototype. */
// program scalar_argument: safe
// program result_is_any_number: reject, linux "memory range|unbounded|invalid access to map value"
// program result_checked: safe
// program buffer: safe
// program buffer_too_small: reject, linux "Caller passes invalid args|invalid access to stack|invalid indirect access|memory range|invalid.*stack"
// program context: safe
// program packet_after_pull: reject, linux "invalid mem access 'scalar'"
// program packet_after_plain: safe
// program fills_memory: reject, linux "unbounded memory access|memory range|invalid access to map value"
// program null_unless_told: safe
// program unused_in_dead_code: safe
#include "bpf.h"

#define TAG(t) __attribute__((btf_decl_tag("arg:" #t)))

struct pair { u32 a, b; };
struct big { u64 words[8]; };

u32 slots[64];
const volatile u32 feature = 0;

NOINLINE u32 half(u32 x) { return (x >> 1) & 63; }

SEC("tc")
int scalar_argument(struct __sk_buff *skb) { return half(skb->len) ? TC_OK : TC_SHOT; }

SEC("tc")
int result_is_any_number(struct __sk_buff *skb)
{
	slots[half(skb->len)] = 1; // want V7
	return TC_OK;
}

SEC("tc")
int result_checked(struct __sk_buff *skb)
{
	u32 i = half(skb->len);

	asm volatile("" : "+r"(i)); /* or the compiler, which sees the body, drops the check */
	if (i < 64)
		slots[i] = 1;
	return TC_OK;
}

NOINLINE int total(struct big *b)
{
	if (!b)
		return 0;
	return b->words[0] + b->words[7];
}

SEC("tc")
int buffer(struct __sk_buff *skb)
{
	struct big b = {{skb->len, 1, 2, 3, 4, 5, 6, 7}};

	return total(&b) & 1;
}

SEC("tc")
int buffer_too_small(struct __sk_buff *skb)
{
	struct pair p = {skb->len, skb->hash};

	return total((struct big *)&p) & 1; // want V2
}

NOINLINE int length(struct __sk_buff *skb) { return skb->len; }

SEC("tc")
int context(struct __sk_buff *skb) { return length(skb) > 100 ? TC_OK : TC_SHOT; }

NOINLINE int pull(struct __sk_buff *skb) { return skb_pull(skb, 64); }

SEC("tc")
int packet_after_pull(struct __sk_buff *skb)
{
	u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + 1 > end)
		return TC_OK;
	pull(skb);
	return data[0]; // want V9
}

SEC("tc")
int packet_after_plain(struct __sk_buff *skb)
{
	u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	if (data + 1 > end)
		return TC_OK;
	length(skb);
	return data[0];
}

NOINLINE int fill(struct pair *p TAG(nonnull))
{
	p->a = 7;
	p->b = 9;
	return 0;
}

SEC("tc")
int fills_memory(struct __sk_buff *skb)
{
	struct pair p = {1, 2};

	fill(&p);
	slots[p.a] = 1; // want V7
	return TC_OK;
}

SEC("tc")
int null_unless_told(struct __sk_buff *skb)
{
	struct pair p = {1, 2};

	fill(&p);
	return p.a + total(NULL);
}

NOINLINE int bad(struct pair *p) { return p->a; }

SEC("tc")
int unused_in_dead_code(struct __sk_buff *skb)
{
	struct pair p = {1, 2};

	if (feature)
		return bad(&p);
	return TC_OK;
}
