// The "kernel" of the CO-RE tests: only its .BTF counts.
typedef unsigned int u32;
typedef unsigned long long u64;
struct shape {
	u64 before;
	u32 height;
	struct {
		u32 width;
	};
	u32 *list;
	u64 grown;
	long sign;
	u32 bits : 3;
	u32 : 11;
	u32 more : 6;
	u32 tail[];
};
enum colour { NONE, RED, GREEN, BLUE };
struct shape a;
enum colour b;
int here(u32 x) { return x; }
int cpu_var __attribute__((section(".data..percpu")));
