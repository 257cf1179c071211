/* Sends an event for each executed program, by ring buffer or by perf events. */
// program by_ring: safe
// program by_perf: safe
// program record_leaked: reject, linux "reference leak"
// program record_used_after_submit: reject, linux "invalid mem access 'scalar'"
#include "bpf.h"

struct event {
	u64 ns;
	u32 pid, uid;
	char comm[16];
};

struct {
	NUM(type, RINGBUF);
	NUM(max_entries, 65536);
} ring SEC(".maps");

struct {
	NUM(type, PERF_EVENT_ARRAY);
	NUM(key_size, 4);
	NUM(value_size, 4);
} perf SEC(".maps");

INLINE void fill(struct event *e)
{
	e->ns = ktime_ns();
	e->pid = pid_tgid() >> 32;
	e->uid = uid_gid();
	current_comm(e->comm, sizeof(e->comm));
}

SEC("tracepoint/sched/sched_process_exec")
int by_ring(void *ctx)
{
	struct event *e = ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e)
		return 0;
	fill(e);
	if (e->uid == 0)
		ringbuf_discard(e, 0);
	else
		ringbuf_submit(e, 0);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int by_perf(void *ctx)
{
	struct event e = {};

	fill(&e);
	perf_output(ctx, &perf, CURRENT_CPU, &e, sizeof(e));
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int record_leaked(void *ctx)
{
	struct event *e = ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e)
		return 0;
	e->uid = uid_gid();
	if (e->uid == 0)
		return 0;
	ringbuf_submit(e, 0);
	return 0;
} // want V12

SEC("tracepoint/sched/sched_process_exec")
int record_used_after_submit(void *ctx)
{
	struct event *e = ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e)
		return 0;
	e->uid = 1;
	ringbuf_submit(e, 0);
	e->pid = pid_tgid(); // want V9
	return 0;
}
