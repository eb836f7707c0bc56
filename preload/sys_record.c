/* The services of sys.h while recording: everything that comes from outside is written to the ring.
 *
 * The life of one recorded call:
 *
 *     model_lookup, model_refusal      refused calls end the recording: NOTE, message, no SYSCALL event
 *     inputs                           what the kernel is going to read (paths) is put aside
 *     model_before, the call           by sys_virtual, sys_own_resource, or for real
 *     capture                          mmap of a file: FILE event, contents into files/N
 *     sys_effect                       shadow map
 *     SYSCALL, then its MEM events     inputs put aside; outputs straight from the program's memory
 *     sys_call_finish, signals, CHECK  what happens before the next instruction
 *
 * This is the hottest path of a recording: nothing big on the stack, nothing cleared, no second call
 * into the kernel. exit and exit_group leave no SYSCALL event; EXIT stands for them. */
#include <asm/prctl.h>
#include <linux/mman.h>

#include "preload/capture.h"
#include "preload/check.h"
#include "preload/core.h"
#include "preload/event.h"
#include "preload/raw.h"
#include "preload/sys.h"
#include "preload/sys_deny.h"
#include "preload/sys_extra.h"
#include "preload/sys_files.h"
#include "preload/sys_futex.h"
#include "preload/sys_proc.h"
#include "preload/sys_record.h"
#include "preload/sys_robust.h"
#include "preload/sys_seccomp.h"
#include "preload/sys_shm.h"
#include "preload/sys_scratch.h"
#include "preload/sys_stop.h"
#include "preload/thread.h"

#define E_INTR 4
#define E_AGAIN 11
#define E_FAULT 14
#define E_NODEV 19
#define E_RESTARTSYS 512
#define E_NOSYS 38

/* Inputs of one call, as they were before it. */
#define INPUT_MAX_RANGES 512
#define INPUT_MAX_BYTES (256u << 10)
static struct {
    struct model_range range;
    uint32_t at; /* in input_bytes */
} inputs[INPUT_MAX_RANGES];
static uint8_t input_bytes[INPUT_MAX_BYTES];
static int n_inputs;

static struct model_range ranges[MODEL_MAX_RANGES];

/* ---- refusals ---- */

/* odb prints control->stop.text when the program is gone, and fails. */
_Noreturn void sys_refuse(const char *name, const char *reason)
{
    struct odb_stop *stop = &CONTROL->stop;
    engine_format(stop->text, sizeof(stop->text), "the program used %s, which odb does not support yet%s%s",
                  name, reason ? ": " : "", reason ? reason : "");
    stop->reason = ODB_STOP_ERROR;
    event_note(ODB_NOTE_REFUSED, stop->text);
    atomic_store(&CONTROL->finished, 1);
    sys_really_end(1);
}

/* ---- inputs and outputs ---- */

static void take_inputs(const struct model_syscall *m, const struct model_call *c)
{
    n_inputs = 0;
    int n = model_inputs(m, c, ranges, INPUT_MAX_RANGES);
    uint32_t used = 0;
    for (int i = 0; i < n; i++) {
        uint64_t len = ranges[i].len_bytes;
        if (len > INPUT_MAX_BYTES - used || !engine_peek(ranges[i].addr, input_bytes + used, len))
            continue; /* unreadable: the call fails with EFAULT; too long: not shown */
        inputs[n_inputs].range = ranges[i];
        inputs[n_inputs++].at = used;
        used += (uint32_t)len;
    }
}

static void write_inputs(void)
{
    for (int i = 0; i < n_inputs; i++) {
        const struct model_range *r = &inputs[i].range;
        struct odb_ev_mem *ev = event_begin(ODB_EV_MEM, ODB_MEM_IN, (uint32_t)(sizeof(*ev) + r->len_bytes));
        ev->addr = r->addr;
        ev->len_bytes = r->len_bytes;
        memcpy(ev + 1, input_bytes + inputs[i].at, r->len_bytes);
        event_commit();
    }
}

