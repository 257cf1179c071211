/* Counts packets by IP protocol, one counter a CPU. */
// program packet_count: safe
#include "bpf.h"

struct {
	NUM(type, PERCPU_ARRAY);
	NUM(max_entries, 256);
	TYPE(key, u32);
	TYPE(value, u64);
} packets SEC(".maps");

SEC("xdp")
int packet_count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	u32 proto;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (eth->proto == be16(ETH_IP4)) {
		struct ip4 *ip = (void *)(eth + 1);
		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		proto = ip->proto;
	} else if (eth->proto == be16(ETH_IP6)) {
		struct ip6 *ip = (void *)(eth + 1);
		if ((void *)(ip + 1) > end)
			return XDP_PASS;
		proto = ip->next;
	} else {
		return XDP_PASS;
	}
	u64 *n = map_lookup(&packets, &proto);
	if (n)
		*n += 1;
	return XDP_PASS;
}
