#include "bpf.h"
struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
struct bpf_map_def one SEC("maps") = {1, 4, 8, 16, 1};
struct bpf_map_def two SEC("maps") = {.type = 2, .key_size = 4, .value_size = 12, .max_entries = 3};
SEC("socket/legacy") int f(void *ctx)
{
	u32 k = 0;
	return map_lookup(&one, &k) == map_lookup(&two, &k);
}
