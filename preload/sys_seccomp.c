/* The program's own seccomp filters. The kernel never sees them: they would stop the engine's calls. They are checked
 * as the kernel would (net/core/filter.c bpf_check_classic, kernel/seccomp.c seccomp_check_filter, Linux 6.x),
 * kept in a table, and run before every call of the program; the most restrictive answer counts.
 *
 * Filters form a tree: each names the one that was in force before it. A task's state is one word (odb_task.filters), so
 * inheritance by clone is a copy of that word, and TSYNC writes it to all threads of the process.
 *
 * Calls that the program makes by odb's vDSO do not enter the kernel natively, and are not checked. */
#include "preload/sys_seccomp.h"

#include <linux/audit.h>
#include <linux/bpf_common.h>
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/signal.h>

#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_deny.h"

#define MAX_FILTERS 1024
#define MAX_INSNS 4096       /* BPF_MAXINSNS */
#define MAX_PATH_INSNS 32768 /* MAX_INSNS_PER_PATH */
#define PENALTY 4            /* each filter counts that much more */
#define MEM_WORDS 16         /* BPF_MEMWORDS */
#define DATA_BYTES 64        /* struct seccomp_data */
#define FLAG_MASK 0x3fu      /* SECCOMP_FILTER_FLAG_*: TSYNC .. WAIT_KILLABLE_RECV */
#define FLAG_TSYNC 1u
#define FLAG_NEW_LISTENER 8u
#define FLAG_TSYNC_ESRCH 16u
#define FLAG_WAIT_KILLABLE 32u
#define SYS_SECCOMP_CODE 1

struct filter {
    uint32_t parent;     /* 0: none */
    uint32_t len, total; /* total: of the path to the root, with penalties */
    const struct sock_filter *insns;
};
static struct filter table[MAX_FILTERS]; /* number n is table[n - 1] */
static uint32_t n_filters;

static uint32_t *state(void) { return &SHARED->tasks[self->task].filters; }

/* ---- checking a new filter ---- */

static bool insn_known(const struct sock_filter *i)
{
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS: return i->k < DATA_BYTES && !(i->k & 3);
    case BPF_ALU | BPF_DIV | BPF_K: return i->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K: return i->k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX: return i->k < MEM_WORDS;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K: /* NOLINT(misc-redundant-expression): two of them are 0 */
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X: return true;
    default: return false;
    }
}

static bool jumps_inside(const struct sock_filter *i, uint32_t pc, uint32_t n)
{
    if (BPF_CLASS(i->code) != BPF_JMP)
        return true;
    if (BPF_OP(i->code) == BPF_JA)
        return i->k < n - pc - 1;
    return pc + i->jt + 1 < n && pc + i->jf + 1 < n;
}

/* No path may read a memory word that it has not written (check_load_and_stores). */
static bool memory_is_written(const struct sock_filter *insns, uint32_t n)
{
    static uint16_t at[MAX_INSNS]; /* words written on all paths that lead here by a jump */
    uint16_t valid = 0;
    memset(at, 0xff, sizeof(at));
    for (uint32_t pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &insns[pc];
        valid &= at[pc];
        switch (BPF_CLASS(i->code)) {
        case BPF_ST:
        case BPF_STX: valid |= (uint16_t)(1u << i->k); break;
        case BPF_LD:
        case BPF_LDX:
            if (BPF_MODE(i->code) == BPF_MEM && !(valid >> i->k & 1))
                return false;
            break;
        case BPF_JMP:
            if (BPF_OP(i->code) == BPF_JA) {
                at[pc + 1 + i->k] &= valid;
            } else {
                at[pc + 1 + i->jt] &= valid;
                at[pc + 1 + i->jf] &= valid;
            }
            valid = 0xffff;
            break;
        default: break;
        }
    }
    return true;
}

static bool filter_ok(const struct sock_filter *insns, uint32_t n)
{
    for (uint32_t pc = 0; pc < n; pc++)
        if (!insn_known(&insns[pc]) || !jumps_inside(&insns[pc], pc, n))
            return false;
    return BPF_CLASS(insns[n - 1].code) == BPF_RET && memory_is_written(insns, n);
}

static bool may_install(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};
    return *state() & SECCOMP_NO_NEW_PRIVS ||
           (raw2(__NR_capget, &head, data) == 0 && data[0].effective >> CAP_SYS_ADMIN & 1);
}

/* A filter in force before: 0, or its number. Copies the instructions. Returns the new one's, or negative errno. */
static int64_t filter_add(const struct sock_filter *insns, uint32_t n, uint32_t parent)
{
    uint32_t total = n + PENALTY + (parent ? table[parent - 1].total : 0);
    if (total > MAX_PATH_INSNS || n_filters == MAX_FILTERS)
        return -ENOMEM;
    struct sock_filter *copy = engine_alloc(n * sizeof(*insns));
    memcpy(copy, insns, n * sizeof(*insns));
    table[n_filters] = (struct filter){.parent = parent, .len = n, .total = total, .insns = copy};
    return ++n_filters;
}

