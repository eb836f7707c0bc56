/* The services of sys.h on replay: everything that came from outside is compared with the recording where
 * the program asks for it, and given where the recording has it.
 *
 * The life of one call on replay:
 *
 *     next_main(SYSCALL)      the event; a host's ODB_RUN_TO_EVENT stops here, before anything is consumed
 *     compare                 rip, tick, number, all general registers, bytes that the kernel read (MEM_IN)
 *     by class                virtual: done by the engine again, its outputs compared with the recording
 *                             REEXEC: the map is changed as recorded      else: outputs are copied in
 *     sys_effect, output      shadow map; stdout and stderr
 *     look_ahead              what comes next may not wait for the program: a signal, a death, the end
 *
 * Asynchronous events (SIGNAL, EXIT by a signal, the end of the stream) have a position of their own. The
 * core is told to stop there (core_set_stop), and replay_stopped() makes them happen. The host's wish to
 * stop uses the same mechanism; the earlier of both is armed.
 *
 * A difference is a divergence: reported once, with the process kept as it is. Nothing in a recording may
 * crash the vessel. */
#include <stddef.h>

#include "common/hash.h"
#include "preload/raw.h"
#include "preload/replay.h"
#include "preload/sys.h"


static char refusal[160]; /* text of a NOTE that says why recording stopped */

/* The next asynchronous thing. rip 0: at the beginning of the tick. */
static struct {
    bool armed;
    uint64_t tick;
    gaddr rip;
} async;

/* What the host wants. */
static struct {
    bool to_pos, to_event;
    uint64_t tick;
    gaddr rip;
    uint64_t event;
} user;

/* ---- divergences ---- */

static _Noreturn void diverged(uint32_t kind, uint32_t reg, uint64_t expected, uint64_t found, gaddr addr,
                               const char *what)
{
    struct odb_divergence *d = &CONTROL->stop.divergence;
    const struct engine_map *m = maps_find(ctx.rip);
    *d = (struct odb_divergence){
        .kind = kind,
        .reg = reg,
        .event = replay_ordinal,
        .stream_offset = cursor.offset,
        .tick = core_tick(),
        .rip = ctx.rip,
        .expected = expected,
        .found = found,
        .addr = addr,
    };
    engine_format(d->what, sizeof(d->what), "%s", what);
    if (m)
        vessel_text("%s+0x%lx", m->name[0] ? m->name : "[anonymous]", ctx.rip - m->start + m->offset);
    vessel_stay(ODB_STOP_DIVERGED, 0);
}

static void compare_position(uint64_t tick, gaddr rip, const char *what)
{
    if (__builtin_expect(ctx.rip != rip, 0))
        diverged(ODB_DIV_RIP, ODB_REG_RIP, rip, ctx.rip, 0, what);
    if (__builtin_expect(core_tick() != tick, 0))
        diverged(ODB_DIV_TICK, 0, tick, core_tick(), 0, what);
}

/* ---- the index log ---- */

/* A log begins with the registers: at the program's start, or where a checkpoint was put into index mode. */
static void log_begin(void)
{
    static bool begun;
    if (begun || !log_active())
        return;
    begun = true;
    vessel_log_start();
}

static void log_event(uint16_t kind, const struct odb_event *ev)
{
    if (!log_active())
        return;
    struct odb_log head = {.kind = kind, .n = ev->size_bytes, .arg = replay_ordinal};
    log_record(&head, ev, ev->size_bytes);
}

static void log_syscall(const struct odb_ev_syscall *ev, const struct model_call *c)
{
    struct odb_log_syscall body = {.nr = c->nr,
                                   .result = ev->result,
                                   .file_id = ev->file_id,
                                   .tid = ev->ev.tid,
                                   .event = replay_ordinal};
    memcpy(body.args, c->args, sizeof(body.args));
    struct odb_log head = {.kind = ODB_LOG_SYSCALL, .n = sizeof(body), .arg = c->nr};
    log_record(&head, &body, sizeof(body));
}

static void log_reg(uint16_t reg, uint64_t value)
{
    struct odb_log head = {.kind = ODB_LOG_REG, .reg = reg, .n = 8};
    log_record(&head, &value, 8);
}

/* ---- where to stop ---- */

static void arm(void)
{
    bool user_first = user.to_pos && (!async.armed || user.tick < async.tick ||
                                      (user.tick == async.tick && user.rip <= async.rip));
    if (user_first)
        core_set_stop(user.tick, user.rip);
    else if (async.armed)
        core_set_stop(async.tick, async.rip);
    else
        core_set_stop(UINT64_MAX, 0);
}