static uint32_t n_extra;    /* its MEM events from sys_extra.c */
static uint16_t call_flags; /* ODB_SYSCALL_* of the event to be written */

/* The event and its registers; gpr is the state at the instruction. */
static void write_syscall(const struct model_call *c, const uint64_t *gpr, uint64_t rflags, gaddr rip,
                          uint64_t tick, uint32_t n_mem, uint32_t file_id)
{
    struct odb_ev_syscall *ev = event_begin(ODB_EV_SYSCALL, call_flags, sizeof(*ev) + ODB_N_GPR * 8);
    uint64_t *to = (uint64_t *)(ev + 1);
    uint32_t mask = 0;
    for (uint32_t i = 0; i < ODB_N_GPR;
         i++) { /* without branches: which registers change is hard to predict */
        uint64_t value = gpr[i];
        uint32_t changed = value != gpr_base[i];
        *to = gpr_base[i] = value;
        to += changed;
        mask |= changed << i;
    }
    ev->tick = tick;
    ev->rip = rip;
    ev->result = c->result;
    ev->nr = (uint32_t)c->nr;
    ev->rflags = (uint32_t)rflags;
    ev->gpr_mask = (uint16_t)mask;
    ev->n_mem = (uint16_t)n_mem;
    ev->file_id = file_id;
    event_shrink((uint32_t)((uint8_t *)to - (uint8_t *)ev));
    event_commit();
}

/* A number outside the table: newer than the table, or wrong. The program gets what an older kernel
 * says, and the recording notes the number. */
static void answer_unknown(struct model_call *c)
{
    char text[80];
    engine_format(text, sizeof(text), "system call number %lu is unknown to odb: answered with ENOSYS",
                  c->nr);
    event_note(ODB_NOTE_INFO, text);
    c->result = -E_NOSYS;
    write_syscall(c, ctx.gpr, ctx.rflags, ctx.rip, core_tick(), 0, 0);
    sys_call_finish(c->result);
}

void record_call(const struct model_call *c, const struct model_range *out, uint32_t n_out, uint32_t file_id)
{
    uint32_t n_mem = (uint32_t)n_inputs + n_extra;
    for (uint32_t i = 0; i < n_out; i++)
        n_mem += event_mem_count(out[i].len_bytes);
    write_syscall(c, ctx.gpr, ctx.rflags, ctx.rip, core_tick(), n_mem, file_id);
    write_inputs();
    for (uint32_t i = 0; i < n_out; i++)
        event_mem(out[i].addr, out[i].len_bytes, 0);
    if (n_extra)
        sys_extra_write();
}

void record_call_again(const struct model_call *c, const struct model_range *out, uint32_t n_out)
{
    call_flags = ODB_SYSCALL_AGAIN;
    record_call(c, out, n_out, 0);
    call_flags = 0;
}

static void write_call(const struct model_syscall *m, const struct model_call *c, uint32_t file_id)
{
    int n = model_outputs(m, c, ranges, MODEL_MAX_RANGES);
    if (n < 0)
        sys_refuse(m->name, "what it writes is not known for these arguments");
    n = sys_files_written(c, ranges, n, MODEL_MAX_RANGES);
    n = robust_after_kills(ranges, n, MODEL_MAX_RANGES);
    n_extra = sys_extra_find(m, c);
    record_call(c, ranges, (uint32_t)n, file_id);
    n_extra = 0;
}

/* ---- single calls ---- */

/* MADV_FREE leaves it to the kernel when pages become zero; MADV_DONTNEED is one of its legal outcomes. */
static int64_t run_madvise(const struct model_call *c)
{
    struct model_call now = *c;
    if (now.args[2] == MADV_FREE)
        now.args[2] = MADV_DONTNEED;
    return sys_call_run(&now);
}

static int64_t run_once(const struct model_call *c)
{
    return c->nr == __NR_madvise ? run_madvise(c) : sys_call_run(c);
}

