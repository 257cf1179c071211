/* packet_count with its mistakes: a header that is not checked, a lookup that is
 * not, and a check of too little. */
// program header_unchecked: reject, linux "offset is outside of the packet"
// program lookup_unchecked: reject, linux "invalid mem access 'map_value_or_null'"
// program header_half_checked: reject, linux "offset is outside of the packet"
#include "bpf.h"

struct {
	NUM(type, HASH);
	NUM(max_entries, 256);
	TYPE(key, u32);
	TYPE(value, u64);
} packets SEC(".maps");

SEC("xdp")
int header_unchecked(struct xdp_md *ctx)
{
	struct eth *eth = (void *)(long)ctx->data;

	return eth->proto == be16(ETH_IP4) ? XDP_PASS : XDP_DROP; // want V5
}

SEC("xdp")
int lookup_unchecked(struct xdp_md *ctx)
{
	u32 key = ctx->rx_queue_index;
	u64 *n = map_lookup(&packets, &key);

	*n += 1; // want V6
	return XDP_PASS;
}

SEC("xdp")
int header_half_checked(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ip4 *ip = (void *)(eth + 1);

	if ((void *)ip > end)
		return XDP_PASS;
	return ip->ttl < 2 ? XDP_DROP : XDP_PASS; // want V5
}
