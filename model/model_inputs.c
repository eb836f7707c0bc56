/* What a call reads, what it sends, and whether it is supported at all.
 *
 * Inputs are asked for before the call, so the memory may be anything: every range is cut to what
 * peek can read. Strings come from the argument types, structures from the `ins` of the row. */
#include "model/internal.h"

#include <asm/unistd.h>

enum { PEEK_STRING_BYTES = 64, MAX_STRINGS = 64 };

/* ---- inputs ---- */

static void add_input(struct sink *s, const struct model_call *call, gaddr addr, uint64_t len_bytes)
{
    sink_add_readable(s, call, addr, min_u64(len_bytes, MODEL_MAX_INPUT_BYTES));
}

/* The string with its NUL; an unreadable or endless one as far as it goes. Reads aligned pieces, which
 * never cross a page. */
static void add_string(struct sink *s, const struct model_call *call, gaddr addr)
{
    char piece[PEEK_STRING_BYTES];
    uint64_t len = 0;
    if (!addr)
        return;
    while (len < MODEL_MAX_INPUT_BYTES) {
        uint64_t n = PEEK_STRING_BYTES - ((addr + len) & (PEEK_STRING_BYTES - 1));
        if (!call->peek(addr + len, piece, n))
            break;
        for (uint64_t i = 0; i < n; i++) {
            if (!piece[i]) {
                sink_add(s, addr, len + i + 1);
                return;
            }
        }
        len += n;
    }
    sink_add(s, addr, min_u64(len, MODEL_MAX_INPUT_BYTES));
}

/* argv: the pointers, then the strings. */
static void add_string_vector(struct sink *s, const struct model_call *call, gaddr addr)
{
    uint64_t pointer, n = 0;
    while (n < MAX_STRINGS && call->peek(addr + 8 * n, &pointer, 8)) {
        n++;
        if (!pointer)
            break;
    }
    sink_add(s, addr, 8 * n);
    for (uint64_t i = 0; i < n && call->peek(addr + 8 * i, &pointer, 8); i++)
        add_string(s, call, pointer);
}

static void add_iov(struct sink *s, const struct model_call *call, gaddr iov, uint64_t count)
{
    add_input(s, call, iov, 16 * min_u64(count, MODEL_MAX_IOV));
}

static void add_msghdr(struct sink *s, const struct model_call *call, gaddr msg)
{
    uint64_t hdr[MSGHDR_BYTES / 8];
    if (!call->peek(msg, hdr, sizeof(hdr)))
        return;
    sink_add(s, msg, MSGHDR_BYTES);
    add_iov(s, call, hdr[MSGHDR_IOV / 8], hdr[MSGHDR_IOVLEN / 8]);
    if (call->nr != __NR_sendmsg)
        return;
    add_input(s, call, hdr[MSGHDR_NAME / 8], min_u64((uint32_t)hdr[MSGHDR_NAMELEN / 8], 128));
    add_input(s, call, hdr[MSGHDR_CONTROL / 8], hdr[MSGHDR_CONTROLLEN / 8]);
}

static bool futex_has_timeout(uint32_t op)
{
    op &= 127;
    return op == 0 || op == 6 || op == 9 || op == 11 ||
           op == 13; /* WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2 */
}

static void add_custom(struct sink *s, const struct model_call *call)
{
    uint32_t a0 = (uint32_t)call->args[0], a1 = (uint32_t)call->args[1];
    switch (call->nr) {
    case __NR_select:
    case __NR_pselect6:
        for (unsigned i = 1; i <= 3; i++)
            add_input(s, call, call->args[i], a0 <= INT32_MAX ? (a0 + 63) / 64 * 8 : 0);
        break;
    case __NR_ioctl: model_ioctl_inputs(s, call); break;
    case __NR_fcntl:
        if ((a1 >= 5 && a1 <= 7) || (a1 >= 36 && a1 <= 38)) /* F_GETLK .. F_SETLKW, F_OFD_* */
            add_input(s, call, call->args[2], 32);
        else if (a1 == 15 || a1 == 1036 || a1 == 1038) /* F_SETOWN_EX, F_SET_RW_HINT, F_SET_FILE_RW_HINT */
            add_input(s, call, call->args[2], 8);
        break;
    case __NR_prctl:
        if (a0 == 15) /* PR_SET_NAME */
            add_string(s, call, call->args[1]);
        else if (a0 == 0x53564d41) /* PR_SET_VMA: the name is last */
            add_string(s, call, call->args[4]);
        break;
    case __NR_capset: add_input(s, call, call->args[1], 24); break;
    case __NR_futex:
        if (futex_has_timeout(a1))
            add_input(s, call, call->args[3], 16);
        break;
    default: break;
    }
}