static int64_t read_program(gaddr addr, struct sock_filter *to, uint32_t *ret_n)
{
    struct sock_fprog program;
    if (!engine_peek(addr, &program, sizeof(program)))
        return -EFAULT;
    if (!program.len || program.len > MAX_INSNS)
        return -EINVAL;
    if (!may_install())
        return -EACCES;
    if (!engine_peek((gaddr)program.filter, to, program.len * sizeof(*to)))
        return -EFAULT;
    *ret_n = program.len;
    return filter_ok(to, program.len) ? 0 : -EINVAL;
}

/* ---- installing ---- */

static bool descends(uint32_t filter, uint32_t from)
{
    for (; filter; filter = table[filter - 1].parent)
        if (filter == from)
            return true;
    return !from;
}

static bool is_sibling(const struct odb_task *t)
{
    return atomic_load(&t->state) == ODB_TASK_ALIVE && t->pid == SHARED->tasks[self->task].pid;
}

/* The first thread that cannot follow; NULL: all can. */
static const struct odb_task *cannot_follow(void)
{
    for (uint32_t i = 0; i < odb_n_slots(SHARED); i++) {
        const struct odb_task *t = &SHARED->tasks[i];
        if (is_sibling(t) &&
            (t->filters & SECCOMP_STRICT || !descends(*state() & SECCOMP_HEAD, t->filters & SECCOMP_HEAD)))
            return t;
    }
    return NULL;
}

static int64_t set_filter(uint64_t flags, gaddr program)
{
    static struct sock_filter insns[MAX_INSNS];
    uint32_t n = 0;
    if (flags & ~(uint64_t)FLAG_MASK ||
        (flags & FLAG_TSYNC && flags & FLAG_NEW_LISTENER && !(flags & FLAG_TSYNC_ESRCH)) ||
        (flags & FLAG_WAIT_KILLABLE && !(flags & FLAG_NEW_LISTENER)))
        return -EINVAL;
    int64_t err = read_program(program, insns, &n);
    if (err)
        return err;
    if (flags & FLAG_NEW_LISTENER) {
        sys_deny_say(DENY_LISTENER,
                     "the program used a seccomp listener, which is not recorded: it was told EINVAL");
        return -EINVAL;
    }
    if (*state() & SECCOMP_STRICT)
        return -EINVAL;
    const struct odb_task *other = flags & FLAG_TSYNC ? cannot_follow() : NULL;
    if (other)
        return flags & FLAG_TSYNC_ESRCH ? -ESRCH : (int64_t)(other->ns_tid ? other->ns_tid : other->tid);
    int64_t added = filter_add(insns, n, *state() & SECCOMP_HEAD);
    if (added < 0)
        return added;
    *state() = (*state() & ~SECCOMP_HEAD) | (uint32_t)added;
    for (uint32_t i = 0; flags & FLAG_TSYNC && i < odb_n_slots(SHARED); i++)
        if (is_sibling(&SHARED->tasks[i]))
            SHARED->tasks[i].filters = *state() | (SHARED->tasks[i].filters & SECCOMP_NO_NEW_PRIVS);
    return 0;
}

static int64_t set_strict(void)
{
    if (*state() & SECCOMP_HEAD)
        return -EINVAL;
    *state() |= SECCOMP_STRICT;
    return 0;
}

static int64_t no_new_privs(const struct model_call *c)
{
    bool set = (uint32_t)c->args[0] == PR_SET_NO_NEW_PRIVS;
    if (c->args[1] != (set ? 1 : 0) || c->args[2] || c->args[3] || c->args[4])
        return -EINVAL;
    if (!set)
        return sys_seccomp_no_new_privs();
    *state() |= SECCOMP_NO_NEW_PRIVS;
    return raw5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static bool do_prctl(struct model_call *c)
{
    switch ((uint32_t)c->args[0]) {
    case PR_GET_SECCOMP: c->result = sys_seccomp_mode(); return true;
    case PR_SET_SECCOMP:
        c->result = c->args[1] == SECCOMP_MODE_STRICT   ? set_strict()
                    : c->args[1] == SECCOMP_MODE_FILTER ? set_filter(0, c->args[2])
                                                        : -EINVAL;
        return true;
    case PR_SET_NO_NEW_PRIVS:
    case PR_GET_NO_NEW_PRIVS: c->result = no_new_privs(c); return true;
    default: return false;
    }
}

bool sys_seccomp_call(struct model_call *c)
{
    if (c->nr == __NR_prctl)
        return do_prctl(c);
    switch ((uint32_t)c->args[0]) {
    case SECCOMP_SET_MODE_STRICT:
        c->result = (uint32_t)c->args[1] || c->args[2] ? -EINVAL : set_strict();
        return true;
    case SECCOMP_SET_MODE_FILTER: c->result = set_filter((uint32_t)c->args[1], c->args[2]); return true;
    default: return false; /* SECCOMP_GET_ACTION_AVAIL, SECCOMP_GET_NOTIF_SIZES: the kernel's */
    }
}

/* ---- running ---- */

static bool compare(uint16_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_JEQ: return a == b;
    case BPF_JGT: return a > b;
    case BPF_JGE: return a >= b;
    default: return a & b; /* JSET */
    }
}

