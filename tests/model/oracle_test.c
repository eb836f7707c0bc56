/* The kernel is the oracle: does model_outputs tell exactly which bytes a call writes?
 *
 * Each case (oracle_cases.h) runs twice, on memory filled with two different patterns. A byte that the kernel
 * changed but the model did not claim fails the case; so does a claimed byte that stayed as it was in both
 * runs, beyond the case's documented slack, and any claim outside the case's memory. A case that the
 * machine cannot run (no such call, no rights) is counted as unfit; too many of them fail the test.
 *
 * With --mutate the harmless ones of the cases run with one argument replaced by an odd value, many times over. Only
 * one thing is then asked: is every changed byte claimed?
 *
 * usage: oracle_test [-v | --mutate] [CASE...] */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "model/model.h"
#include "tests/model/fixtures.h"

enum { MIN_RUN = 250, WANT_OK = 0, WANT_ANY = 1 };

static unsigned char *arena, before[ARENA_BYTES], changed[ARENA_BYTES], claimed[ARENA_BYTES];
static size_t arena_used;
static bool verbose;
struct run *arena_run;

void *arena_out(size_t n_bytes)
{
    unsigned char *piece = arena + arena_used + ARENA_GAP;
    arena_used += ARENA_GAP + (n_bytes + 7) / 8 * 8;
    if (arena_used + ARENA_GAP > ARENA_BYTES)
        abort();
    return piece;
}

void *arena_put(const void *from, size_t n_bytes) { return memcpy(arena_out(n_bytes), from, n_bytes); }

void *arena_edge(size_t n_bytes) { return arena + ARENA_BYTES - n_bytes; }

int arena_fd(long fd)
{
    if (fd < 0)
        arena_run->unfit = true;
    else if (arena_run->n_fds < sizeof(arena_run->fds) / sizeof(*arena_run->fds))
        arena_run->fds[arena_run->n_fds++] = (int)fd;
    return (int)fd;
}

/* ---- the cases ---- */

#define CASE(NAME, WANT, SLACK, ...)       \
    static void case_##NAME(struct run *r) \
    {                                      \
        (void)r;                           \
        __VA_ARGS__;                       \
    }
#include "tests/model/oracle_cases.h"
#undef CASE

#define OK WANT_OK
#define ANY WANT_ANY
#define ERR(e) (-(e))
static const struct one_case {
    const char *name;
    int want;
    unsigned slack;
    void (*prepare)(struct run *r);
} cases[] = {
#define CASE(NAME, WANT, SLACK, ...) {#NAME, WANT, SLACK, case_##NAME},
#include "tests/model/oracle_cases.h"
#undef CASE
};
enum { N_CASES = sizeof(cases) / sizeof(*cases) };

/* ---- odd arguments ---- */

/* Calls that do no harm with any arguments. */
// clang-format off
static const uint16_t harmless[] = {
    SYS_read, SYS_pread64, SYS_readv, SYS_preadv, SYS_preadv2, SYS_process_vm_readv, SYS_stat, SYS_lstat, SYS_fstat,
    SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_ustat, SYS_sysfs, SYS_getdents, SYS_getdents64, SYS_getcwd,
    SYS_readlink, SYS_readlinkat, SYS_fgetxattr, SYS_flistxattr, SYS_getxattr, SYS_name_to_handle_at, SYS_poll,
    SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_timerfd_gettime,
    SYS_getsockname, SYS_getpeername, SYS_accept, SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, SYS_getsockopt,
    SYS_socketpair, SYS_pipe2, SYS_wait4, SYS_waitid, SYS_uname, SYS_sysinfo, SYS_times, SYS_getrusage, SYS_getrlimit,
    SYS_getgroups, SYS_getresuid, SYS_getresgid, SYS_capget, SYS_sched_getaffinity, SYS_sched_getparam,
    SYS_sched_rr_get_interval, SYS_sched_getattr, SYS_getcpu, SYS_getrandom, SYS_get_robust_list, SYS_rt_sigpending,
    SYS_rt_sigtimedwait, SYS_gettimeofday, SYS_time, SYS_clock_gettime, SYS_clock_getres, SYS_nanosleep, SYS_getitimer,
    SYS_timer_gettime, SYS_mincore, SYS_get_mempolicy, SYS_futex, SYS_msgrcv, SYS_mq_timedreceive, 451, 457, 458, 461, 464,
    465, 468,
};
// clang-format on

static int odd_arg = -1; /* which argument to replace; -1: none */
static unsigned odd_kind;

enum { N_ODD_KINDS = 10 };

static uint64_t odd_value(uint64_t was)
{
    switch (odd_kind) {
    case 0: return 0;
    case 1: return 1;
    case 2: return 3;
    case 3: return INT32_MAX;
    case 4: return UINT64_MAX;
    case 5: return was / 2;
    case 6: return was + 1;
    case 7: return was - 1;
    case 8: return was + (1ULL << 32);
    default: return (uint64_t)(uintptr_t)arena_edge(5);
    }
}

