/* Marks packets to the ports of a table, past VLAN tags and IPv6 extension headers. */
// program classify: safe
#include "bpf.h"

struct {
	NUM(type, HASH);
	NUM(max_entries, 1024);
	TYPE(key, u16);
	TYPE(value, u32);
} marks SEC(".maps");

struct cursor { void *at, *end; };

INLINE void *take(struct cursor *c, u64 size)
{
	void *p = c->at;

	if (p + size > c->end)
		return NULL;
	c->at = p + size;
	return p;
}

INLINE int skip_extensions(struct cursor *c, u8 *next)
{
	for (int i = 0; i < 4; i++) {
		if (*next != 0 && *next != 43 && *next != 60)
			return 0;
		struct ip6_ext *x = take(c, sizeof(*x));
		if (!x || !take(c, x->len * 8ULL))
			return -1;
		*next = x->next;
	}
	return -1;
}

INLINE u16 port_of(struct cursor *c, u8 proto)
{
	if (proto == PROTO_TCP) {
		struct tcp *t = take(c, sizeof(*t));
		return t ? t->dst : 0;
	}
	if (proto == PROTO_UDP) {
		struct udp *u = take(c, sizeof(*u));
		return u ? u->dst : 0;
	}
	return 0;
}

SEC("tc")
int classify(struct __sk_buff *skb)
{
	struct cursor c = {(void *)(long)skb->data, (void *)(long)skb->data_end};
	struct eth *eth = take(&c, sizeof(*eth));
	u16 proto, port;
	u8 next;

	if (!eth)
		return TC_OK;
	proto = eth->proto;
	for (int i = 0; i < 2 && proto == be16(ETH_VLAN); i++) {
		struct vlan *v = take(&c, sizeof(*v));
		if (!v)
			return TC_OK;
		proto = v->proto;
	}
	if (proto == be16(ETH_IP4)) {
		struct ip4 *ip = take(&c, sizeof(*ip));
		if (!ip)
			return TC_OK;
		u64 options = (ip->version_ihl & 15) * 4ULL;
		if (options < sizeof(*ip) || !take(&c, options - sizeof(*ip)))
			return TC_OK;
		next = ip->proto;
	} else if (proto == be16(ETH_IP6)) {
		struct ip6 *ip = take(&c, sizeof(*ip));
		if (!ip)
			return TC_OK;
		next = ip->next;
		if (skip_extensions(&c, &next))
			return TC_OK;
	} else {
		return TC_OK;
	}
	port = port_of(&c, next);
	u32 *mark = map_lookup(&marks, &port);
	if (mark)
		skb->mark = *mark;
	return TC_OK;
}
