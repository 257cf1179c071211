/* Hands packets to other programs by protocol, and finds a table by interface. */
// program dispatch: safe
// program inner: safe
// program inner_unchecked: reject, linux "map_value_or_null|map_ptr"
#include "bpf.h"

struct {
	NUM(type, PROG_ARRAY);
	NUM(max_entries, 256);
	NUM(key_size, 4);
	NUM(value_size, 4);
} handlers SEC(".maps");

struct table {
	NUM(type, HASH);
	NUM(max_entries, 64);
	TYPE(key, u32);
	TYPE(value, u64);
};

struct {
	NUM(type, HASH_OF_MAPS);
	NUM(max_entries, 16);
	NUM(key_size, 4);
	NUM(value_size, 4);
	struct table *values[];
} tables SEC(".maps");

SEC("xdp")
int dispatch(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	if (p + 24 > end)
		return XDP_PASS;
	tail_call(ctx, &handlers, p[23]);
	return XDP_DROP;
}

SEC("xdp")
int inner(struct xdp_md *ctx)
{
	u32 ifindex = ctx->ingress_ifindex, queue = ctx->rx_queue_index;
	void *table = map_lookup(&tables, &ifindex);
	u64 *n;

	if (!table)
		return XDP_PASS;
	n = map_lookup(table, &queue);
	if (n)
		__sync_fetch_and_add(n, 1);
	return XDP_PASS;
}

SEC("xdp")
int inner_unchecked(struct xdp_md *ctx)
{
	u32 ifindex = ctx->ingress_ifindex, queue = ctx->rx_queue_index;
	void *table = map_lookup(&tables, &ifindex);
	u64 *n = map_lookup(table, &queue); // want V16

	if (n)
		*n += 1;
	return XDP_PASS;
}