static uint32_t arithmetic(uint16_t code, uint32_t a, uint32_t b)
{
    switch (BPF_OP(code)) {
    case BPF_ADD: return a + b;
    case BPF_SUB: return a - b;
    case BPF_MUL: return a * b;
    case BPF_DIV: return a / b; /* the caller has seen to 0 */
    case BPF_AND: return a & b;
    case BPF_OR: return a | b;
    case BPF_XOR: return a ^ b;
    case BPF_LSH: return a << (b & 31);
    case BPF_RSH: return a >> (b & 31);
    default: return 0 - a; /* NEG */
    }
}

static uint32_t run(const struct filter *f, const uint32_t data[DATA_BYTES / 4])
{
    uint32_t a = 0, x = 0, mem[MEM_WORDS];
    for (uint32_t pc = 0; pc < f->len; pc++) {
        const struct sock_filter *i = &f->insns[pc];
        uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
        case BPF_LDX: {
            uint32_t mode = BPF_MODE(i->code);
            uint32_t v = mode == BPF_ABS   ? data[i->k / 4]
                         : mode == BPF_MEM ? mem[i->k]
                         : mode == BPF_LEN ? DATA_BYTES
                                           : i->k;
            *(BPF_CLASS(i->code) == BPF_LD ? &a : &x) = v;
            break;
        }
        case BPF_ST: mem[i->k] = a; break;
        case BPF_STX: mem[i->k] = x; break;
        case BPF_ALU:
            if (BPF_OP(i->code) == BPF_DIV && !operand)
                return 0;
            a = arithmetic(i->code, a, operand);
            break;
        case BPF_JMP:
            pc += BPF_OP(i->code) == BPF_JA ? i->k : compare(i->code, a, operand) ? i->jt : i->jf;
            break;
        case BPF_MISC:
            *(BPF_MISCOP(i->code) == BPF_TAX ? &x : &a) = BPF_MISCOP(i->code) == BPF_TAX ? a : x;
            break;
        default: return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        }
    }
    return SECCOMP_RET_KILL_PROCESS; /* not reached: the last one returns */
}

static uint32_t run_all(const struct model_call *c)
{
    struct seccomp_data d = {.nr = (int)c->nr, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = ctx.rip + 2};
    uint32_t data[DATA_BYTES / 4];
    _Static_assert(sizeof(d) == sizeof(data), "struct seccomp_data");
    memcpy(d.args, c->args, sizeof(d.args));
    memcpy(data, &d, sizeof(data));
    uint32_t result = SECCOMP_RET_ALLOW;
    for (uint32_t n = *state() & SECCOMP_HEAD; n; n = table[n - 1].parent) {
        uint32_t r = run(&table[n - 1], data);
        if ((int32_t)(r & SECCOMP_RET_ACTION_FULL) < (int32_t)(result & SECCOMP_RET_ACTION_FULL))
            result = r;
    }
    return result;
}

/* kernel/seccomp.c: the registers are those behind the instruction, but rax is still the number; a signal that is
 * blocked or ignored kills. */
static void trap(const struct model_call *c, uint32_t data)
{
    struct kernel_siginfo info = {.signo = SIGSYS, .error = (int32_t)data, .code = SYS_SECCOMP_CODE};
    uint32_t which[2] = {(uint32_t)c->nr, AUDIT_ARCH_X86_64};
    ctx.rip += 2;
    ctx.gpr[ODB_RCX] = ctx.rip;
    ctx.gpr[ODB_R11] = ctx.rflags;
    info.addr = ctx.rip;
    memcpy(info.rest, which, sizeof(which));
    bool fatal = sig_actions[SIGSYS].handler <= 1 || sig_mask >> (SIGSYS - 1) & 1;
    sys_fault(SIGSYS, SYS_SECCOMP_CODE, info.addr, fatal);
    if (fatal)
        sys_end(-SIGSYS);
    sys_signal(SIGSYS, &info);
    signal_deliver(SIGSYS, &info);
}

