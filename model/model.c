/* What a call wrote, read and sent: the rules that many calls share.
 *
 * Idea: a row of syscalls.tbl says which argument points to memory and by which rule its length
 * follows from the other arguments and the result. This file turns rules into address ranges; what
 * depends on an option, command or request number is in model_custom.c and model_ioctl.c.
 *
 * Invariants:
 *   - A range never claims more than the kernel may have touched. Where it cannot be known whether
 *     bytes were written, they are claimed as far as they are readable (sink_add_readable): they then
 *     hold what they held before, so that recording them is harmless.
 *   - Before the call, memory is read through call->peek only. After it, only what the kernel itself
 *     has read or written is read directly.
 *   - Lengths come from the program and can be anything: results bound them, products saturate, and
 *     no loop runs longer than MODEL_MAX_IOV or the number of ranges that fit.
 *   - An iovec or msghdr that lies inside the buffers it describes is overwritten by the call. A
 *     check sum taken before notices, and the call is refused (-1) instead of believed.
 *
 * Known limit: getdents into a buffer that ends at an unmapped page returns the entries that fit, and leaves a
 * part of the next one behind them, unclaimed. */
#include "model/internal.h"

#include <asm/unistd.h>

/* Slots of model_call.before. The custom rules use 0 to 3 as they like. */
enum {
    B_SOCKLEN = 0,
    B_NAMELEN = 0,
    B_CONTROLLEN = 1,
    B_NAME = 2,
    B_CONTROL = 3,
    B_IOV = 4,
    B_IOVLEN = 5,
    B_IOV_SUM = 6
};

enum { MAX_READABLE_BYTES = 1 << 20, MAX_FAULT_BYTES = 1 << 16, PAGE_BYTES = 4096, PEEK_IOV = 16 };

void sink_add(struct sink *s, gaddr addr, uint64_t len_bytes)
{
    if (!addr || !len_bytes)
        return;
    if (s->n && s->ret[s->n - 1].addr + s->ret[s->n - 1].len_bytes == addr) {
        s->ret[s->n - 1].len_bytes += len_bytes;
        return;
    }
    if (s->n >= s->max) {
        s->overflow = true;
        return;
    }
    s->ret[s->n++] = (struct model_range){addr, len_bytes};
}

static uint64_t readable_prefix(const struct model_call *call, gaddr addr, uint64_t len_bytes)
{
    uint64_t known = 0;
    uint8_t byte;
    while (known < len_bytes && call->peek(addr + known, &byte, 1))
        known += PAGE_BYTES - ((addr + known) & (PAGE_BYTES - 1));
    return min_u64(known, len_bytes);
}

void sink_add_readable(struct sink *s, const struct model_call *call, gaddr addr, uint64_t len_bytes)
{
    if (addr)
        sink_add(s, addr, readable_prefix(call, addr, min_u64(len_bytes, MAX_READABLE_BYTES)));
}

void sink_add_iov(struct sink *s, gaddr iov, uint64_t count, uint64_t n_bytes)
{
    for (uint64_t i = 0; i < min_u64(count, MODEL_MAX_IOV) && n_bytes && !s->overflow; i++) {
        uint64_t part = min_u64(load64(iov + 16 * i + 8), n_bytes);
        sink_add(s, load64(iov + 16 * i), part);
        n_bytes -= part;
    }
}

void sink_add_iov_readable(struct sink *s, const struct model_call *call, gaddr iov, uint64_t count,
                           uint64_t n_bytes)
{
    for (uint64_t i = 0; i < min_u64(count, MODEL_MAX_IOV) && n_bytes && !s->overflow; i++) {
        uint64_t entry[2];
        if (!call->peek(iov + 16 * i, entry, sizeof(entry)))
            return;
        uint64_t part = min_u64(entry[1], n_bytes);
        sink_add_readable(s, call, entry[0], part);
        n_bytes -= part;
    }
}

