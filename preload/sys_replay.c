/* The services of sys.h on replay: everything that came from outside is compared with the recording where
 * the program asks for it, and given where the recording has it.
 *
 * The life of one call on replay:
 *
 *     SWITCH CALL             next? then others run first; the instruction is begun again when its thread is next
 *     replay_next(SYSCALL)    the event; a host's ODB_RUN_TO_EVENT stops here, before anything is consumed
 *     compare                 rip, tick, number, all general registers, bytes that the kernel read (MEM_IN)
 *     by class                virtual: done by the engine again, its outputs compared with the recording
 *                             clone: the child is made             REEXEC: the map is changed as recorded
 *                             else: outputs are copied in
 *     sys_effect, output      shadow map; stdout and stderr
 *     look_ahead              what comes next may not wait for the program: a signal, a switch, a death, the end
 *
 * exit and a successful execve are in replay_tasks.c, the order of events in replay_events.c. */
#include <linux/resource.h>
#include <linux/signal.h>
#include <stddef.h>

#include "preload/debug.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"

/* ---- the index log ---- */

static void log_syscall(const struct odb_ev_syscall *ev, const struct model_call *c)
{
    struct odb_log_syscall body = {.nr = c->nr,
                                   .result = ev->result,
                                   .file_id = ev->file_id,
                                   .tid = ev->ev.tid,
                                   .event = WORLD->ordinal};
    memcpy(body.args, c->args, sizeof(body.args));
    struct odb_log head = {.kind = ODB_LOG_SYSCALL, .n = sizeof(body), .arg = c->nr};
    log_record(&head, &body, sizeof(body));
}

static void log_reg(uint16_t reg, uint64_t value)
{
    struct odb_log head = {.kind = ODB_LOG_REG, .reg = reg, .n = 8};
    log_record(&head, &value, 8);
}

/* ---- system calls ---- */

static void compare_registers(const struct odb_ev_syscall *ev)
{
    const uint64_t *changed = (const uint64_t *)(ev + 1);
    for (uint32_t mask = ev->gpr_mask; mask; mask &= mask - 1)
        gpr_base[__builtin_ctz(mask)] = *changed++;
    if (ctx.gpr[ODB_RAX] != gpr_base[ODB_RAX])
        replay_diverged(ODB_DIV_SYSCALL_NR, ODB_RAX, gpr_base[ODB_RAX], ctx.gpr[ODB_RAX], 0,
                        "number of the system call");
    replay_compare_position(ev->tick, ev->rip, "position of a system call");
    for (uint32_t i = 0; i < ODB_N_GPR; i++)
        if (__builtin_expect(ctx.gpr[i] != gpr_base[i], 0))
            replay_diverged(ODB_DIV_REGISTER, i, gpr_base[i], ctx.gpr[i], 0, "register at a system call");
}

/* First differing byte. */
static void compare_bytes(const struct odb_ev_mem *mem, const char *what)
{
    const uint8_t *data = (const uint8_t *)(mem + 1);
    uint8_t now[1024];
    for (uint64_t at = 0; at < mem->len_bytes; at += sizeof(now)) {
        uint64_t n = mem->len_bytes - at < sizeof(now) ? mem->len_bytes - at : sizeof(now);
        if (!engine_peek(mem->addr + at, now, n))
            replay_diverged(ODB_DIV_INPUT_MEMORY, 0, data[at], 0, mem->addr + at, "memory is not there");
        if (memcmp(now, data + at, n) == 0)
            continue;
        uint64_t i = 0;
        while (now[i] == data[at + i])
            i++;
        replay_diverged(ODB_DIV_INPUT_MEMORY, 0, data[at + i], now[i], mem->addr + at + i, what);
    }
}

static bool others_ran(void)
{
    return replay_current->call.rip == ctx.rip && replay_current->call.tick == core_tick();
}

static void take_input(const struct odb_ev_mem *mem)
{
    if (!others_ran())
        compare_bytes(mem, "bytes that the kernel reads");
    if (log_active()) {
        struct odb_log head = {.kind = ODB_LOG_MEM_IN, .n = (uint32_t)mem->len_bytes, .arg = mem->addr};
        log_record(&head, mem + 1, mem->len_bytes);
    }
}

static void take_output(const struct odb_ev_mem *mem)
{
    log_kernel_write_before(mem->addr, mem->len_bytes);
    if (!replay_poke(mem->addr, mem + 1, mem->len_bytes))
        replay_diverged(ODB_DIV_BAD_EVENT, 0, 0, 0, mem->addr,
                        "the kernel wrote to memory that is not there");
    log_kernel_write_after();
}