static int64_t run(const struct model_call *c)
{
    int64_t result = run_once(c);
    /* Perhaps a guarded code page of the engine's. Only then again: some calls have taken what they read. */
    if (result == -E_FAULT && core_unprotect_all())
        result = run_once(c);
    return result;
}

/* mmap, with the contents of the file put into the recording first. Returns the file's id; 0: anonymous. */
static uint32_t run_mmap(const struct model_syscall *m, struct model_call *c, char *name)
{
    long id = 0;
    if (!(c->args[3] & MAP_ANONYMOUS))
        id = capture_file((int)c->args[4], c->args[5], c->args[1], name);
    if (id == -E_NODEV) { /* a device, perf, a packet ring: written by others */
        sys_deny_say(DENY_DEVICE_MAP,
                     "the program mapped a device, which is not recorded: it was told ENODEV");
        c->result = id;
        return 0;
    }
    c->result = run(c);
    if (id < 0 && c->result > 0)
        sys_refuse(m->name, "the file could not be copied into the recording");
    if (id > 0 && c->result > 0 && (c->args[3] & MAP_TYPE) != MAP_PRIVATE)
        sys_files_map_shared((uint32_t)id);
    return id > 0 ? (uint32_t)id : 0;
}

/* rt_sigreturn replaces all registers: its event is written first. */
static void record_sigreturn(struct model_call *c)
{
    uint64_t gpr[ODB_N_GPR];
    gaddr rip = ctx.rip;
    uint64_t rflags = ctx.rflags;
    uint64_t tick = core_tick();
    memcpy(gpr, ctx.gpr, sizeof(gpr));
    sys_virtual(c);
    write_syscall(c, gpr, rflags, rip, tick, 0, 0);
}

/* Calls that the kernel restarts after a handler with SA_RESTART (man 7 signal); the others always say EINTR. */
static bool restartable(uint64_t nr)
{
    switch (nr) {
    case __NR_read:
    case __NR_readv:
    case __NR_write:
    case __NR_writev:
    case __NR_ioctl:
    case __NR_open:
    case __NR_openat:
    case __NR_wait4:
    case __NR_waitid:
    case __NR_accept:
    case __NR_accept4:
    case __NR_connect:
    case __NR_recvfrom:
    case __NR_recvmsg:
    case __NR_recvmmsg:
    case __NR_sendto:
    case __NR_sendmsg:
    case __NR_sendmmsg:
    case __NR_flock:
    case __NR_fcntl:
    case __NR_mq_timedsend:
    case __NR_mq_timedreceive:
    case __NR_futex:
    case __NR_getrandom: return true;
    default: return false;
    }
}

/* Others may want to run while the call lasts: is it worth to wake them at once? Else they come by themselves after
 * their slice. */
static bool likely_to_block(const struct model_call *c)
{
    struct {
        int32_t fd;
        int16_t events, revents;
    } p = {.fd = (int32_t)c->args[0]};
    uint32_t word;
    switch (c->nr) {
    case __NR_open:
    case __NR_openat:
    case __NR_close:
    case __NR_ioctl: return false;
    case __NR_futex:
        if ((c->args[1] & 127) != 0 /* FUTEX_WAIT */ && (c->args[1] & 127) != 9 /* FUTEX_WAIT_BITSET */)
            return true;
        return engine_peek(c->args[0], &word, 4) && word == (uint32_t)c->args[2];
    case __NR_read:
    case __NR_readv:
    case __NR_pread64:
    case __NR_recvfrom:
    case __NR_recvmsg:
    case __NR_accept:
    case __NR_accept4: p.events = 1 /* POLLIN */; break;
    case __NR_write:
    case __NR_writev:
    case __NR_pwrite64:
    case __NR_sendto:
    case __NR_sendmsg: p.events = 4 /* POLLOUT */; break;
    case __NR_poll: return c->args[2] != 0;
    case __NR_epoll_wait:
    case __NR_epoll_pwait: return c->args[3] != 0;
    case __NR_wait4: return !(c->args[2] & 1 /* WNOHANG */);
    default: return true;
    }
    return raw3(__NR_poll, &p, 1, 0) == 0;
}

