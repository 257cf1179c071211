/* Configuration in constants, state in variables, a table searched by index. */
// program configured: safe
// program table: safe
// program table_unchecked: reject, linux "unbounded memory access|memory range"
#include "bpf.h"

const volatile u32 sample_every = 16;
const volatile u32 enabled = 1;
u64 seen, sampled;
u32 limit = 100;
u8 histogram[64];

SEC("xdp")
int configured(struct xdp_md *ctx)
{
	if (!enabled)
		return XDP_PASS;
	seen++;
	if (seen % sample_every == 0 && sampled < limit)
		sampled++;
	return XDP_PASS;
}

SEC("xdp")
int table(struct xdp_md *ctx)
{
	u32 size = ctx->data_end - ctx->data;
	u32 bucket = size >> 5;

	if (bucket >= sizeof(histogram))
		bucket = sizeof(histogram) - 1;
	histogram[bucket]++;
	return XDP_PASS;
}

SEC("xdp")
int table_unchecked(struct xdp_md *ctx)
{
	u32 bucket = random_u32() >> 5;

	histogram[bucket]++; // want V7
	return XDP_PASS;
}