static void log_elsewhere(const struct odb_ev_mem *mem)
{
    static uint8_t body[8 + ODB_MEM_MAX_BYTES];
    bool file = mem->ev.flags & ODB_MEM_FILE;
    uint64_t id = file ? mem->ev.tid : mem->ev.pid;
    uint32_t n = 8 + (uint32_t)mem->len_bytes;
    memcpy(body, &id, 8);
    memcpy(body + 8, mem + 1, mem->len_bytes);
    struct odb_log head = {.kind = ODB_LOG_ELSEWHERE, .reg = file, .n = n, .arg = mem->addr};
    log_record(&head, body, n);
}

/* Not memory of the caller: a file that somebody mapped shared, or another process. */
static void take_elsewhere(const struct odb_ev_mem *mem)
{
    bool ok;
    if (mem->ev.flags & ODB_MEM_FILE) {
        ok = live_write(mem->ev.tid, mem->addr, mem + 1, mem->len_bytes);
    } else {
        const struct odb_world_task *t = world_task_of_process(mem->ev.pid);
        if (debug_on)
            debug_kernel_write(mem->addr, mem->len_bytes, mem->ev.pid);
        if (t && t->vessel == world_me) {
            take_output(mem);
            return;
        }
        ok = t && world_write(t->vessel, mem->addr, mem + 1, mem->len_bytes);
    }
    if (ok && log_active())
        log_elsewhere(mem);
    if (!ok)
        replay_diverged(ODB_DIV_BAD_EVENT, 0, 0, 0, mem->addr,
                        "a write to a file or another process that cannot be");
}

static void take_one(const struct odb_ev_mem *mem)
{
    if (mem->ev.flags & ODB_MEM_IN)
        take_input(mem);
    else if (mem->ev.flags & (ODB_MEM_FILE | ODB_MEM_OTHER))
        take_elsewhere(mem);
    else
        take_output(mem);
}

void replay_take_memory(uint32_t n_mem)
{
    for (uint32_t i = 0; i < n_mem; i++) {
        const struct odb_ev_mem *mem = cursor_mem();
        take_one(mem);
        cursor_take(&mem->ev);
    }
}

#define MAX_VIRTUAL_OUTPUTS 4

/* Calls that sys_virtual() may do: outputs are its own, and must be the recorded ones. */
static enum sys_how do_virtual(struct model_call *c, uint32_t n_mem)
{
    const struct odb_ev_mem *out[MAX_VIRTUAL_OUTPUTS];
    uint32_t n_out = 0;
    int64_t recorded = c->result;
    for (uint32_t i = 0; i < n_mem; i++) {
        const struct odb_ev_mem *mem = cursor_mem();
        if (mem->ev.flags)
            take_one(mem);
        else if (n_out < MAX_VIRTUAL_OUTPUTS)
            out[n_out++] = mem;
        cursor_take(&mem->ev);
    }
    if (n_out)
        log_kernel_write_before(out[0]->addr, out[0]->len_bytes);
    enum sys_how how = sys_virtual(c);
    if (how == SYS_PASS) {
        log_kernel_write_after();
        c->result = recorded;
        for (uint32_t i = 0; i < n_out; i++)
            take_output(out[i]);
        return how;
    }
    if (c->result != recorded)
        replay_diverged(ODB_DIV_RESULT, ODB_RAX, (uint64_t)recorded, (uint64_t)c->result, 0,
                        "result of a system call");
    if (how == SYS_REPLACED)
        return how;
    log_kernel_write_after();
    for (uint32_t i = 0; i < n_out; i++)
        compare_bytes(out[i], "result of a system call");
    if (c->nr == __NR_arch_prctl && log_active() && c->result == 0 &&
        (c->args[0] == 0x1001 || c->args[0] == 0x1002))
        log_reg(c->args[0] == 0x1002 ? ODB_REG_FS_BASE : ODB_REG_GS_BASE, c->args[1]);
    return how;
}

static void repeat_maps(const struct model_call *c, uint32_t file_id)
{
    const char *failed = replay_maps_call(c, file_id);
    if (failed)
        replay_diverged(ODB_DIV_RESULT, ODB_RAX, (uint64_t)c->result, 0, c->args[0], failed);
}

/* The event, compared; a checkpoint of the index begins to count the instruction here. */
static const struct odb_ev_syscall *next_call(const struct model_call *c)
{
    const struct odb_ev_syscall *ev = (const struct odb_ev_syscall *)replay_next(ODB_EV_SYSCALL);
    bool again = ev->ev.flags & ODB_SYSCALL_AGAIN;
    if (again)
        hook_cancel(); /* counted when it is done */
    else
        hook_announce();
    compare_registers(ev);
    if (log_active() && !again)
        log_syscall(ev, c);
    return ev;
}

const struct odb_event *sys_replay_exit_call(void)
{
    struct model_call c;
    sys_call_load(&c);
    const struct odb_ev_syscall *ev = next_call(&c);
    uint32_t n_mem = ev->n_mem;
    replay_taken(&ev->ev);
    replay_take_memory(n_mem);
    return replay_main_event();
}