/* Calls with a timeout that can be asked first whether they would return at once. False: they would wait. */
static bool done_at_once(const struct model_call *c, int64_t *ret)
{
    struct model_call now = *c;
    switch (c->nr) {
    case __NR_poll: now.args[2] = 0; break;
    case __NR_epoll_wait:
    case __NR_epoll_pwait: now.args[3] = 0; break;
    default: return false;
    }
    *ret = sys_call_run(&now);
    return *ret != 0;
}

static void keep_inputs(struct thread *t)
{
    t->n_inputs = 0;
    uint32_t used = 0;
    for (int i = 0; i < n_inputs && t->n_inputs < THREAD_INPUT_RANGES; i++) {
        uint64_t n = inputs[i].range.len_bytes;
        if (n > THREAD_INPUT_BYTES - used)
            continue;
        t->inputs[t->n_inputs].range = inputs[i].range;
        t->inputs[t->n_inputs++].at = used;
        memcpy(t->input + used, input_bytes + inputs[i].at, n);
        used += (uint32_t)n;
    }
    t->input_bytes = used;
}

static void restore_inputs(const struct thread *t)
{
    n_inputs = (int)t->n_inputs;
    memcpy(input_bytes, t->input, t->input_bytes);
    for (uint32_t i = 0; i < t->n_inputs; i++) {
        inputs[i].range = t->inputs[i].range;
        inputs[i].at = t->inputs[i].at;
    }
}

static int n_direct; /* calls in progress whose outputs the kernel writes while others run */

bool record_call_writes_now(void) { return n_direct != 0; }

void record_forked(void) { n_direct = 0; }

/* Inline up to sys_record_syscall(): see sys_call_run(). */
#define INLINE static inline __attribute__((always_inline))

INLINE int64_t call_kernel(struct thread *t, const struct model_call *c)
{
    t->in_call = true;
    int64_t result = raw_call((long)c->nr, (long)c->args[0], (long)c->args[1], (long)c->args[2],
                              (long)c->args[3], (long)c->args[4], (long)c->args[5], &t->interrupts);
    t->in_call = false;
    return result;
}

/* A call that may block: others may run meanwhile. -512: a signal came first, nothing was done. */
static __attribute__((noinline)) int64_t run_beside_others(const struct model_syscall *m,
                                                           const struct model_call *c)
{
    struct thread *t = self;
    struct model_call real = *c;
    struct scratch s = {.how = SCRATCH_NONE};
    bool give = false;
    if (baton_wanted()) {
        if (done_at_once(c, &real.result))
            return real.result;
        give = likely_to_block(c);
    }
    keep_inputs(t);
    if (t->process->n_threads > 1 || maps_any_shared())
        n_direct += scratch_redirect(m, c, &real, &s, t->scratch, sizeof(t->scratch)) == SCRATCH_DIRECT;
    baton_call_begin(t, c, give);
    real.result = call_kernel(t, &real);
    if (baton_call_end(t))
        restore_inputs(t);
    n_direct -= s.how == SCRATCH_DIRECT;
    return s.how == SCRATCH_REDIRECTED ? scratch_copy_out(m, &real, &s) : real.result;
}

/* A request to yield interrupts calls, too; the program must not notice. */
INLINE int64_t run_blocking_until_done(const struct model_syscall *m, const struct model_call *c)
{
    struct thread *t = self;
    for (;;) {
        t->disturbed = false;
        if (t->n_queued && sys_signal_waits_in_vain())
            return -E_INTR;
        int64_t result = baton_alone() ? call_kernel(t, c) : run_beside_others(m, c);
        if (result == -E_FAULT && core_unprotect_all())
            continue; /* perhaps a guarded code page: see run() */
        if ((result != -E_INTR && result != -E_RESTARTSYS) || !t->disturbed || t->n_queued)
            return result;
        t->interrupts = 0;
    }
}