static void arm_async(uint64_t tick, gaddr rip)
{
    async.armed = true;
    async.tick = tick;
    async.rip = rip;
    arm();
}

static bool is_past(uint64_t tick, gaddr rip)
{
    uint64_t now = core_tick();
    return tick < now || (tick == now && rip && rip < ctx.rip);
}

const char *replay_set_run(const struct odb_run *run, bool *ret_at_once)
{
    *ret_at_once = false;
    if (run->flags & ODB_RUN_TO_POS && is_past(run->tick, run->rip))
        return "this position is in the past";
    if (run->flags & ODB_RUN_TO_EVENT && run->event < replay_ordinal)
        return "this event is in the past";
    bool had_position = user.to_pos;
    user.to_pos = run->flags & ODB_RUN_TO_POS;
    user.tick = run->tick;
    user.rip = run->rip;
    user.to_event = run->flags & ODB_RUN_TO_EVENT;
    user.event = run->event;
    if (user.to_pos && user.tick == core_tick() && (!user.rip || user.rip == ctx.rip)) {
        user.to_pos = false;
        *ret_at_once = true;
        return NULL;
    }
    core_set_hook(run->flags & ODB_RUN_HOOK || CONTROL->mode == ODB_MODE_INDEX ||
                  CONTROL->options & ODB_OPT_TRACE_HOOK);
    if (user.to_pos || had_position)
        arm();
    log_begin();
    return NULL;
}

/* ---- the stream ---- */

static _Noreturn void end_of_stream(void)
{
    const struct odb_event *ev = cursor_peek();
    int32_t status = 0;
    if (ev) {
        int32_t w = ((const struct odb_ev_end *)ev)->wait_status;
        status = (w & 127) ? -(w & 127) : (w >> 8) & 255;
    } else {
        vessel_text("%s", refusal[0] ? refusal : "the recording ends here");
    }
    vessel_stay(ODB_STOP_END, status);
}

static void compare_page(const struct odb_page_hash *p)
{
    static uint8_t page[ODB_PAGE_BYTES];
    if (!engine_peek(p->addr, page, sizeof(page)))
        diverged(ODB_DIV_PAGE, 0, p->hash, 0, p->addr, "a page is not there");
    uint64_t found = odb_hash64(page, sizeof(page), 0);
    if (found != p->hash)
        diverged(ODB_DIV_PAGE, 0, p->hash, found, p->addr, "a page has other contents");
}

static uint64_t vector_hash(void)
{
    static _Alignas(64) uint8_t image[4096];
    return odb_hash64(image, xstate_save(image, sizeof(image)), 0);
}

/* A CHECK holds where it was made; elsewhere it is another difference, already on its way to be noticed. */
static void compare_check(const struct odb_ev_check *ev)
{
    if (!(CONTROL->options & ODB_OPT_CHECK))
        return;
    compare_position(ev->tick, ev->rip, "position of a check of memory");
    uint64_t found = vector_hash();
    if (found != ev->vector_hash)
        diverged(ODB_DIV_VECTOR, 0, ev->vector_hash, found, 0, "vector or x87 registers");
    const struct odb_page_hash *p = (const struct odb_page_hash *)(ev + 1);
    for (uint32_t i = 0; i < ev->n_pages; i++)
        compare_page(&p[i]);
}

/* Events that are not the program's doing. True: gone over. */
static bool pass_over(const struct odb_event *ev)
{
    switch (ev->type) {
    case ODB_EV_FILE:
        image_note_file((const struct odb_ev_file *)ev);
        log_event(ODB_LOG_EVENT, ev);
        break;
    case ODB_EV_START:
    case ODB_EV_CPU: break;
    case ODB_EV_NOTE:
        if (((const struct odb_ev_note *)ev)->kind == ODB_NOTE_REFUSED)
            engine_format(refusal, sizeof(refusal), "%s", (const char *)((const struct odb_ev_note *)ev + 1));
        break;
    case ODB_EV_CHECK: compare_check((const struct odb_ev_check *)ev); break;
    default: return false;
    }
    cursor_take(ev);
    return true;
}

/* The next event that the program must account for. NULL: the end. */
static const struct odb_event *main_event(void)
{
    const struct odb_event *ev;
    while ((ev = cursor_peek()) && pass_over(ev))
        ;
    return !ev || ev->type == ODB_EV_END ? NULL : ev;
}