/* Others run while the call lasts. */
static void wait_in_call(const struct model_call *c)
{
    const struct odb_event *next = replay_main_event();
    const struct odb_ev_switch *ev = (const struct odb_ev_switch *)next;
    if (!next || next->type != ODB_EV_SWITCH || next->tid != replay_current->tid ||
        ev->kind != ODB_SWITCH_CALL)
        return;
    if (ev->nr != c->nr)
        replay_diverged(ODB_DIV_SYSCALL_NR, ODB_RAX, ev->nr, c->nr, 0,
                        "number of the system call at a switch");
    replay_compare_position(ev->tick, ev->rip, "position of a switch in a system call");
    hook_cancel(); /* counted when it is done */
    replay_current->call = (struct odb_pos){ev->tick, ev->rip};
    cursor_take(next);
    replay_switch();
}

/* A filter of the program's own did not let the call happen: the process dies, or gets SIGSYS. True: done. */
static bool stopped_by_filter(void)
{
    const struct odb_event *next = replay_main_event();
    if (!next || next->tid != replay_current->tid)
        return false;
    const struct odb_ev_exit *end = (const struct odb_ev_exit *)next;
    if (next->type == ODB_EV_EXIT && end->status < 0 && !(next->flags & ODB_EXIT_KILLED)) {
        replay_compare_position(end->tick, end->rip, "position of the end");
        hook_cancel();
        task_process_ends(end);
    }
    if (!replay_is_trap(next))
        return false;
    bool fatal = next->flags & ODB_FAULT_FATAL;
    ctx.rip += 2;
    ctx.gpr[ODB_RCX] = ctx.rip;
    ctx.gpr[ODB_R11] = ctx.rflags;
    hook_complete();
    sys_replay_fault(SIGSYS, 1 /* SYS_SECCOMP */, ctx.rip, fatal);
    if (fatal)
        sys_replay_end(-SIGSYS);
    replay_deliver((const struct odb_ev_signal *)replay_next(ODB_EV_SIGNAL));
    replay_look_ahead(true);
    return true;
}

static void follow_stack_limit(const struct model_call *c)
{
    uint64_t limit;
    gaddr at = 0;
    if (c->result != 0 || (c->nr != __NR_setrlimit && c->nr != __NR_prlimit64))
        return;
    if (c->nr == __NR_setrlimit && c->args[0] == RLIMIT_STACK)
        at = c->args[1];
    else if (c->nr == __NR_prlimit64 && c->args[1] == RLIMIT_STACK && (!c->args[0] || c->args[0] == ctx.pid))
        at = c->args[2];
    if (at && engine_peek(at, &limit, 8))
        image_stack_limit(limit);
}

/* What the call does besides its result. */
static enum sys_how do_call(const struct model_syscall *m, struct model_call *c, uint32_t n_mem,
                            uint32_t file_id)
{
    if (m && m->cls == MODEL_IRREGULAR)
        return do_virtual(c, n_mem);
    replay_take_memory(n_mem);
    if (m && m->cls == MODEL_REEXEC)
        repeat_maps(c, file_id);
    return SYS_PASS;
}

void sys_replay_syscall(void)
{
    if (WORLD->branch) {
        sys_branch_syscall();
        return;
    }
    struct model_call c;
    sys_call_load(&c);
    wait_in_call(&c);
    debug_call_begins(&c);
    if (stopped_by_filter() || task_leaves(&c))
        return;
    const struct odb_ev_syscall *ev = next_call(&c);
    uint32_t n_mem = ev->n_mem, file_id = ev->file_id, flags = ev->ev.flags;
    uint32_t child = ev->file_id;
    uint64_t rflags = ev->rflags;
    const struct model_syscall *m = flags & ODB_SYSCALL_ANSWERED ? NULL : model_lookup(c.nr);
    c.result = ev->result;
    if (m && task_is_clone(c.nr) && c.result > 0)
        task_cloned(&c, ev);
    cursor_take(&ev->ev);
    enum sys_how how = flags & ODB_SYSCALL_AGAIN ? SYS_PASS : do_call(m, &c, n_mem, file_id);
    if (flags & ODB_SYSCALL_AGAIN)
        replay_take_memory(n_mem);
    WORLD->ordinal++;
    if (m && !(flags & ODB_SYSCALL_AGAIN)) {
        output_after_call(m, &c);
        follow_stack_limit(&c);
    }
    if (how != SYS_REPLACED && !(flags & ODB_SYSCALL_AGAIN)) {
        if (m && m->flags & MODEL_CHANGES_MAPS)
            sys_effect(&c, file_id, image_file_name(file_id));
        sys_call_finish(c.result);
        ctx.gpr[ODB_R11] = rflags; /* what the CPU leaves undefined may differ here */
    }
    hook_complete();
    if (!(flags & ODB_SYSCALL_AGAIN))
        debug_call_done(&c, child);
    replay_look_ahead(true);
}