uint64_t model_arg_value(const struct model_syscall *m, const struct model_call *call, unsigned arg)
{
    uint8_t type = m->args[arg].type;
    return type == MT_INT || type == MT_UINT ? (uint32_t)call->args[arg] : call->args[arg];
}

/* ---- before the call ---- */

static uint64_t sum_step(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x9e3779b97f4a7c15 + (sum >> 29);
}

static uint64_t iov_sum_peek(const struct model_call *call, gaddr iov, uint64_t count)
{
    uint64_t sum = 0, chunk[2 * PEEK_IOV];
    count = min_u64(count, MODEL_MAX_IOV);
    for (uint64_t i = 0; i < count; i += PEEK_IOV) {
        uint64_t n = min_u64(PEEK_IOV, count - i);
        if (!call->peek(iov + 16 * i, chunk, 16 * n))
            return 0;
        for (uint64_t j = 0; j < 2 * n; j++)
            sum = sum_step(sum, chunk[j]);
    }
    return sum;
}

/* Is the iovec array still what it was before the call? */
static bool iov_unchanged(const struct model_call *call)
{
    uint64_t sum = 0, count = min_u64(call->before[B_IOVLEN], MODEL_MAX_IOV);
    for (uint64_t i = 0; i < 2 * count; i++)
        sum = sum_step(sum, load64(call->before[B_IOV] + 8 * i));
    return sum == call->before[B_IOV_SUM];
}

static void before_iov(struct model_call *call, gaddr iov, uint64_t count)
{
    call->before[B_IOV] = iov;
    call->before[B_IOVLEN] = count;
    call->before[B_IOV_SUM] = iov_sum_peek(call, iov, count);
}

static void before_msghdr(struct model_call *call, gaddr msg)
{
    uint64_t hdr[MSGHDR_BYTES / 8];
    for (unsigned i = 0; i < 8; i++)
        call->before[i] = 0;
    if (!call->peek(msg, hdr, sizeof(hdr)))
        return;
    call->before[B_NAME] = hdr[MSGHDR_NAME / 8];
    call->before[B_NAMELEN] = (uint32_t)hdr[MSGHDR_NAMELEN / 8];
    call->before[B_CONTROL] = hdr[MSGHDR_CONTROL / 8];
    call->before[B_CONTROLLEN] = hdr[MSGHDR_CONTROLLEN / 8];
    before_iov(call, hdr[MSGHDR_IOV / 8], hdr[MSGHDR_IOVLEN / 8]);
}

/* Only the first messages' name lengths fit: later names are claimed by the length that came back. */
static void before_mmsghdr(struct model_call *call, gaddr vec, uint64_t n_msgs)
{
    for (unsigned i = 0; i < 8; i++) {
        uint32_t namelen = 0;
        call->before[i] =
            i < n_msgs && call->peek(vec + (uint64_t)MMSGHDR_BYTES * i + MSGHDR_NAMELEN, &namelen, 4)
                ? namelen
                : 0;
    }
}

void model_before(const struct model_syscall *m, struct model_call *call)
{
    for (unsigned i = 0; i < m->n_outs; i++) {
        const struct model_out *out = &m->outs[i];
        uint32_t len = 0;
        switch (out->rule) {
        case MO_SOCKLEN:
            call->before[B_SOCKLEN] = call->peek(call->args[out->len_arg], &len, 4) ? len : 0;
            break;
        case MO_IOVEC: before_iov(call, call->args[out->arg], (uint32_t)call->args[out->len_arg]); break;
        case MO_MSGHDR: before_msghdr(call, call->args[out->arg]); break;
        case MO_MMSGHDR: before_mmsghdr(call, call->args[out->arg], (uint32_t)call->args[2]); break;
        case MO_CUSTOM: model_custom_before(call); break;
        default: break;
        }
    }
}

/* ---- outputs ---- */

