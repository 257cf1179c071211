/* Counts bytes by flow. A key with padding, a value of two numbers, settings. */
#include "../../corpus/c/bpf.h"

struct flow {
	u32 src, dst;
	u16 port;
	u8 proto;
	/* one byte of padding */
};

struct usage {
	u64 packets;
	u64 bytes;
};

struct setting {
	u16 rate;
	/* two bytes of padding */
	u32 burst;
};

struct {
	NUM(type, HASH);
	NUM(max_entries, 1024);
	TYPE(key, struct flow);
	TYPE(value, struct usage);
} flows SEC(".maps");

struct {
	NUM(type, PERCPU_ARRAY);
	NUM(max_entries, 16);
	TYPE(key, u32);
	TYPE(value, struct usage);
} per_proto SEC(".maps");

volatile const struct setting limit = { .rate = 1, .burst = 2 };
u64 dropped;

SEC("xdp")
int count_flows(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct eth *eth = data;
	struct ip4 *ip = (void *)(eth + 1);
	struct udp *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > end || eth->proto != be16(ETH_IP4) || ip->proto != PROTO_UDP)
		return XDP_PASS;

	struct flow key = {};
	key.src = ip->src;
	key.dst = ip->dst;
	key.port = udp->dst;
	key.proto = ip->proto;

	struct usage *u = map_lookup(&flows, &key);
	if (u) {
		u->packets++;
		u->bytes += (u64)end - (u64)data;
		return XDP_PASS;
	}
	if (limit.burst == 0) {
		dropped++;
		return XDP_DROP;
	}
	struct usage first = { 1, (u64)end - (u64)data };
	map_update(&flows, &key, &first, ANY);
	return XDP_PASS;
}

SEC("xdp")
int count_protocols(struct xdp_md *ctx)
{
	u32 key = ctx->rx_queue_index;
	struct usage *u = map_lookup(&per_proto, &key);

#ifndef UNSAFE
	if (!u)
		return XDP_PASS;
#endif
	u->packets++;
	return XDP_PASS;
}
