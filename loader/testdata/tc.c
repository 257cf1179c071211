#include "bpf.h"
struct bpf_elf_map { u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx; };
struct bpf_elf_map SEC("maps") in = {.type = 2, .size_key = 4, .size_value = 24, .max_elem = 5, .id = 42, .inner_idx = 0};
struct bpf_elf_map SEC("maps") out = {.type = 13, .size_key = 8, .size_value = 4, .max_elem = 2, .inner_id = 42};
SEC("classifier") int f(void *ctx)
{
	u64 k = 0;
	return map_lookup(&out, &k) == map_lookup(&in, &k);
}
char LICENSE[] SEC("license") = "GPL";