/* ---- other services ---- */

uint64_t sys_replay_insn_value(uint32_t kind, uint32_t *aux)
{
    if (WORLD->branch)
        return sys_insn_live(kind, aux);
    const struct odb_ev_insn *ev = (const struct odb_ev_insn *)replay_next(ODB_EV_INSN);
    replay_compare_position(ev->tick, ev->rip, "position of a non-deterministic instruction");
    if (ev->kind != kind)
        replay_diverged(ODB_DIV_EVENT_TYPE, 0, ev->kind, kind, 0, "kind of a non-deterministic instruction");
    uint64_t value = ev->value;
    *aux = ev->aux;
    replay_taken(&ev->ev);
    replay_look_ahead(false);
    return value;
}

void sys_replay_fault(int signo, int code, uint64_t addr, bool fatal)
{
    char what[160];
    if (WORLD->branch) {
        sys_branch_fault(signo, code, addr, fatal);
        return;
    }
    const struct odb_event *next = replay_main_event();
    if (!next)
        replay_end_of_stream();
    if (next->type != ODB_EV_FAULT && next->type != ODB_EV_EXIT) {
        engine_format(what, sizeof(what),
                      "fault (signal %d, code %d, address 0x%lx), where the recording has %s", signo, code,
                      addr, replay_type_name(next->type));
        replay_diverged(ODB_DIV_FAULT, 0, 0, (uint64_t)signo, addr, what);
    }
    const struct odb_ev_fault *ev = (const struct odb_ev_fault *)replay_next(ODB_EV_FAULT);
    replay_compare_position(ev->tick, ev->regs.rip, "position of a fault");
    for (uint32_t i = 0; i < ODB_N_GPR; i++)
        if (ctx.gpr[i] != ev->regs.gpr[i])
            replay_diverged(ODB_DIV_REGISTER, i, ev->regs.gpr[i], ctx.gpr[i], 0, "register at a fault");
    if (signo != ev->signo || code != ev->code || addr != ev->addr ||
        fatal != (ev->ev.flags & ODB_FAULT_FATAL)) {
        engine_format(what, sizeof(what),
                      "fault: recorded signal %d code %d address 0x%lx, now signal %d code %d address 0x%lx",
                      ev->signo, ev->code, ev->addr, signo, code, addr);
        replay_diverged(ODB_DIV_FAULT, 0, (uint64_t)ev->signo, (uint64_t)signo, addr, what);
    }
    if (debug_on) {
        const int32_t info[8] = {signo, 0, code, 0, (int32_t)(uint32_t)addr, (int32_t)(addr >> 32)};
        uint8_t siginfo[128] = {0};
        memcpy(siginfo, info, sizeof(info));
        debug_signal(signo, siginfo);
        ev = (const struct odb_ev_fault *)replay_next(ODB_EV_FAULT);
    }
    replay_log_event(ODB_LOG_SIGNAL, &ev->ev);
    replay_taken(&ev->ev);
    if (!fatal)
        replay_look_ahead(false);
}

void sys_replay_signal(int signo, const void *siginfo128)
{
    (void)siginfo128;
    if (WORLD->branch)
        return;
    const struct odb_ev_signal *ev = (const struct odb_ev_signal *)replay_next(ODB_EV_SIGNAL);
    replay_compare_position(ev->tick, ev->rip, "position of a signal");
    if (signo != ev->signo)
        replay_diverged(ODB_DIV_EVENT_TYPE, 0, (uint64_t)ev->signo, (uint64_t)signo, 0, "number of a signal");
    replay_log_event(ODB_LOG_SIGNAL, &ev->ev);
    replay_taken(&ev->ev);
}

_Noreturn void sys_replay_end(int status)
{
    if (WORLD->branch)
        vessel_stay(ODB_STOP_END, status);
    const struct odb_ev_exit *ev = (const struct odb_ev_exit *)replay_next(ODB_EV_EXIT);
    replay_compare_position(ev->tick, ev->rip, "position of the end");
    if (status != ev->status)
        replay_diverged(ODB_DIV_RESULT, 0, (uint64_t)(int64_t)ev->status, (uint64_t)(int64_t)status, 0,
                        "exit status");
    task_process_ends(ev);
}

_Noreturn void sys_replay_escape(gaddr rip, long nr)
{
    replay_diverged(ODB_DIV_ESCAPE, 0, 0, (uint64_t)nr, rip, "system call made outside the engine");
}

void replay_begin(void)
{
    const struct odb_event *ev = replay_main_event();
    if (!ev || ev->type != ODB_EV_EXEC)
        replay_error("the recording ends before the program began");
    task_exec();
}
