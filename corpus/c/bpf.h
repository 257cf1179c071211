/* What these programs need of the kernel's interface, declared by hand. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))
#define CORE __attribute__((preserve_access_index))

/* A map's members say its type and sizes through their types. */
#define NUM(name, n) int (*name)[n]
#define TYPE(name, t) t *name

#define NULL ((void *)0)
#define offsetof(t, m) __builtin_offsetof(t, m)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define be16(x) __builtin_bswap16(x)
#define be32(x) __builtin_bswap32(x)
#else
#define be16(x) (x)
#define be32(x) (x)
#endif

enum map_type {
	HASH = 1, ARRAY = 2, PROG_ARRAY = 3, PERF_EVENT_ARRAY = 4, PERCPU_HASH = 5,
	PERCPU_ARRAY = 6, LRU_HASH = 9, LPM_TRIE = 11, ARRAY_OF_MAPS = 12, HASH_OF_MAPS = 13,
	RINGBUF = 27,
};

enum { ANY = 0, NOEXIST = 1, EXIST = 2 };
#define CURRENT_CPU 0xffffffffULL

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static long (*const map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*const map_delete)(void *map, const void *key) = (void *)3;
static u64 (*const ktime_ns)(void) = (void *)5;
static u32 (*const random_u32)(void) = (void *)7;
static long (*const tail_call)(void *ctx, void *map, u32 index) = (void *)12;
static u64 (*const pid_tgid)(void) = (void *)14;
static u64 (*const uid_gid)(void) = (void *)15;
static long (*const current_comm)(void *buf, u32 size) = (void *)16;
static long (*const perf_output)(void *ctx, void *map, u64 flags, void *data, u64 size) = (void *)25;
static long (*const skb_load)(const void *skb, u32 off, void *to, u32 size) = (void *)26;
static long (*const skb_pull)(void *skb, u32 size) = (void *)39;
static long (*const xdp_adjust_head)(void *xdp, int delta) = (void *)44;
static long (*const read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*const read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static void *(*const ringbuf_reserve)(void *map, u64 size, u64 flags) = (void *)131;
static void (*const ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void (*const ringbuf_discard)(void *data, u64 flags) = (void *)133;
static long (*const for_each)(void *map, void *fn, void *ctx, u64 flags) = (void *)164;
static long (*const loop)(u32 n, void *fn, void *ctx, u64 flags) = (void *)181;

/* Legacy packet loads: the compiler keeps the context in r6. */
u64 load_byte(void *skb, u64 off) asm("llvm.bpf.load.byte");
u64 load_half(void *skb, u64 off) asm("llvm.bpf.load.half");

struct xdp_md { u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };
enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority,
		ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end;
};
enum { TC_OK = 0, TC_SHOT = 2 };

struct eth { u8 dst[6], src[6]; u16 proto; };
struct vlan { u16 tci, proto; };
struct ip4 {
	u8 version_ihl, tos;
	u16 len, id, frag;
	u8 ttl, proto;
	u16 sum;
	u32 src, dst;
};
struct ip6 { u32 flow; u16 len; u8 next, hops; u8 src[16], dst[16]; };
struct ip6_ext { u8 next, len; u8 rest[6]; };
struct tcp { u16 src, dst; u32 seq, ack; u8 off, flags; u16 window, sum, urgent; };
struct udp { u16 src, dst, len, sum; };

enum { ETH_IP4 = 0x0800, ETH_VLAN = 0x8100, ETH_IP6 = 0x86dd };
enum { PROTO_TCP = 6, PROTO_UDP = 17 };

char licence_text[] SEC("license") = "GPL";