/* The kernel writes the true length back, and the address as far as there is room
 * (net/socket.c move_addr_to_user). Without an address only getsockname's family touches the length. */
static void socklen_outputs(struct sink *s, const struct model_syscall *m, const struct model_call *call,
                            const struct model_out *out)
{
    gaddr addr = call->args[out->arg], len_addr = call->args[out->len_arg];
    if (!len_addr || (!addr && (m->flags & MODEL_MAY_BLOCK)))
        return;
    sink_add(s, addr, min_u64(call->before[B_SOCKLEN], load32(len_addr)));
    sink_add(s, len_addr, 4);
}

/* net/socket.c ____sys_recvmsg: name, control data, and the three fields of the header. */
static void msghdr_fields(struct sink *s, gaddr msg, uint64_t namelen_before)
{
    gaddr name = load64(msg + MSGHDR_NAME);
    if (name) {
        sink_add(s, name, min_u64(namelen_before, load32(msg + MSGHDR_NAMELEN)));
        sink_add(s, msg + MSGHDR_NAMELEN, 4);
    }
    sink_add(s, msg + MSGHDR_CONTROLLEN, 12); /* and msg_flags behind it */
}

enum { MSG_TRUNC_FLAG = 0x20 };

static bool msghdr_outputs(struct sink *s, const struct model_call *call, const struct model_out *out)
{
    gaddr msg = call->args[out->arg];
    if (!iov_unchanged(call) || load64(msg + MSGHDR_NAME) != call->before[B_NAME] ||
        load64(msg + MSGHDR_IOV) != call->before[B_IOV])
        return false;
    msghdr_fields(s, msg, call->before[B_NAMELEN]);
    sink_add(s, call->before[B_CONTROL],
             min_u64(call->before[B_CONTROLLEN], load64(msg + MSGHDR_CONTROLLEN)));
    /* MSG_TRUNC may drop data (TCP) and may return more than there was room for (datagrams). */
    if (call->args[2] & MSG_TRUNC_FLAG)
        sink_add_iov_readable(s, call, call->before[B_IOV], call->before[B_IOVLEN], (uint64_t)call->result);
    else
        sink_add_iov(s, call->before[B_IOV], call->before[B_IOVLEN], (uint64_t)call->result);
    return true;
}

static void mmsghdr_outputs(struct sink *s, const struct model_call *call, const struct model_out *out)
{
    gaddr vec = call->args[out->arg];
    bool trunc = call->args[3] & MSG_TRUNC_FLAG;
    for (uint64_t i = 0; i < (uint64_t)call->result && !s->overflow; i++) {
        gaddr msg = vec + MMSGHDR_BYTES * i;
        msghdr_fields(s, msg, i < 8 ? call->before[i] : 128 /* sockaddr_storage */);
        sink_add(s, msg + MMSGHDR_LEN, 4);
        sink_add(s, load64(msg + MSGHDR_CONTROL), load64(msg + MSGHDR_CONTROLLEN));
        gaddr iov = load64(msg + MSGHDR_IOV);
        uint64_t n_iov = load64(msg + MSGHDR_IOVLEN), n_bytes = load32(msg + MMSGHDR_LEN);
        if (trunc)
            sink_add_iov_readable(s, call, iov, n_iov, n_bytes);
        else
            sink_add_iov(s, iov, n_iov, n_bytes);
    }
}

