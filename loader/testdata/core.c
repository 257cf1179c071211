#include "bpf.h"

struct shape { u32 width; u32 height; u32 *list; u16 grown; s32 sign; u32 bits : 5; u32 more : 7; u32 tail[]; } __core;
struct shape___old { u32 gone; } __core;
struct absent { u32 x; } __core;
enum colour { RED = 1, BLUE = 2, PINK = 9 };

SEC("raw_tp") int offsets(struct shape *s) { return s->width + s->height; }
SEC("raw_tp") int resized(struct shape *s) { return s->grown; }
SEC("raw_tp") int element(struct shape *s) { return s->tail[3]; }
SEC("raw_tp") int guarded(struct shape___old *s)
{
	if (__builtin_preserve_field_info(s->gone, 2))
		return s->gone;
	return 1;
}
SEC("raw_tp") int unguarded(struct absent *s) { return s->x; }
SEC("raw_tp") int signs(struct shape *s) { return s->sign; }
SEC("raw_tp") int field(struct shape *s)
{
	u64 v = *(u32 *)((char *)s + __builtin_preserve_field_info(s->more, 0));
	v <<= __builtin_preserve_field_info(s->more, 4);
	return v >> __builtin_preserve_field_info(s->more, 5);
}
SEC("raw_tp") int types(void *ctx)
{
	return __builtin_preserve_type_info(*(struct shape *)0, 0) + 2 * __builtin_preserve_type_info(*(struct absent *)0, 0) +
	       4 * __builtin_preserve_type_info(*(struct shape *)0, 1) + 256 * __builtin_btf_type_id(*(struct shape *)0, 1);
}
SEC("raw_tp") int enums(void *ctx)
{
	return __builtin_preserve_enum_value(*(typeof(enum colour) *)BLUE, 1) + 16 * __builtin_preserve_enum_value(*(typeof(enum colour) *)PINK, 0);
}
char LICENSE[] SEC("license") = "GPL";
