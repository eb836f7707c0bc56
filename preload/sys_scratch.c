/* See sys_scratch.h.
 *
 * Idea: before the call, the largest length that each output argument can have is known for most calls: a count, a
 * length argument, a fixed structure. Each gets a place in the scratch buffer, with a gap behind it so that ranges of two
 * arguments never join; the bytes that are there now are copied in, because a structure may come back half written.
 * After the call the model says which bytes of the scratch buffer were written; those go to the program.
 *
 * The program's pages are not touched before the call (another thread's call may be writing there): that they
 * can be written is taken from the shadow map. What it does not know (a stack about to grow, a bad pointer) is left to
 * the kernel, which then writes directly, or fails as natively. */
#include "preload/sys_scratch.h"

#include <asm/unistd_64.h>
#include <linux/mman.h>

#include "preload/core.h"
#include "preload/engine.h"

#define E_FAULT 14
#define GAP_BYTES 64
#define ROUND_UP(x) (((x) + 63) & ~63ULL)

static struct model_range ranges[MODEL_MAX_ARGS * 4];

struct want {
    uint64_t len[MODEL_MAX_ARGS]; /* by argument; 0: not written */
    bool in[MODEL_MAX_ARGS];      /* read too, or written in part */
    bool never;                   /* cannot be redirected */
};

static void want(struct want *w, const struct model_call *c, unsigned arg, uint64_t len, bool in)
{
    if (!c->args[arg])
        return;
    if (len > w->len[arg])
        w->len[arg] = len;
    w->in[arg] |= in;
}

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t p;
    return __builtin_mul_overflow(a, b, &p) ? UINT64_MAX : p;
}

/* Arguments of type int are cut to 32 bits by the kernel; negative ones are errors before anything is written. */
static uint64_t count(const struct model_syscall *m, const struct model_call *c, unsigned arg)
{
    uint8_t type = m->args[arg].type;
    if (type == MT_INT)
        return (int32_t)c->args[arg] > 0 ? (uint32_t)c->args[arg] : 0;
    return type == MT_UINT ? (uint32_t)c->args[arg] : c->args[arg];
}

static void want_select(struct want *w, const struct model_call *c)
{
    uint32_t nfds = (uint32_t)c->args[0];
    uint64_t n = nfds <= INT32_MAX ? (nfds + 63ULL) / 64 * 8 : 0;
    for (unsigned i = 1; i <= 3; i++)
        want(w, c, i, n, true);
    want(w, c, 4, 16, true);
}

static void want_custom(struct want *w, const struct model_call *c)
{
    switch (c->nr) {
    case __NR_ppoll: want(w, c, 2, 16, true); // fall through
    case __NR_poll: want(w, c, 0, 8 * (uint64_t)(uint32_t)c->args[1], true); break;
    case __NR_select:
    case __NR_pselect6: want_select(w, c); break;
    case __NR_nanosleep: want(w, c, 1, 16, true); break;
    case __NR_clock_nanosleep: want(w, c, 3, 16, true); break;
    case __NR_waitid:
        want(w, c, 2, 128, true);
        want(w, c, 4, 144, true);
        break;
    case __NR_recvfrom: want(w, c, 1, c->args[2], false); break;
    case __NR_msgrcv: want(w, c, 1, 8 + c->args[2], true); break;
    case __NR_fcntl: break; /* F_SETLKW and kin write nothing */
    case __NR_futex: break; /* the word is the thing itself: see model_custom.c */
    default: w->never = true;
    }
}

static void want_out(struct want *w, const struct model_syscall *m, const struct model_call *c,
                     const struct model_out *out)
{
    switch (out->rule) {
    case MO_FIXED:
    case MO_FIXED_POS: want(w, c, out->arg, out->n, true); break;
    case MO_RET:
    case MO_RET_ELEMS:
    case MO_STRING_RET: want(w, c, out->arg, product(count(m, c, out->len_arg), out->n), false); break;
    case MO_ARG: want(w, c, out->arg, product(count(m, c, out->len_arg), out->n), true); break;
    case MO_SOCKLEN:
        want(w, c, out->arg, c->before[0] /* model_before: *args[len_arg] */, true);
        want(w, c, out->len_arg, 4, true);
        break;
    case MO_CUSTOM: want_custom(w, c); break;
    case MO_NONE: break;
    default: w->never = true;
    }
}

static bool writable(gaddr addr, uint64_t len)
{
    if (addr + len < addr || engine_owns(addr, len))
        return false;
    for (gaddr at = addr; at < addr + len;) {
        const struct engine_map *m = maps_find(at);
        if (!m || (m->prot & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE))
            return false;
        at = m->end;
    }
    return true;
}

enum scratch_how scratch_redirect(const struct model_syscall *m, const struct model_call *c,
                                  struct model_call *real, struct scratch *s, uint8_t *buf, uint64_t n_bytes)
{
    struct want w = {.never = false};
    uint64_t used = 0;
    *real = *c;
    s->n = 0;
    s->how = SCRATCH_NONE;
    for (unsigned i = 0; i < m->n_outs; i++)
        want_out(&w, m, c, &m->outs[i]);
    bool any = w.never;
    for (unsigned i = 0; i < m->n_args; i++) {
        any |= w.len[i] != 0;
        if (w.len[i] > n_bytes || (w.len[i] && !writable(c->args[i], w.len[i])))
            w.never = true;
    }
    if (!any)
        return s->how;
    s->how = SCRATCH_DIRECT;
    for (unsigned i = 0; i < m->n_args && !w.never; i++) {
        if (!w.len[i])
            continue;
        gaddr at = (gaddr)buf + used;
        used += ROUND_UP(w.len[i] + GAP_BYTES);
        if (used > n_bytes || (w.in[i] && !engine_peek(c->args[i], (void *)at, w.len[i])))
            w.never = true;
        s->parts[s->n].program = c->args[i];
        s->parts[s->n].scratch = real->args[i] = at;
        s->parts[s->n++].len_bytes = w.len[i];
    }
    if (w.never)
        *real = *c;
    else
        s->how = SCRATCH_REDIRECTED;
    return s->how;
}

static bool put_back(gaddr to, gaddr from, uint64_t n)
{
    if (engine_poke(to, (const void *)from, n))
        return true;
    return core_unprotect_all() && engine_poke(to, (const void *)from, n); /* a guarded code page */
}

int64_t scratch_copy_out(const struct model_syscall *m, const struct model_call *real,
                         const struct scratch *s)
{
    if (s->how != SCRATCH_REDIRECTED)
        return real->result;
    int n = model_outputs(m, real, ranges, sizeof(ranges) / sizeof(*ranges));
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < s->n; j++) {
            gaddr start = s->parts[j].scratch, end = start + s->parts[j].len_bytes;
            gaddr from = ranges[i].addr, to = from + ranges[i].len_bytes;
            if (from < start || from >= end)
                continue;
            if (!put_back(s->parts[j].program + (from - start), from, (to < end ? to : end) - from))
                return -E_FAULT;
        }
    }
    return real->result;
}