static bool rule_outputs(struct sink *s, const struct model_syscall *m, const struct model_call *call,
                         const struct model_out *out)
{
    gaddr addr = call->args[out->arg];
    uint64_t result = (uint64_t)call->result;
    switch (out->rule) {
    case MO_FIXED: sink_add(s, addr, out->n); return true;
    case MO_FIXED_POS: sink_add(s, addr, call->result > 0 ? out->n : 0); return true;
    case MO_RET:
    case MO_RET_ELEMS:
    case MO_STRING_RET:
        sink_add(s, addr, mul_sat(min_u64(result, model_arg_value(m, call, out->len_arg)), out->n));
        return true;
    case MO_ARG: sink_add(s, addr, mul_sat(model_arg_value(m, call, out->len_arg), out->n)); return true;
    case MO_SOCKLEN: socklen_outputs(s, m, call, out); return true;
    case MO_IOVEC:
        if (result && !iov_unchanged(call))
            return false;
        sink_add_iov(s, call->before[B_IOV], call->before[B_IOVLEN], result);
        return true;
    case MO_MSGHDR: return msghdr_outputs(s, call, out);
    case MO_MMSGHDR: mmsghdr_outputs(s, call, out); return true;
    default: return true;
    }
}

static void msghdr_fault(struct sink *s, const struct model_call *call, gaddr msg)
{
    uint64_t hdr[MSGHDR_BYTES / 8];
    if (!call->peek(msg, hdr, sizeof(hdr)))
        return;
    sink_add_readable(s, call, msg, call->nr == __NR_recvmsg ? MSGHDR_BYTES : MMSGHDR_BYTES);
    sink_add_readable(s, call, hdr[MSGHDR_NAME / 8], 128);
    sink_add_readable(s, call, hdr[MSGHDR_CONTROL / 8], MAX_FAULT_BYTES);
    sink_add_iov_readable(s, call, hdr[MSGHDR_IOV / 8], hdr[MSGHDR_IOVLEN / 8], MAX_FAULT_BYTES);
}

/* EFAULT: the kernel may have written a part before it came to the bad page (a pipe's page, a datagram,
 * the first of several structures). How much is unknown, so all that is readable is claimed, within
 * bounds: longer transfers would have returned a count. */
static void fault_outputs(struct sink *s, const struct model_syscall *m, const struct model_call *call)
{
    for (unsigned i = 0; i < m->n_outs; i++) {
        const struct model_out *out = &m->outs[i];
        gaddr addr = call->args[out->arg];
        uint64_t n = model_arg_value(m, call, out->len_arg);
        switch (out->rule) {
        case MO_FIXED:
        case MO_FIXED_POS: sink_add_readable(s, call, addr, out->n); break;
        case MO_RET:
        case MO_RET_ELEMS:
        case MO_STRING_RET:
        case MO_ARG: sink_add_readable(s, call, addr, min_u64(mul_sat(n, out->n), MAX_FAULT_BYTES)); break;
        case MO_SOCKLEN:
            sink_add_readable(s, call, addr, min_u64(call->before[B_SOCKLEN], 128));
            sink_add_readable(s, call, call->args[out->len_arg], 4);
            break;
        case MO_IOVEC: sink_add_iov_readable(s, call, addr, (uint32_t)n, MAX_FAULT_BYTES); break;
        case MO_MSGHDR:
        case MO_MMSGHDR: msghdr_fault(s, call, addr); break;
        default: model_custom_fault(s, call, out->arg); break;
        }
    }
}

int model_outputs(const struct model_syscall *m, const struct model_call *call, struct model_range *ret,
                  int max_ranges)
{
    struct sink s = {.ret = ret, .max = max_ranges};
    bool failed = model_failed(call), custom_done = false;
    if (m->cls == MODEL_ENOSYS || m->cls == MODEL_REFUSE)
        return 0;
    if (call->result == -ME_FAULT) {
        fault_outputs(&s, m, call);
        return s.overflow ? -1 : s.n;
    }
    if (failed && !(m->flags & MODEL_WRITES_ON_ERROR))
        return 0;
    for (unsigned i = 0; i < m->n_outs; i++) {
        if (m->outs[i].rule != MO_CUSTOM) {
            if (!failed && !rule_outputs(&s, m, call, &m->outs[i]))
                return -1;
        } else if (!custom_done) {
            if (!model_custom_outputs(&s, call))
                return -1;
            custom_done = true;
        }
    }
    return s.overflow ? -1 : s.n;
}
