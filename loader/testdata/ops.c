#include "bpf.h"
struct some_ops { u64 flags; int (*open)(void *); int (*close)(void *); };
SEC("struct_ops/on_open") int on_open(void *ctx) { return 1; }
SEC("struct_ops") int on_close(void *ctx) { return 2; }
SEC(".struct_ops.link") struct some_ops ops = {.flags = 3, .open = (void *)on_open, .close = (void *)on_close};
char LICENSE[] SEC("license") = "GPL";
