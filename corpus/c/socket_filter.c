/* Socket filters: one by legacy packet loads, one by copying. */
// program by_loads: safe
// program by_copy: safe
// program copy_too_large: reject, linux "invalid write to stack"
#include "bpf.h"

SEC("socket")
int by_loads(struct __sk_buff *skb)
{
	if (load_half(skb, 12) != ETH_IP4)
		return 0;
	u64 ihl = (load_byte(skb, 14) & 15) * 4;
	return load_half(skb, 14 + ihl + 2) == 53 ? (int)skb->len : 0;
}

SEC("socket")
int by_copy(struct __sk_buff *skb)
{
	struct ip4 ip;

	if (skb->protocol != be16(ETH_IP4) || skb_load(skb, 14, &ip, sizeof(ip)))
		return 0;
	return ip.proto == PROTO_UDP ? -1 : 0;
}

SEC("socket")
int copy_too_large(struct __sk_buff *skb)
{
	u8 buf[16];

	if (skb_load(skb, 14, buf, sizeof(buf) + 8)) // want V2
		return 0;
	return buf[9] == PROTO_UDP ? -1 : 0;
}