static void add_struct(struct sink *s, const struct model_syscall *m, const struct model_call *call,
                       const struct model_out *in)
{
    switch (in->rule) {
    case MO_FIXED: add_input(s, call, call->args[in->arg], in->n); break;
    case MO_ARG:
        add_input(s, call, call->args[in->arg], mul_sat(model_arg_value(m, call, in->len_arg), in->n));
        break;
    case MO_IOVEC: add_iov(s, call, call->args[in->arg], (uint32_t)call->args[in->len_arg]); break;
    case MO_MSGHDR: add_msghdr(s, call, call->args[in->arg]); break;
    case MO_CUSTOM: add_custom(s, call); break;
    default: break;
    }
}

int model_inputs(const struct model_syscall *m, const struct model_call *call, struct model_range *ret,
                 int max_ranges)
{
    struct sink s = {.ret = ret, .max = max_ranges};
    for (unsigned i = 0; i < m->n_args; i++) {
        if (m->args[i].type == MT_PATH)
            add_string(&s, call, call->args[i]);
        else if (m->args[i].type == MT_STRV)
            add_string_vector(&s, call, call->args[i]);
    }
    for (unsigned i = 0; i < m->n_ins; i++)
        add_struct(&s, m, call, &m->ins[i]);
    return s.n; /* what did not fit is left out */
}

/* ---- sent data ---- */

static void sent_mmsghdr(struct sink *s, const struct model_call *call)
{
    for (uint64_t i = 0; i < (uint64_t)call->result && !s->overflow; i++) {
        gaddr msg = call->args[1] + MMSGHDR_BYTES * i;
        sink_add_iov(s, load64(msg + MSGHDR_IOV), load64(msg + MSGHDR_IOVLEN), load32(msg + MMSGHDR_LEN));
    }
}

int model_sent(const struct model_syscall *m, const struct model_call *call, struct model_range *ret,
               int max_ranges)
{
    struct sink s = {.ret = ret, .max = max_ranges};
    if (!(m->flags & MODEL_OUTPUT_DATA) || model_failed(call))
        return 0;
    uint64_t n_bytes = (uint64_t)call->result;
    switch (call->nr) {
    case __NR_writev:
    case __NR_pwritev:
    case __NR_pwritev2:
    case __NR_vmsplice: sink_add_iov(&s, call->args[1], (uint32_t)call->args[2], n_bytes); break;
    case __NR_sendmsg:
        sink_add_iov(&s, load64(call->args[1] + MSGHDR_IOV), load64(call->args[1] + MSGHDR_IOVLEN), n_bytes);
        break;
    case __NR_sendmmsg: sent_mmsghdr(&s, call); break;
    case __NR_mq_timedsend: /* the result is 0 */ sink_add(&s, call->args[1], call->args[2]); break;
    default: /* write, pwrite64, sendto */
        sink_add(&s, call->args[1], min_u64(n_bytes, call->args[2]));
        break;
    }
    return s.n;
}

/* ---- refusals ---- */

/* Text into a buffer of n bytes; what does not fit is cut. */
struct text {
    char *buf;
    size_t n, used;
};

static void text_add(struct text *t, const char *string)
{
    for (; *string && t->used + 1 < t->n; string++)
        t->buf[t->used++] = *string;
    if (t->n)
        t->buf[t->used] = 0;
}

