// The programs of the speed targets in C, compiled with cc -O2 and timed by the
// benchmark. Each line of the output is a name and nanoseconds a run.
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define FN __attribute__((noinline, noclone)) static u64

FN alu64(u8 *m, u64 n)
{
	u64 r0 = 0, r1 = 0x1234567, r3 = 37500, r4 = 7;
	__asm__("" : "+r"(r1), "+r"(r4));
	do {
		r0 += r1;
		r1 ^= r0;
		r1 <<= 1;
		r0 -= r4;
		r1 |= 3;
		r0 ^= r3;
	} while (--r3);
	return r0;
}

FN divmod32(u8 *m, u64 n)
{
	u32 r0 = 0, r1 = 20000;
	do {
		u32 a = (r1 + 1000) / 7, b = r1 % 13;
		__asm__("" : "+r"(a), "+r"(b)); // both, and one at a time
		r0 += a;
	} while (--r1);
	return r0;
}

FN checksum2k(u8 *m, u64 n)
{
	u64 r0 = 0;
	u8 *end = m + n;
	do {
		r0 += *(u16 *)m;
		m += 2;
		r0 &= 0xffff;
	} while (m < end);
	return r0;
}

FN copy2k(u8 *m, u64 n)
{
	u8 *to = m + 1024;
	u64 left = 1024;
	do {
		*to++ = *m++;
		__asm__("" ::: "memory"); // no memcpy
	} while (--left);
	return 0;
}

FN fnv(u8 *m, u64 n)
{
	u64 h = 0xcbf29ce484222325;
	u8 *end = m + n;
	do {
		h ^= *m++;
		h *= 0x100000001b3;
	} while (m != end);
	return h;
}

FN sieve(u8 *m, u64 n)
{
	u64 count = 0;
	for (u64 i = 2; i < n; i++) {
		if (m[i])
			continue;
		count++;
		for (u64 j = i + i; j < n; j += i)
			m[j] = 1;
	}
	return count;
}

FN add(u64 a, u64 b) { return ((a + b) ^ 5) + 1; }

FN calls(u8 *m, u64 n)
{
	u64 r6 = 3000, r7 = 0;
	do
		r7 = add(r6, r7);
	while (--r6);
	return r7;
}

static const struct {
	const char *name;
	u64 (*f)(u8 *, u64);
	u64 bytes;
} all[] = {
	{"alu64", alu64, 0},   {"divmod32", divmod32, 0}, {"checksum2k", checksum2k, 2048}, {"copy2k", copy2k, 2048},
	{"fnv", fnv, 2048},    {"sieve", sieve, 2048},    {"calls", calls, 0},
};

static u8 memory[2048];

static double batch(int k, int runs)
{
	struct timespec a, b;
	volatile u64 sink;
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < runs; i++) {
		if (!strcmp(all[k].name, "sieve"))
			memset(memory, 0, sizeof(memory));
		sink = all[k].f(memory, all[k].bytes);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	(void)sink;
	return ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / runs;
}

// The least of many short batches: what the machine does when nothing else runs.
int main(void)
{
	for (unsigned k = 0; k < sizeof(all) / sizeof(all[0]); k++) {
		double first = batch(k, 20), best = first, spent = 0;
		int runs = 50e3 / first + 1;
		while (spent < 150e6) {
			double t = batch(k, runs);
			spent += t * runs;
			best = t < best ? t : best;
		}
		printf("%s %.1f\n", all[k].name, best);
	}
}
