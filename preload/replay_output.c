/* Repeats on replay what the program wrote to its stdout and stderr.
 *
 * Descriptors are followed by recorded results: origin[fd] is 1 or 2 when fd descends from the program's
 * first stdout or stderr by dup and the like. A new descriptor of any other call is something else. */
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <stddef.h>

#include "preload/raw.h"
#include "preload/replay.h"

#define MAX_FD OUTPUT_MAX_FD

static struct model_range sent[MODEL_MAX_RANGES];

void output_init(struct replay_fds *fds)
{
    memset(fds->origin, 0, sizeof(fds->origin));
    memset(fds->closes, 0, sizeof(fds->closes));
    fds->origin[1] = 1;
    fds->origin[2] = 2;
}

static bool closes(const struct replay_fds *fds, uint32_t fd) { return fds->closes[fd / 8] >> fd % 8 & 1; }

void output_exec(struct replay_fds *fds)
{
    for (uint32_t fd = 0; fd < MAX_FD; fd++)
        if (fds->origin[fd] && closes(fds, fd))
            fds->origin[fd] = 0;
    memset(fds->closes, 0, sizeof(fds->closes));
}

int output_origin(uint64_t fd)
{
    return (uint32_t)fd < MAX_FD && replay_current ? replay_current->fds->origin[(uint32_t)fd] : 0;
}

static void set_origin(int64_t fd, int o)
{
    if (fd >= 0 && fd < MAX_FD)
        replay_current->fds->origin[fd] = (uint8_t)o;
}

static void set_closes(int64_t fd, bool on)
{
    if (fd < 0 || fd >= MAX_FD)
        return;
    uint8_t *byte = &replay_current->fds->closes[fd / 8], bit = (uint8_t)(1 << fd % 8);
    *byte = on ? *byte | bit : *byte & (uint8_t)~bit;
}

/* A new descriptor: does execve close it? */
static bool made_closing(const struct model_call *c)
{
    switch (c->nr) {
    case __NR_open: return c->args[1] & O_CLOEXEC;
    case __NR_openat:
    case __NR_dup3: return c->args[2] & O_CLOEXEC;
    case __NR_fcntl: return (uint32_t)c->args[1] == F_DUPFD_CLOEXEC;
    default: return false;
    }
}

/* /dev/stdout and its kin open the descriptor's file anew; the data goes to the same place. */
static int path_origin(gaddr path)
{
    static const char *const dirs[] = {"/dev/fd/", "/proc/self/fd/"};
    char text[24] = "";
    engine_peek_some(path, text, sizeof(text) - 1);
    if (strcmp(text, "/dev/stdout") == 0)
        return output_origin(1);
    if (strcmp(text, "/dev/stderr") == 0)
        return output_origin(2);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(dirs[i]);
        if (memcmp(text, dirs[i], n) == 0 && text[n] >= '0' && text[n] <= '9' && !text[n + 1])
            return output_origin((uint64_t)(text[n] - '0'));
    }
    return 0;
}

static void follow_range(const struct model_call *c)
{
    for (uint64_t fd = (uint32_t)c->args[0]; fd < MAX_FD && fd <= (uint32_t)c->args[1]; fd++) {
        if (c->args[2] & 4 /* CLOSE_RANGE_CLOEXEC */)
            set_closes((int64_t)fd, true);
        else
            set_origin((int64_t)fd, 0);
    }
}

static void made(const struct model_call *c, int o)
{
    if (c->result < 0)
        return;
    set_origin(c->result, o);
    set_closes(c->result, made_closing(c));
}

static void follow_fcntl(const struct model_call *c)
{
    if ((uint32_t)c->args[1] == F_DUPFD || (uint32_t)c->args[1] == F_DUPFD_CLOEXEC)
        made(c, output_origin(c->args[0]));
    else if ((uint32_t)c->args[1] == F_SETFD && c->result == 0)
        set_closes((int64_t)(uint32_t)c->args[0], c->args[2] & FD_CLOEXEC);
}

static void follow(const struct model_syscall *m, const struct model_call *c)
{
    switch (c->nr) {
    case __NR_close:
        if (c->result == 0)
            set_origin((int64_t)(uint32_t)c->args[0], 0);
        return;
    case __NR_close_range:
        if (c->result == 0)
            follow_range(c);
        return;
    case __NR_ioctl:
        if (c->result == 0 && (c->args[1] == 0x5451 /* FIOCLEX */ || c->args[1] == 0x5450 /* FIONCLEX */))
            set_closes((int64_t)(uint32_t)c->args[0], c->args[1] == 0x5451);
        return;
    case __NR_fcntl: follow_fcntl(c); return;
    case __NR_dup2:
        if (c->args[0] == c->args[1])
            return; /* nothing changes */
        made(c, output_origin(c->args[0]));
        return;
    case __NR_dup:
    case __NR_dup3: made(c, output_origin(c->args[0])); return;
    case __NR_open:
    case __NR_openat: made(c, path_origin(c->args[c->nr == __NR_openat])); return;
    default:
        if (m->flags & MODEL_MAKES_FD)
            made(c, 0);
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