static const char *type_name(uint32_t type)
{
    static const char *const names[ODB_N_EV] = {
        [ODB_EV_EXEC] = "a new program image",
        [ODB_EV_SYSCALL] = "a system call",
        [ODB_EV_INSN] = "a non-deterministic instruction",
        [ODB_EV_FAULT] = "a fault",
        [ODB_EV_SIGNAL] = "a signal",
        [ODB_EV_EXIT] = "the end of the process",
    };
    return type < ODB_N_EV && names[type] ? names[type] : "something that cannot be here";
}

/* The program is about to do something of this type: is that what comes next? Stops for the host first. */
static const struct odb_event *next_main(uint16_t type)
{
    for (;;) {
        const struct odb_event *ev = main_event();
        if (!ev)
            end_of_stream();
        if (user.to_event && replay_ordinal >= user.event) {
            user.to_event = false;
            vessel_stop(ODB_STOP_EVENT, 0);
            continue;
        }
        if (ev->type == type)
            return ev;
        char what[160];
        engine_format(what, sizeof(what), "%s, where the recording has %s", type_name(type),
                      type_name(ev->type));
        diverged(ODB_DIV_EVENT_TYPE, 0, ev->type, type, 0, what);
    }
}

static void taken(const struct odb_event *ev)
{
    cursor_take(ev);
    replay_ordinal++;
}

/* ---- asynchronous events ---- */

static void deliver(const struct odb_ev_signal *ev)
{
    uint8_t siginfo[128];
    int signo = ev->signo;
    memcpy(siginfo, ev->siginfo, sizeof(siginfo));
    if (signo < 1 || signo > ENGINE_NSIG || sig_actions[signo].handler <= 1)
        diverged(ODB_DIV_EVENT_TYPE, 0, (uint64_t)signo, 0, 0, "a signal that the program does not handle");
    sys_signal(signo, siginfo);
    signal_deliver(signo, siginfo);
}

/* Between two things that the program does: is the next event one that it does not ask for? If it is due
 * at once it happens at once, unless somebody wants to see the place between two instructions. */
static void look_ahead(void)
{
    for (;;) {
        const struct odb_event *ev = cursor_peek();
        if (!ev || ev->type == ODB_EV_END) {
            arm_async(core_tick() + 1, 0);
            return;
        }
        uint64_t tick;
        gaddr rip;
        switch (ev->type) {
        case ODB_EV_FILE:
        case ODB_EV_NOTE: pass_over(ev); continue;
        case ODB_EV_CHECK:
            tick = ((const struct odb_ev_check *)ev)->tick;
            rip = ((const struct odb_ev_check *)ev)->rip;
            if (tick != core_tick() || rip != ctx.rip)
                return;
            pass_over(ev);
            continue;
        case ODB_EV_SIGNAL:
            tick = ((const struct odb_ev_signal *)ev)->tick;
            rip = ((const struct odb_ev_signal *)ev)->rip;
            break;
        case ODB_EV_EXIT:
            if (((const struct odb_ev_exit *)ev)->status >= 0)
                return;
            tick = ((const struct odb_ev_exit *)ev)->tick;
            rip = ((const struct odb_ev_exit *)ev)->rip;
            break;
        default: return;
        }
        if (is_past(tick, rip))
            diverged(ODB_DIV_TICK, 0, tick, core_tick(), 0, "the recording goes back in time");
        if (log_active() || user.to_event || user.to_pos || tick != core_tick() || rip != ctx.rip) {
            arm_async(tick, rip);
            return;
        }
        if (ev->type == ODB_EV_EXIT)
            sys_replay_end(((const struct odb_ev_exit *)ev)->status);
        deliver((const struct odb_ev_signal *)ev);
    }
}

static void async_happens(void)
{
    async.armed = false;
    const struct odb_event *ev = main_event();
    if (!ev)
        end_of_stream();
    if (ev->type == ODB_EV_EXIT)
        sys_replay_end(((const struct odb_ev_exit *)ev)->status);
    ev = next_main(ODB_EV_SIGNAL);
    deliver((const struct odb_ev_signal *)ev);
    look_ahead();
}

void replay_stopped(void)
{
    uint64_t tick = core_tick();
    if (user.to_pos && (tick > user.tick || (tick == user.tick && (!user.rip || user.rip == ctx.rip)))) {
        if (tick > user.tick)
            vessel_text("this position is not reached: tick %lu does not execute 0x%lx", user.tick, user.rip);
        user.to_pos = false;
        vessel_stop(ODB_STOP_POSITION, 0);
    }
    if (async.armed && tick == async.tick && (!async.rip || async.rip == ctx.rip))
        async_happens();
    else if (async.armed && tick >= async.tick && is_past(async.tick, async.rip))
        diverged(ODB_DIV_TICK, 0, async.tick, tick, 0, "the position of a signal was not reached");
    arm();
}

