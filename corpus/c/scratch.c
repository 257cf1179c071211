/* A per-CPU buffer larger than the stack, filled with two strings one after the other. */
// program join: safe
// program join_unchecked: reject, linux "invalid access to map value|R1 max value|unbounded|min value is negative"
#include "bpf.h"

struct buffer { char text[1024]; };

struct {
	NUM(type, PERCPU_ARRAY);
	NUM(max_entries, 1);
	TYPE(key, u32);
	TYPE(value, struct buffer);
} scratch SEC(".maps");

struct {
	NUM(type, PERF_EVENT_ARRAY);
	NUM(key_size, 4);
	NUM(value_size, 4);
} out SEC(".maps");

/* The arguments of the system call, as its tracepoint gives them. */
struct enter { u64 common; u64 id; const char *first, *second; };

SEC("tracepoint/syscalls/sys_enter_rename")
int join(struct enter *ctx)
{
	u32 zero = 0;
	struct buffer *b = map_lookup(&scratch, &zero);
	long n, m;

	if (!b)
		return 0;
	n = read_user_str(b->text, 512, ctx->first);
	if (n < 0 || n > 512)
		return 0;
	m = read_user_str(b->text + n, 512, ctx->second);
	if (m < 0 || m > 512)
		return 0;
	perf_output(ctx, &out, CURRENT_CPU, b, n + m);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_rename")
int join_unchecked(struct enter *ctx)
{
	u32 zero = 0;
	struct buffer *b = map_lookup(&scratch, &zero);
	long n;

	if (!b)
		return 0;
	n = read_user_str(b->text, 1024, ctx->first);
	if (n < 0)
		return 0;
	read_user_str(b->text + n, 512, ctx->second); // want V7
	return 0;
}
