#include "bpf.h"
extern u32 LINUX_KERNEL_VERSION __kconfig;
extern u32 CONFIG_HZ __kconfig;
extern _Bool CONFIG_SOME_FLAG __kconfig __weak;
SEC("socket") int f(void *ctx) { return LINUX_KERNEL_VERSION + CONFIG_HZ + CONFIG_SOME_FLAG; }
char LICENSE[] SEC("license") = "GPL";