void replay_begin(void)
{
    const struct odb_event *ev;
    while ((ev = cursor_peek()) && pass_over(ev))
        ;
    if (!ev || ev->type != ODB_EV_EXEC)
        replay_error("the recording ends before the program began");
    image_build();
    memset(gpr_base, 0, sizeof(gpr_base));
    log_begin();
    look_ahead();
}

/* ---- system calls ---- */

static void compare_registers(const struct odb_ev_syscall *ev)
{
    const uint64_t *changed = (const uint64_t *)(ev + 1);
    for (uint32_t mask = ev->gpr_mask; mask; mask &= mask - 1)
        gpr_base[__builtin_ctz(mask)] = *changed++;
    if (ctx.gpr[ODB_RAX] != gpr_base[ODB_RAX])
        diverged(ODB_DIV_SYSCALL_NR, ODB_RAX, gpr_base[ODB_RAX], ctx.gpr[ODB_RAX], 0,
                 "number of the system call");
    compare_position(ev->tick, ev->rip, "position of a system call");
    for (uint32_t i = 0; i < ODB_N_GPR; i++)
        if (__builtin_expect(ctx.gpr[i] != gpr_base[i], 0))
            diverged(ODB_DIV_REGISTER, i, gpr_base[i], ctx.gpr[i], 0, "register at a system call");
}

/* First differing byte. */
static void compare_bytes(const struct odb_ev_mem *mem, const char *what)
{
    const uint8_t *data = (const uint8_t *)(mem + 1);
    uint8_t now[1024];
    for (uint64_t at = 0; at < mem->len_bytes; at += sizeof(now)) {
        uint64_t n = mem->len_bytes - at < sizeof(now) ? mem->len_bytes - at : sizeof(now);
        if (!engine_peek(mem->addr + at, now, n))
            diverged(ODB_DIV_INPUT_MEMORY, 0, data[at], 0, mem->addr + at, "memory is not there");
        if (memcmp(now, data + at, n) == 0)
            continue;
        uint64_t i = 0;
        while (now[i] == data[at + i])
            i++;
        diverged(ODB_DIV_INPUT_MEMORY, 0, data[at + i], now[i], mem->addr + at + i, what);
    }
}

static void take_input(const struct odb_ev_mem *mem)
{
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
        diverged(ODB_DIV_BAD_EVENT, 0, 0, 0, mem->addr, "the kernel wrote to memory that is not there");
    log_kernel_write_after();
}

