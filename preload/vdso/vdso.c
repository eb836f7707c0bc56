/* The vDSO that programs under odb see. Plain system calls, so that every reading of a clock is an
 * ordinary recorded call. Same symbols and version as the kernel's (man 7 vdso). Built as a shared
 * object of its own, embedded into the engine's image, mapped at ODB_VDSO_ADDR. */
#include <asm/unistd_64.h>

#define EXPORT __attribute__((visibility("default")))

long __vdso_clock_gettime(long clock, void *ts);
long __vdso_clock_getres(long clock, void *ts);
long __vdso_gettimeofday(void *tv, void *tz);
long __vdso_time(void *t);
long __vdso_getcpu(void *cpu, void *node, void *cache);

static inline long call3(long nr, const void *a, const void *b, const void *c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

EXPORT long __vdso_clock_gettime(long clock, void *ts)
{
    return call3(__NR_clock_gettime, (void *)clock, ts, 0);
}

EXPORT long __vdso_clock_getres(long clock, void *ts)
{
    return call3(__NR_clock_getres, (void *)clock, ts, 0);
}

EXPORT long __vdso_gettimeofday(void *tv, void *tz) { return call3(__NR_gettimeofday, tv, tz, 0); }

EXPORT long __vdso_time(void *t) { return call3(__NR_time, t, 0, 0); }

EXPORT long __vdso_getcpu(void *cpu, void *node, void *cache) { return call3(__NR_getcpu, cpu, node, cache); }

#define ALIAS(name) __attribute__((weak, visibility("default"), alias("__vdso_" #name)))
extern long clock_gettime(long clock, void *ts) ALIAS(clock_gettime);
extern long clock_getres(long clock, void *ts) ALIAS(clock_getres);
extern long gettimeofday(void *tv, void *tz) ALIAS(gettimeofday);
extern long time(void *t) ALIAS(time);
extern long getcpu(void *cpu, void *node, void *cache) ALIAS(getcpu);
