/* See sys_scratch.h.
 *
 * Idea: before the call, the largest length that each output argument can have is known for most calls: a count, a
 * length argument, a fixed structure. Each gets a place in the scratch buffer, with a gap behind it so that ranges of two
 * arguments never join; the bytes that are there now are copied in, because a structure may come back half written.
 * After the call the model says which bytes of the scratch buffer were written; those go to the program. The buffers of
 * readv and recvmsg become one piece, with an array of the same lengths over it.
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

#define MAX_IOV 1024 /* UIO_MAXIOV */

struct iov_entry {
    gaddr base;
    uint64_t len;
};

struct want {
    uint64_t len[MODEL_MAX_ARGS]; /* by argument; 0: not written */
    bool in[MODEL_MAX_ARGS];      /* read too, or written in part */
    bool never;                   /* cannot be redirected */
    bool arrays;                  /* there is an iovec or a msghdr, too */
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
    case MO_IOVEC:
    case MO_MSGHDR:
        w->arrays = true;
        w->never |= c->nr == __NR_vmsplice; /* most often it reads them, and keeps them */
        break;
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

/* The buffer while it is filled. */
struct room {
    gaddr at, end;
};

/* n bytes of it, with a gap behind; 0: full. */
static gaddr take(struct room *r, uint64_t n)
{
    gaddr at = r->at;
    if (n > r->end - at || ROUND_UP(n + GAP_BYTES) > r->end - at)
        return 0;
    r->at += ROUND_UP(n + GAP_BYTES);
    return at;
}

/* A place for [program, program + len). 0: there is none, or the memory is not good. */
static gaddr add_part(struct scratch *s, struct room *r, gaddr program, uint64_t len, bool in)
{
    gaddr at = writable(program, len) ? take(r, len) : 0;
    if (!at || (in && !engine_peek(program, (void *)at, len)))
        return 0;
    s->parts[s->n++] = (struct scratch_part){program, at, len};
    return at;
}

/* An array of buffers: the same lengths, one behind the other in scratch. *ret: the new array. */
static bool redirect_iov(struct scratch *s, struct room *r, gaddr iov, uint64_t n, gaddr *ret)
{
    *ret = iov;
    if (!n)
        return true;
    uint64_t n_bytes = n * sizeof(struct iov_entry);
    if (n > MAX_IOV || !(s->iov = take(r, n_bytes)) || !(*ret = take(r, n_bytes)) ||
        !engine_peek(iov, (void *)s->iov, n_bytes))
        return false;
    const struct iov_entry *from = (const struct iov_entry *)s->iov;
    struct iov_entry *to = (struct iov_entry *)*ret;
    s->n_iov = n;
    s->iov_data = r->at;
    for (uint64_t i = 0; i < n; i++) {
        to[i] = (struct iov_entry){s->iov_data + s->iov_bytes, from[i].len};
        if (from[i].len > r->end - s->iov_data || s->iov_bytes + from[i].len > r->end - s->iov_data ||
            (from[i].len && !writable(from[i].base, from[i].len)))
            return false;
        s->iov_bytes += from[i].len;
    }
    return !s->iov_bytes || take(r, s->iov_bytes);
}

/* struct user_msghdr */
struct msg_header {
    gaddr name;
    uint32_t name_bytes, pad;
    gaddr iov;
    uint64_t n_iov;
    gaddr control;
    uint64_t control_bytes;
    uint32_t flags, pad2;
};

static bool redirect_msghdr(struct scratch *s, struct room *r, gaddr msg, gaddr *ret)
{
    gaddr at = add_part(s, r, msg, sizeof(struct msg_header), true);
    struct msg_header *h = (struct msg_header *)at;
    *ret = at;
    if (!at)
        return false;
    if (h->name && h->name_bytes && !(h->name = add_part(s, r, h->name, h->name_bytes, true)))
        return false;
    if (h->control && h->control_bytes && !(h->control = add_part(s, r, h->control, h->control_bytes, true)))
        return false;
    return redirect_iov(s, r, h->iov, h->n_iov, &h->iov);
}

/* All that is wanted, at its places. False: no room, or bad memory. */
static bool redirect(const struct model_syscall *m, const struct want *w, struct model_call *real,
                     struct scratch *s, struct room *r)
{
    if (w->never)
        return false;
    for (unsigned i = 0; i < m->n_args; i++)
        if (w->len[i] && !(real->args[i] = add_part(s, r, real->args[i], w->len[i], w->in[i])))
            return false;
    for (unsigned i = 0; i < m->n_outs; i++) {
        const struct model_out *out = &m->outs[i];
        gaddr *arg = &real->args[out->arg];
        if (out->rule == MO_IOVEC && !redirect_iov(s, r, *arg, (uint32_t)real->args[out->len_arg], arg))
            return false;
        if (out->rule == MO_MSGHDR && !redirect_msghdr(s, r, *arg, arg))
            return false;
    }
    return true;
}

enum scratch_how scratch_redirect(const struct model_syscall *m, const struct model_call *c,
                                  struct model_call *real, struct scratch *s, uint8_t *buf, uint64_t n_bytes)
{
    struct want w = {.never = false};
    struct room room = {(gaddr)buf, (gaddr)buf + n_bytes};
    *real = *c;
    s->n = 0;
    s->n_iov = s->iov_bytes = 0;
    s->how = SCRATCH_NONE;
    for (unsigned i = 0; i < m->n_outs; i++)
        want_out(&w, m, c, &m->outs[i]);
    bool any = w.never || w.arrays;
    for (unsigned i = 0; i < m->n_args; i++)
        any |= w.len[i] != 0;
    if (!any)
        return s->how;
    s->how = SCRATCH_REDIRECTED;
    if (!redirect(m, &w, real, s, &room)) {
        s->how = SCRATCH_DIRECT;
        *real = *c;
    } else if (w.arrays) {
        model_before(m, real); /* what it remembers of arrays is where they are */
    }
    return s->how;
}

static bool put_back(gaddr to, gaddr from, uint64_t n)
{
    if (engine_poke(to, (const void *)from, n))
        return true;
    return core_unprotect_all() && engine_poke(to, (const void *)from, n); /* a guarded code page */
}

static bool put_back_iov(const struct scratch *s, int64_t result)
{
    const struct iov_entry *to = (const struct iov_entry *)s->iov;
    uint64_t left = result < 0 ? 0 : (uint64_t)result < s->iov_bytes ? (uint64_t)result : s->iov_bytes;
    gaddr from = s->iov_data;
    for (uint64_t i = 0; i < s->n_iov && left; i++) {
        uint64_t n = to[i].len < left ? to[i].len : left;
        if (n && !put_back(to[i].base, from, n))
            return false;
        from += n;
        left -= n;
    }
    return true;
}

/* The written range [from, to) belongs to one part, or to the array. */
static bool put_back_range(const struct scratch *s, gaddr from, gaddr to)
{
    for (int j = 0; j < s->n; j++) {
        gaddr start = s->parts[j].scratch, end = start + s->parts[j].len_bytes;
        if (from >= start && from < end)
            return put_back(s->parts[j].program + (from - start), from, (to < end ? to : end) - from);
    }
    return true;
}

int64_t scratch_copy_out(const struct model_syscall *m, const struct model_call *real,
                         const struct scratch *s)
{
    if (s->how != SCRATCH_REDIRECTED)
        return real->result;
    int n = model_outputs(m, real, ranges, sizeof(ranges) / sizeof(*ranges));
    for (int i = 0; i < n; i++)
        if (!put_back_range(s, ranges[i].addr, ranges[i].addr + ranges[i].len_bytes))
            return -E_FAULT;
    if (s->n_iov && !put_back_iov(s, real->result))
        return -E_FAULT;
    return real->result;
}