static void take_memory(uint32_t n_mem)
{
    for (uint32_t i = 0; i < n_mem; i++) {
        const struct odb_ev_mem *mem = cursor_mem();
        if (mem->ev.flags & ODB_MEM_IN)
            take_input(mem);
        else
            take_output(mem);
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
        if (mem->ev.flags & ODB_MEM_IN)
            take_input(mem);
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
        diverged(ODB_DIV_RESULT, ODB_RAX, (uint64_t)recorded, (uint64_t)c->result, 0,
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
        diverged(ODB_DIV_RESULT, ODB_RAX, (uint64_t)c->result, 0, c->args[0], failed);
}

/* Exit and a successful execve leave no SYSCALL event: EXIT or EXEC stands for them. True: done. */
static bool leaves_image(const struct model_call *c)
{
    if (c->nr != __NR_exit_group && c->nr != __NR_exit && c->nr != __NR_execve && c->nr != __NR_execveat)
        return false;
    const struct odb_event *ev = main_event();
    if (ev && ev->type == ODB_EV_EXIT && (c->nr == __NR_exit_group || c->nr == __NR_exit))
        sys_replay_end((int)c->args[0] & 255);
    if (!ev || ev->type != ODB_EV_EXEC || c->nr == __NR_exit_group || c->nr == __NR_exit)
        return false;
    replay_begin();
    return true;
}

void sys_replay_syscall(void)
{
    struct model_call c;
    sys_call_load(&c);
    if (leaves_image(&c))
        return;
    const struct odb_ev_syscall *ev = (const struct odb_ev_syscall *)next_main(ODB_EV_SYSCALL);
    compare_registers(ev);
    if (log_active())
        log_syscall(ev, &c);
    uint32_t n_mem = ev->n_mem, file_id = ev->file_id;
    uint64_t rflags = ev->rflags;
    const struct model_syscall *m = model_lookup(c.nr);
    c.result = ev->result;
    cursor_take(&ev->ev);
    enum sys_how how = SYS_PASS;
    if (m && m->cls == MODEL_IRREGULAR) {
        how = do_virtual(&c, n_mem);
    } else {
        take_memory(n_mem);
        if (m && m->cls == MODEL_REEXEC)
            repeat_maps(&c, file_id);
    }
    replay_ordinal++;
    if (m)
        output_after_call(m, &c);
    if (how != SYS_REPLACED) {
        if (m && m->flags & MODEL_CHANGES_MAPS)
            sys_effect(&c, file_id, image_file_name(file_id));
        sys_call_finish(c.result);
        ctx.gpr[ODB_R11] = rflags; /* what the CPU leaves undefined may differ here */
    }
    look_ahead();
}

/* ---- other services ---- */

uint64_t sys_replay_insn_value(uint32_t kind, uint32_t *aux)
{
    const struct odb_ev_insn *ev = (const struct odb_ev_insn *)next_main(ODB_EV_INSN);
    compare_position(ev->tick, ev->rip, "position of a non-deterministic instruction");
    if (ev->kind != kind)
        diverged(ODB_DIV_EVENT_TYPE, 0, ev->kind, kind, 0, "kind of a non-deterministic instruction");
    uint64_t value = ev->value;
    *aux = ev->aux;
    taken(&ev->ev);
    look_ahead();
    return value;
}

void sys_replay_fault(int signo, int code, uint64_t addr, bool fatal)
{
    char what[160];
    const struct odb_event *next = main_event();
    if (!next)
        end_of_stream();
    if (next->type != ODB_EV_FAULT) {
        engine_format(what, sizeof(what),
                      "fault (signal %d, code %d, address 0x%lx), where the recording has %s", signo, code,
                      addr, type_name(next->type));
        diverged(ODB_DIV_FAULT, 0, 0, (uint64_t)signo, addr, what);
    }
    const struct odb_ev_fault *ev = (const struct odb_ev_fault *)next_main(ODB_EV_FAULT);
    compare_position(ev->tick, ev->regs.rip, "position of a fault");
    for (uint32_t i = 0; i < ODB_N_GPR; i++)
        if (ctx.gpr[i] != ev->regs.gpr[i])
            diverged(ODB_DIV_REGISTER, i, ev->regs.gpr[i], ctx.gpr[i], 0, "register at a fault");
    if (signo != ev->signo || code != ev->code || addr != ev->addr ||
        fatal != (ev->ev.flags & ODB_FAULT_FATAL)) {
        engine_format(what, sizeof(what),
                      "fault: recorded signal %d code %d address 0x%lx, now signal %d code %d address 0x%lx",
                      ev->signo, ev->code, ev->addr, signo, code, addr);
        diverged(ODB_DIV_FAULT, 0, (uint64_t)ev->signo, (uint64_t)signo, addr, what);
    }
    log_event(ODB_LOG_SIGNAL, &ev->ev);
    taken(&ev->ev);
}

void sys_replay_signal(int signo, const void *siginfo128)
{
    (void)siginfo128;
    const struct odb_ev_signal *ev = (const struct odb_ev_signal *)next_main(ODB_EV_SIGNAL);
    compare_position(ev->tick, ev->rip, "position of a signal");
    if (signo != ev->signo)
        diverged(ODB_DIV_EVENT_TYPE, 0, (uint64_t)ev->signo, (uint64_t)signo, 0, "number of a signal");
    log_event(ODB_LOG_SIGNAL, &ev->ev);
    taken(&ev->ev);
}

_Noreturn void sys_replay_end(int status)
{
    const struct odb_event *next = main_event();
    if (!next)
        end_of_stream();
    const struct odb_ev_exit *ev = (const struct odb_ev_exit *)next_main(ODB_EV_EXIT);
    compare_position(ev->tick, ev->rip, "position of the end");
    if (status != ev->status)
        diverged(ODB_DIV_RESULT, 0, (uint64_t)(int64_t)ev->status, (uint64_t)(int64_t)status, 0,
                 "exit status");
    log_event(ODB_LOG_EVENT, &ev->ev);
    cursor_take(&ev->ev);
    while (cursor_peek() && pass_over(cursor_peek()))
        ;
    vessel_stay(ODB_STOP_END, status);
}

_Noreturn void sys_replay_escape(gaddr rip, long nr)
{
    diverged(ODB_DIV_ESCAPE, 0, 0, (uint64_t)nr, rip, "system call made outside the engine");
}