static bool strict_allows(uint64_t nr)
{
    return nr == __NR_read || nr == __NR_write || nr == __NR_exit || nr == __NR_rt_sigreturn;
}

enum seccomp_verdict sys_seccomp_check(struct model_call *c)
{
    if (ctx.rip >= ODB_VDSO_ADDR && ctx.rip < ODB_VDSO_ADDR + ODB_VDSO_BYTES)
        return SECCOMP_GO;
    if (*state() & SECCOMP_STRICT) {
        if (!strict_allows(c->nr))
            sys_end(-SIGKILL);
        return SECCOMP_GO;
    }
    uint32_t r = run_all(c), data = r & SECCOMP_RET_DATA;
    switch (r & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG: return SECCOMP_GO;
    case SECCOMP_RET_ERRNO: c->result = -(int64_t)(data < 4095 ? data : 4095); return SECCOMP_ANSWER;
    case SECCOMP_RET_TRACE: /* no tracer, no listener */
    case SECCOMP_RET_USER_NOTIF: c->result = -ENOSYS; return SECCOMP_ANSWER;
    case SECCOMP_RET_TRAP: trap(c, data); return SECCOMP_TRAP;
    default: sys_end(-SIGSYS);
    }
}

/* ---- over execve ---- */

void sys_seccomp_start(void)
{
    if (raw5(__NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        *state() |= SECCOMP_NO_NEW_PRIVS;
}

static long open_file(long flags)
{
    char path[32];
    engine_format(path, sizeof(path), "files/filters.%u", self->task);
    long fd = raw4(__NR_openat, recdir_fd, path, flags | O_CLOEXEC, 0600);
    if (fd >= 0 && flags & O_CREAT && raw0(__NR_geteuid) == 0)
        raw2(__NR_fchmod, fd, 0666); /* execve may come with another user */
    return fd;
}

/* Each: length and instructions, newest first. */
void sys_seccomp_before_exec(void)
{
    if (!(*state() & SECCOMP_HEAD))
        return;
    long fd = open_file(O_WRONLY | O_CREAT | O_TRUNC);
    for (uint32_t n = *state() & SECCOMP_HEAD; fd >= 0 && n; n = table[n - 1].parent) {
        raw3(__NR_write, fd, &table[n - 1].len, 4);
        raw3(__NR_write, fd, table[n - 1].insns, table[n - 1].len * sizeof(struct sock_filter));
    }
    if (fd < 0)
        engine_panic("cannot carry the program's seccomp filters through execve (errno %d)", (int)-fd);
    raw1(__NR_close, fd);
}

void sys_seccomp_exec_failed(void)
{
    char path[32];
    engine_format(path, sizeof(path), "files/filters.%u", self->task);
    if (*state() & SECCOMP_HEAD)
        raw3(__NR_unlinkat, recdir_fd, path, 0);
}

static void load(long fd)
{
    static struct sock_filter insns[MAX_INSNS];
    uint32_t n;
    while (raw3(__NR_read, fd, &n, 4) == 4 && n && n <= MAX_INSNS && n_filters < MAX_FILTERS) {
        long n_bytes = (long)(n * sizeof(*insns));
        if (raw3(__NR_read, fd, insns, n_bytes) != n_bytes || filter_add(insns, n, 0) < 0)
            engine_panic("the program's seccomp filters were lost in execve");
    }
    for (uint32_t i = n_filters; i > 0; i--) { /* parents come later in the file */
        struct filter *f = &table[i - 1];
        f->parent = i < n_filters ? i + 1 : 0;
        f->total = f->len + PENALTY + (f->parent ? table[f->parent - 1].total : 0);
    }
    *state() = (*state() & ~SECCOMP_HEAD) | (n_filters ? 1 : 0);
}

void sys_seccomp_after_exec(void)
{
    if (!(*state() & SECCOMP_HEAD))
        return;
    long fd = open_file(O_RDONLY);
    if (fd < 0)
        engine_panic("the program's seccomp filters were lost in execve (errno %d)", (int)-fd);
    load(fd);
    raw1(__NR_close, fd);
    sys_seccomp_exec_failed(); /* the file has done its work */
}

/* ---- what /proc shows ---- */

int sys_seccomp_mode(void)
{
    return *state() & SECCOMP_STRICT ? SECCOMP_MODE_STRICT
           : *state() & SECCOMP_HEAD ? SECCOMP_MODE_FILTER
                                     : 0;
}

uint32_t sys_seccomp_count(void)
{
    uint32_t count = 0;
    for (uint32_t n = *state() & SECCOMP_HEAD; n; n = table[n - 1].parent)
        count++;
    return count;
}

bool sys_seccomp_no_new_privs(void) { return *state() & SECCOMP_NO_NEW_PRIVS; }