static void text_add_number(struct text *t, uint64_t value, unsigned base)
{
    char digits[24];
    unsigned i = sizeof(digits);
    digits[--i] = 0;
    do
        digits[--i] = "0123456789abcdef"[value % base];
    while ((value /= base));
    if (base == 16)
        text_add(t, "0x");
    text_add(t, digits + i);
}

const char *model_request_text(const struct model_syscall *m, const struct model_call *call, char *buf,
                               size_t n_bytes)
{
    static const struct {
        uint16_t nr;
        uint8_t arg, base;
        const char *what;
    } options[] = {
        {__NR_ioctl, 1, 16, " "},
        {__NR_prctl, 0, 10, " option "},
        {__NR_fcntl, 1, 10, " command "},
        {__NR_arch_prctl, 0, 16, " code "},
        {__NR_semctl, 2, 10, " command "},
        {__NR_shmctl, 1, 10, " command "},
        {__NR_msgctl, 1, 10, " command "},
        {__NR_keyctl, 0, 10, " operation "},
        {__NR_quotactl, 0, 16, " command "},
        {__NR_quotactl_fd, 1, 16, " command "},
        {__NR_seccomp, 0, 10, " operation "},
        {__NR_modify_ldt, 0, 10, " function "},
        {__NR_process_madvise, 3, 10, " advice "},
        {__NR_setsockopt, 2, 10, " option "},
        {__NR_getsockopt, 2, 10, " option "},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
        if (options[i].nr == m->nr) {
            struct text t = {buf, n_bytes, 0};
            text_add(&t, m->name);
            text_add(&t, options[i].what);
            text_add_number(&t, (uint32_t)call->args[options[i].arg], options[i].base);
            return buf;
        }
    }
    return m->name;
}

static const char *sockopt_refused(const struct model_call *call)
{
    uint32_t level = (uint32_t)call->args[1], option = (uint32_t)call->args[2];
    if (call->nr == __NR_setsockopt && level == 263 /* SOL_PACKET */ && (option == 5 || option == 13))
        return "PACKET_RX_RING or PACKET_TX_RING";
    if (level == 283 && (call->nr == __NR_setsockopt))
        return "SOL_XDP";
    if (call->nr == __NR_getsockopt && level == 6 /* TCP */ && option == 35)
        return "TCP_ZEROCOPY_RECEIVE";
    return NULL;
}

static bool madvice_keeps_contents(uint32_t advice)
{
    return advice == 3 || advice == 20 || advice == 21 ||
           advice == 25; /* WILLNEED, COLD, PAGEOUT, COLLAPSE */
}

static const char *why_refused(const struct model_syscall *m, const struct model_call *call)
{
    switch (call->nr) {
    case __NR_ioctl: return model_ioctl_refused_family((uint32_t)call->args[1]);
    case __NR_prctl: return model_prctl_refused(call);
    case __NR_setsockopt:
    case __NR_getsockopt: return sockopt_refused(call);
    case __NR_modify_ldt:
        return (uint32_t)call->args[0] == 1 || (uint32_t)call->args[0] == 0x11 ? m->note : NULL;
    case __NR_process_madvise: return madvice_keeps_contents((uint32_t)call->args[3]) ? NULL : m->note;
    case __NR_personality: /* 0xffffffff asks */
        return call->args[0] != 0xffffffff && call->args[0] & 0x0400000 ? "READ_IMPLIES_EXEC" : NULL;
    default: return m->cls == MODEL_REFUSE ? m->note : NULL;
    }
}

const char *model_refusal(const struct model_syscall *m, const struct model_call *call, char *buf,
                          size_t n_bytes)
{
    const char *why = why_refused(m, call);
    if (!why)
        return NULL;
    const char *what = model_request_text(m, call, buf, n_bytes);
    struct text t = {buf, n_bytes, 0};
    if (what == buf)
        while (t.used + 1 < n_bytes && buf[t.used])
            t.used++;
    else
        text_add(&t, what);
    text_add(&t, " (");
    text_add(&t, why);
    text_add(&t, ")");
    return buf;
}