/* Interrupts the call every 10 ms, should it sleep. */
static void impatience(long usec)
{
    struct itimerval it = {{0, usec}, {0, usec}};
    setitimer(ITIMER_REAL, &it, NULL);
}

static bool is_harmless(long nr)
{
    for (size_t i = 0; i < sizeof(harmless) / sizeof(*harmless); i++)
        if (harmless[i] == nr)
            return true;
    return false;
}

/* ---- one run ---- */

static bool peek(gaddr addr, void *to, size_t n_bytes)
{
    struct iovec local = {to, n_bytes}, remote = {(void *)(uintptr_t)addr, n_bytes};
    return syscall(SYS_process_vm_readv, getpid(), &local, 1, &remote, 1, 0) == (long)n_bytes;
}

static long raw_syscall(const struct run *r)
{
    register uint64_t a3 __asm__("r10") = r->args[3], a4 __asm__("r8") = r->args[4],
                         a5 __asm__("r9") = r->args[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(r->nr), "D"(r->args[0]), "S"(r->args[1]), "d"(r->args[2]), "r"(a3), "r"(a4),
                       "r"(a5)
                     : "rcx", "r11", "memory");
    return result;
}

static bool complain(const struct one_case *c, const char *what, long number)
{
    printf("%s: %s (%ld)\n", c->name, what, number);
    return false;
}

/* Inputs must be readable, and few. */
static bool check_inputs(const struct one_case *c, const struct model_syscall *m, struct model_call *call,
                         struct model_range *ranges)
{
    char byte;
    int n = model_inputs(m, call, ranges, MODEL_MAX_RANGES);
    if (n < 0 || n > MODEL_MAX_RANGES)
        return complain(c, "strange number of inputs", n);
    for (int i = 0; i < n; i++)
        if (!peek(ranges[i].addr, &byte, 1) || !peek(ranges[i].addr + ranges[i].len_bytes - 1, &byte, 1))
            return complain(c, "input is not readable", i);
    return true;
}

static bool check_sent(const struct one_case *c, const struct model_syscall *m, const struct model_call *call,
                       struct model_range *ranges)
{
    uint64_t sum = 0;
    int n = model_sent(m, call, ranges, MODEL_MAX_RANGES);
    for (int i = 0; i < n; i++)
        sum += ranges[i].len_bytes;
    bool counts_bytes =
        call->nr != SYS_sendmmsg && call->nr != SYS_mq_timedsend && (m->flags & MODEL_OUTPUT_DATA);
    return !counts_bytes || call->result < 0 || sum == (uint64_t)call->result ||
           complain(c, "sent bytes are not the result", (long)sum);
}

static bool note_claims(const struct one_case *c, const struct model_range *ranges, int n)
{
    for (int i = 0; i < n; i++) {
        uint64_t from = ranges[i].addr - (uint64_t)(uintptr_t)arena;
        if (from > ARENA_BYTES || ranges[i].len_bytes > ARENA_BYTES - from)
            return complain(c, "claims memory that is not the case's", i);
        memset(claimed + from, 1, ranges[i].len_bytes);
    }
    return true;
}

/* The changes of this run must all be claimed by this run. */
static bool check_changes(const struct one_case *c, const struct model_range *ranges, int n)
{
    static unsigned char mine[ARENA_BYTES];
    memset(mine, 0, sizeof(mine));
    for (int i = 0; i < n; i++)
        memset(mine + (ranges[i].addr - (uint64_t)(uintptr_t)arena), 1, ranges[i].len_bytes);
    for (size_t i = 0; i < ARENA_BYTES; i++) {
        if (arena[i] == before[i])
            continue;
        changed[i] = 1;
        if (!mine[i])
            return complain(c, "the kernel changed an unclaimed byte, at offset", (long)i);
    }
    return true;
}

static void clean_up(struct run *r)
{
    for (unsigned i = 0; i < r->n_fds; i++)
        close(r->fds[i]);
    if (r->after)
        r->after(r);
}

enum outcome { PASSED, FAILED, UNFIT };

