/* Repeats on replay what the program wrote to its stdout and stderr.
 *
 * Descriptors are followed by recorded results: origin[fd] is 1 or 2 when fd descends from the program's
 * first stdout or stderr by dup and the like. A new descriptor of any other call is something else. */
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <stddef.h>

#include "preload/raw.h"
#include "preload/replay.h"

#define MAX_FD 4096

static uint8_t origin[MAX_FD];
static struct model_range sent[MODEL_MAX_RANGES];

void output_init(void)
{
    memset(origin, 0, sizeof(origin));
    origin[1] = 1;
    origin[2] = 2;
}

int output_origin(uint64_t fd) { return (uint32_t)fd < MAX_FD ? origin[(uint32_t)fd] : 0; }

static void set_origin(int64_t fd, int o)
{
    if (fd >= 0 && fd < MAX_FD)
        origin[fd] = (uint8_t)o;
}

/* /dev/stdout and its kin open the descriptor's file anew; the data goes to the same place. */
static int path_origin(gaddr path)
{
    static const char *const dirs[] = {"/dev/fd/", "/proc/self/fd/"};
    char text[24] = "";
    engine_peek_some(path, text, sizeof(text) - 1);
    if (strcmp(text, "/dev/stdout") == 0)
        return origin[1];
    if (strcmp(text, "/dev/stderr") == 0)
        return origin[2];
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(dirs[i]);
        if (memcmp(text, dirs[i], n) == 0 && text[n] >= '0' && text[n] <= '9' && !text[n + 1])
            return output_origin((uint64_t)(text[n] - '0'));
    }
    return 0;
}

static void follow(const struct model_syscall *m, const struct model_call *c)
{
    switch (c->nr) {
    case __NR_close:
        if (c->result == 0)
            set_origin((int64_t)(uint32_t)c->args[0], 0);
        return;
    case __NR_close_range:
        if (c->result == 0 && !(c->args[2] & 4 /* CLOSE_RANGE_CLOEXEC */))
            for (uint64_t fd = (uint32_t)c->args[0]; fd < MAX_FD && fd <= (uint32_t)c->args[1]; fd++)
                origin[fd] = 0;
        return;
    case __NR_fcntl:
        if ((uint32_t)c->args[1] != F_DUPFD && (uint32_t)c->args[1] != F_DUPFD_CLOEXEC)
            return;
        /* fall through */
    case __NR_dup:
    case __NR_dup2:
    case __NR_dup3:
        if (c->result >= 0)
            set_origin(c->result, output_origin(c->args[0]));
        return;
    case __NR_open:
    case __NR_openat:
        if (c->result >= 0)
            set_origin(c->result, path_origin(c->args[c->nr == __NR_openat]));
        return;
    default:
        if ((m->flags & MODEL_MAKES_FD) && c->result >= 0)
            set_origin(c->result, 0);
    }
}

/* All of it, or as much as the host's descriptor takes: a closed pipe ends the repeating, not the replay. */
static void write_all(int o, gaddr addr, uint64_t len_bytes)
{
    int fd = CONTROL->out_fd[o];
    while (len_bytes && fd >= 0) {
        long n = raw3(__NR_write, fd, addr, len_bytes);
        if (n == -4 /* EINTR */)
            continue;
        if (n == -11 /* EAGAIN */) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            raw3(__NR_poll, &p, 1, -1);
            continue;
        }
        if (n <= 0) {
            CONTROL->out_fd[o] = -1;
            return;
        }
        addr += (uint64_t)n;
        len_bytes -= (uint64_t)n;
    }
}

static void log_output(const struct model_range *r, uint64_t fd, int o)
{
    static uint8_t data[ODB_MEM_MAX_BYTES]; /* a recording may name memory that is not there */
    for (uint64_t at = 0; at < r->len_bytes;) {
        uint64_t n = r->len_bytes - at < ODB_MEM_MAX_BYTES ? r->len_bytes - at : ODB_MEM_MAX_BYTES;
        struct odb_log head = {
            .kind = ODB_LOG_OUTPUT, .reg = (uint16_t)o, .n = (uint32_t)n, .arg = (uint32_t)fd};
        if (!engine_peek(r->addr + at, data, n))
            return;
        log_record(&head, data, n);
        at += n;
    }
}

/* What a call sends must be the program's memory, or the vDSO, which the program sees too. */
static bool may_send(const struct model_range *r)
{
    bool in_vdso = r->addr >= ODB_VDSO_ADDR && r->len_bytes <= ODB_VDSO_BYTES &&
                   r->addr + r->len_bytes <= ODB_VDSO_ADDR + ODB_VDSO_BYTES;
    return in_vdso || replay_range_ok(r->addr, r->len_bytes, false);
}

void output_after_call(const struct model_syscall *m, const struct model_call *c)
{
    if (m->flags & MODEL_OUTPUT_DATA) {
        int o = output_origin(c->args[0]);
        bool repeat = o && CONTROL->out_fd[o] >= 0 && !(CONTROL->options & ODB_OPT_NO_OUTPUT);
        if (!repeat && !log_active())
            return;
        int n = model_sent(m, c, sent, MODEL_MAX_RANGES);
        for (int i = 0; i < n; i++) {
            if (!may_send(&sent[i]))
                continue;
            if (repeat)
                write_all(o, sent[i].addr, sent[i].len_bytes);
            if (log_active())
                log_output(&sent[i], c->args[0], o);
        }
        return;
    }
    follow(m, c);
}