/* Priority-inheritance futexes. False: something else. */
static bool run_futex_pi(const struct model_syscall *m, struct model_call *c)
{
    const struct model_range word = {c->args[0], 4};
    struct model_call wait;
    for (;; take_inputs(m, c)) { /* the word is one, and has changed */
        enum futex_pi how = sys_futex_pi(c, &wait);
        if (how == FUTEX_PI_NOT || how == FUTEX_PI_DONE)
            return how == FUTEX_PI_DONE;
        if (how == FUTEX_PI_AGAIN) {
            c->result = 0;
            record_call_again(c, &word, 1);
            continue;
        }
        int64_t result = run_blocking_until_done(m, &wait);
        if (result == 0 || result == -E_AGAIN)
            continue;
        c->result = result == -E_INTR ? -E_RESTARTSYS : result; /* always made again after a handler */
        return true;
    }
}

/* Returns the file's id for a mapping, else 0. */
INLINE uint32_t record_run(const struct model_syscall *m, struct model_call *c)
{
    char name[CAPTURE_NAME_BYTES];
    uint32_t file_id = 0;
    bool is_mmap = c->nr == __NR_mmap;
    if (sys_own_resource(c))
        return 0;
    name[0] = 0;
    model_before(m, c);
    if (is_mmap)
        file_id = run_mmap(m, c, name);
    else if (m->flags & MODEL_MAY_BLOCK)
        c->result = run_blocking_until_done(m, c);
    else
        c->result = run(c);
    if (c->nr == __NR_shmat && (c->result > 0 || c->result < -4095) && !(file_id = sys_shm_attached(c, name)))
        sys_refuse(m->name, "the segment could not be copied into the recording");
    if (m->flags & MODEL_MAKES_FD) {
        sys_files_forget((int)c->result);
        sys_proc_opened(c);
    } else if (c->nr == __NR_close || c->nr == __NR_close_range || c->nr == __NR_fcntl) {
        sys_files_forget(c->nr == __NR_close ? (int)c->args[0] : c->nr == __NR_fcntl ? (int)c->result : -1);
    }
    if ((c->nr == __NR_unshare || c->nr == __NR_setns) && c->result == 0)
        record_namespace_changed();
    if (c->nr == __NR_getdents64)
        sys_proc_listed(c);
    if (m->flags & MODEL_CHANGES_MAPS)
        sys_effect(c, file_id, name);
    return file_id;
}

/* Do the program's own filters let the call through? False: it is over. */
static bool filters_allow(const struct model_syscall *m, struct model_call *c)
{
    enum seccomp_verdict verdict = sys_seccomp_check(c);
    if (verdict == SECCOMP_ANSWER) {
        if (m)
            take_inputs(m, c);
        call_flags = ODB_SYSCALL_ANSWERED;
        record_call(c, NULL, 0, 0);
        call_flags = 0;
        sys_call_finish(c->result);
        signal_deliver_pending();
    }
    return verdict == SECCOMP_GO;
}

/* read and write of a thread that is alone, by far the most frequent calls: none of the questions below concerns them. */
INLINE bool is_plain(const struct model_call *c)
{
    return c->nr <= __NR_write && baton_alone() && !sys_own_descriptor((int)c->args[0]);
}

INLINE int64_t run_plain(const struct model_call *c)
{
    int64_t result = call_kernel(self, c);
    return result == -E_FAULT && core_unprotect_all() ? call_kernel(self, c) : result;
}