static enum outcome run_once(const struct one_case *c, unsigned char pattern)
{
    static struct model_range ranges[MODEL_MAX_RANGES];
    struct run r = {0};
    char buf[128];
    arena_run = &r;
    arena_used = 0;
    memset(arena, pattern, ARENA_BYTES);
    c->prepare(&r);
    const struct model_syscall *m = model_lookup((uint64_t)r.nr);
    if (r.unfit || !m) {
        clean_up(&r);
        return m ? UNFIT : FAILED;
    }
    if (odd_arg >= 0)
        r.args[odd_arg] = odd_value(r.args[odd_arg]);
    struct model_call call = {.nr = (uint64_t)r.nr, .peek = peek};
    memcpy(call.args, r.args, sizeof(call.args));
    bool fine = check_inputs(c, m, &call, ranges);
    if (odd_arg < 0 && model_refusal(m, &call, buf, sizeof(buf)))
        fine = complain(c, buf, 0);
    memcpy(before, arena, ARENA_BYTES);
    model_before(m, &call);
    if (odd_arg >= 0)
        impatience(10000);
    call.result = raw_syscall(&r);
    if (odd_arg >= 0)
        impatience(0);
    if ((r.nr == SYS_clone || r.nr == SYS_clone3) && call.result == 0)
        _exit(0);
    int n = model_outputs(m, &call, ranges, MODEL_MAX_RANGES);
    bool as_wanted = c->want == WANT_ANY || (c->want == WANT_OK ? call.result >= 0 : call.result == c->want);
    if (n < 0)
        fine = complain(c, "unknown to the model", n);
    else
        fine = fine && note_claims(c, ranges, n) && check_changes(c, ranges, n) &&
               check_sent(c, m, &call, ranges);
    if (call.result > 0 && (r.nr == SYS_clone || r.nr == SYS_clone3))
        waitpid((pid_t)call.result, NULL, 0);
    if (call.result >= 0 && (m->flags & MODEL_MAKES_FD))
        close((int)call.result);
    clean_up(&r);
    if (!as_wanted && verbose)
        printf("%s: result %ld\n", c->name, (long)call.result);
    return !fine ? FAILED : as_wanted ? PASSED : UNFIT;
}

static enum outcome run_case(const struct one_case *c)
{
    static const unsigned char patterns[] = {0x5a, 0xa5};
    memset(changed, 0, sizeof(changed));
    memset(claimed, 0, sizeof(claimed));
    for (unsigned i = 0; i < 2; i++) {
        enum outcome outcome = run_once(c, patterns[i]);
        if (outcome != PASSED)
            return outcome;
    }
    unsigned slack = 0;
    for (size_t i = 0; i < ARENA_BYTES; i++)
        slack += claimed[i] && !changed[i];
    if (slack > c->slack) {
        complain(c, "claims bytes that the kernel leaves alone", (long)slack);
        return FAILED;
    }
    if (verbose && slack != c->slack)
        printf("%s: slack is %u of %u\n", c->name, slack, c->slack);
    return PASSED;
}

static bool selected(const char *name, int argc, char **argv)
{
    bool any = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-')
            continue;
        any = true;
        if (!strcmp(argv[i], name))
            return true;
    }
    return !any;
}

/* Every argument replaced by every odd value. Returns the number of failures. */
static unsigned run_mutated(const struct one_case *c, unsigned *ret_n)
{
    unsigned failed = 0;
    struct run r = {0};
    arena_run = &r;
    arena_used = 0;
    c->prepare(&r);
    clean_up(&r);
    const struct model_syscall *m = model_lookup((uint64_t)r.nr);
    for (odd_arg = 0; is_harmless(r.nr) && odd_arg < (int)m->n_args; odd_arg++) {
        for (odd_kind = 0; odd_kind < N_ODD_KINDS; odd_kind++) {
            (*ret_n)++;
            if (run_once(c, 0x5a) != FAILED)
                continue;
            printf("    with argument %d replaced by value %u\n", odd_arg, odd_kind);
            failed++;
        }
    }
    odd_arg = -1;
    return failed;
}

static int mutate_all(int argc, char **argv)
{
    unsigned n = 0, failed = 0;
    for (size_t i = 0; i < N_CASES; i++)
        if (selected(cases[i].name, argc, argv))
            failed += run_mutated(&cases[i], &n);
    printf("%u calls with an odd argument, %u failed\n", n, failed);
    return failed != 0;
}

int main(int argc, char **argv)
{
    unsigned count[3] = {0}, n_chosen = 0;
    verbose = argc > 1 && !strcmp(argv[1], "-v");
    char byte;
    if (!peek((gaddr)(uintptr_t)&byte, &byte, 1)) {
        puts("skipped: process_vm_readv on this process is not allowed");
        return 77;
    }
    fixtures_init();
    arena = mmap(NULL, ARENA_BYTES + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(arena + ARENA_BYTES, 4096, PROT_NONE);
    if (argc > 1 && !strcmp(argv[1], "--mutate"))
        return mutate_all(argc, argv);
    for (size_t i = 0; i < N_CASES; i++) {
        if (!selected(cases[i].name, argc, argv))
            continue;
        enum outcome outcome = run_case(&cases[i]);
        n_chosen++;
        count[outcome]++;
        if (outcome == UNFIT && cases[i].want != WANT_ANY)
            printf("unfit here: %s\n", cases[i].name);
    }
    printf("%u cases passed, %u failed, %u unfit on this machine\n", count[PASSED], count[FAILED],
           count[UNFIT]);
    return count[FAILED] || (n_chosen == N_CASES && count[PASSED] < MIN_RUN);
}
