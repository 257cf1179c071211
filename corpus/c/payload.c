/* Hashes the start of a packet in a loop that ends with the packet or after 64 bytes. */
// program payload_hash: safe
// program payload_checked_before: safe
// program payload_one_too_many: reject, linux "offset is outside of the packet"
#include "bpf.h"

u32 last;

SEC("xdp")
int payload_hash(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 h = 0x811c9dc5;

	for (int i = 0; i < 64; i++) {
		if (p + i + 1 > end)
			break;
		h = (h ^ p[i]) * 0x01000193;
	}
	last = h;
	return XDP_PASS;
}

SEC("xdp")
int payload_checked_before(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 h = 0;

	if (p + 64 > end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i < 64; i++)
		h = h * 31 + p[i];
	last = h;
	return XDP_PASS;
}

SEC("xdp")
int payload_one_too_many(struct xdp_md *ctx)
{
	u8 *p = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	u32 h = 0;

	if (p + 64 > end)
		return XDP_PASS;
#pragma clang loop unroll(disable)
	for (int i = 0; i <= 64; i++)
		h = h * 31 + p[i]; // want V5
	last = h;
	return XDP_PASS;
}