void sys_record_syscall(void)
{
    struct model_call c;
    sys_call_load(&c);
    const struct model_syscall *m = model_lookup(c.nr);
    n_inputs = 0;
    if (sys_seccomp_active() && !filters_allow(m, &c))
        return;
    if (!m) {
        answer_unknown(&c);
        return;
    }
    uint32_t file_id = 0;
    if (is_plain(&c)) {
        c.result = run_plain(&c);
        if (c.result == -E_RESTARTSYS || c.result == -E_INTR) {
            if (c.result == -E_RESTARTSYS || signal_pending_restarts()) {
                signal_deliver_pending();
                return;
            }
        }
    } else if (sys_deny(m, &c)) {
        /* c.result is the error */
    } else if (m->cls == MODEL_ENOSYS) {
        c.result = -E_NOSYS;
    } else if (c.nr == __NR_exit_group) {
        sys_end((int)(c.args[0] & 0xff));
    } else if (c.nr == __NR_exit) {
        record_thread_exit((int)(c.args[0] & 0xff));
    } else if (c.nr == __NR_clone || c.nr == __NR_clone3 || c.nr == __NR_fork || c.nr == __NR_vfork) {
        record_clone(&c);
        signal_deliver_pending();
        return;
    } else if (c.nr == __NR_rt_sigreturn) {
        record_sigreturn(&c);
        signal_deliver_pending();
        return;
    } else {
        take_inputs(m, &c);
        if (c.nr == __NR_execve || c.nr == __NR_execveat)
            record_exec(&c);
        else if (c.nr == __NR_futex && run_futex_pi(m, &c))
            ;
        else if (!record_task_call(&c) && !sys_stop(&c) && sys_virtual(&c) == SYS_PASS)
            file_id = record_run(m, &c);
        if (c.result == -E_RESTARTSYS ||
            (c.result == -E_INTR && restartable(c.nr) && signal_pending_restarts())) {
            signal_deliver_pending(); /* as if it had come before the call, which is made again after the handler */
            return;
        }
    }
    write_call(m, &c, file_id);
    sys_call_finish(c.result);
    sys_virtual_after();
    signal_deliver_pending();
    check_sometimes();
    if (!baton_alone())
        baton_chaos(self);
}

/* ---- other services ---- */

uint64_t sys_record_insn_value(uint32_t kind, uint32_t *aux)
{
    uint64_t value = sys_insn_live(kind, aux);
    struct odb_ev_insn *ev = event_begin(ODB_EV_INSN, 0, sizeof(*ev));
    ev->tick = core_tick();
    ev->rip = ctx.rip;
    ev->value = value;
    ev->aux = *aux;
    ev->kind = kind;
    event_commit();
    return value;
}

void sys_record_fault(int signo, int code, uint64_t addr, bool fatal)
{
    struct odb_ev_fault *ev = event_begin(ODB_EV_FAULT, fatal ? ODB_FAULT_FATAL : 0, sizeof(*ev));
    ev->tick = core_tick();
    ev->addr = addr;
    ev->signo = signo;
    ev->code = code;
    memcpy(ev->regs.gpr, ctx.gpr, sizeof(ev->regs.gpr));
    ev->regs.rip = ctx.rip;
    ev->regs.rflags = ctx.rflags;
    raw2(__NR_arch_prctl, ARCH_GET_FS, &ev->regs.fs_base);
    raw2(__NR_arch_prctl, ARCH_GET_GS, &ev->regs.gs_base);
    event_commit();
}

void sys_record_signal(int signo, const void *siginfo128)
{
    struct odb_ev_signal *ev = event_begin(ODB_EV_SIGNAL, 0, sizeof(*ev));
    ev->tick = core_tick();
    ev->rip = ctx.rip;
    ev->signo = signo;
    ev->reserved = 0;
    memcpy(ev->siginfo, siginfo128, sizeof(ev->siginfo));
    event_commit();
}

_Noreturn void sys_record_end(int status)
{
    check_at_end();
    n_inputs = 0;
    record_process_ends();
    struct odb_ev_exit *ev = event_begin(ODB_EV_EXIT, 0, sizeof(*ev));
    ev->tick = core_tick();
    ev->rip = ctx.rip;
    ev->status = status;
    ev->reserved = 0;
    event_commit();
    atomic_store(&CONTROL->finished, 1);
    record_process_gone();
    sys_really_end(status);
}
