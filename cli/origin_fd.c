/* What a descriptor was, out of the table of system calls: see origin.h.
 *
 * The last call before t that made descriptor fd in the process; if there is none, what the process inherited: the parent's
 * descriptor at the fork. A dup leads to the descriptor that it copied. The file's offset is what the calls since the open
 * add up to, which is known only as long as nobody else shares it; after an lseek it is known again. */
#include <stdio.h>
#include <string.h>

#include "cli/origin_impl.h"

#define HOPS_MAX 64

/* A descriptor of a process, looked at from t backwards. */
struct fd_at {
    uint32_t pid;
    int64_t fd;
    uint64_t t;
};

struct fd_found {
    bool found; /* the call that made it; else inherited from outside the recording */
    struct origin_call call;
    uint64_t read; /* bytes moved since then, as far as offset_known */
    bool offset_known;
    int64_t fd; /* its number there */
};

/* When the process began (the last of its number before t), and its parent; 0: none that was recorded. */
static struct odb_err *process_start(struct origin *o, uint32_t pid, uint64_t t, uint64_t *ret_t,
                                     uint32_t *ret_parent)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    bool row;
    *ret_t = 0;
    *ret_parent = 0;
    ODB_TRY(origin_sql(
        o, "SELECT t_start, parent FROM processes WHERE pid=?1 AND t_start<=?2 ORDER BY t_start DESC LIMIT 1",
        &st));
    sqlite3_bind_int64(st, 1, pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
    ODB_TRY(origin_row(o, st, &row));
    if (row) {
        *ret_t = (uint64_t)sqlite3_column_int64(st, 0);
        *ret_parent = (uint32_t)sqlite3_column_int64(st, 1);
    }
    return NULL;
}

/* pipe and socketpair give two numbers in memory. */
static struct odb_err *is_in_pair(struct origin *o, const struct origin_call *c, int64_t fd, bool *ret)
{
    int32_t pair[2] = {-1, -1};
    size_t n;
    gaddr at = c->arg[!strcmp(c->name, "socketpair") ? 3 : 0];
    ODB_TRY(origin_peek(o, c->t + 1, c->pid, at, pair, sizeof(pair), &n));
    *ret = n == sizeof(pair) && (pair[0] == fd || pair[1] == fd);
    return NULL;
}

/* The last call in [from, to) of the process that made fd. */
static struct odb_err *find_maker(struct origin *o, uint32_t pid, int64_t fd, uint64_t from, uint64_t to,
                                  bool *ret_found, struct origin_call *ret)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    ODB_TRY(origin_sql(o,
                       "SELECT " ORIGIN_CALL_COLUMNS " FROM syscalls WHERE pid=?1 AND t>=?3 AND t<?4 AND"
                       " ((result=?2 AND name IN "
                       "('open','openat','openat2','creat','dup','dup2','dup3','socket','accept','accept4',"
                       "'eventfd','eventfd2','memfd_create','timerfd_create','signalfd','signalfd4','epoll_"
                       "create','epoll_create1',"
                       "'inotify_init','inotify_init1','pidfd_open','userfaultfd','open_by_handle_at') OR"
                       " (name='fcntl' AND result=?2 AND (arg1=0 OR arg1=1030))) OR (result=0 AND name IN "
                       "('pipe','pipe2','socketpair'))) ORDER BY t DESC",
                       &st));
    sqlite3_bind_int64(st, 1, pid);
    sqlite3_bind_int64(st, 2, fd);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)from);
    sqlite3_bind_int64(st, 4, (sqlite3_int64)to);
    for (;;) {
        ODB_TRY(origin_row(o, st, ret_found));
        if (!*ret_found)
            return NULL;
        origin_call_row(st, ret);
        bool pair = !strncmp(ret->name, "pipe", 4) || !strcmp(ret->name, "socketpair"), ours = true;
        if (pair)
            ODB_TRY(is_in_pair(o, ret, fd, &ours));
        if (ours)
            return NULL;
    }
}

/* What reads, writes and seeks of the process on fd in [from, to) do to the offset. */
static struct odb_err *sum_offset(struct origin *o, const struct fd_at *d, uint64_t from, struct fd_found *f)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    uint64_t sum = 0;
    ODB_TRY(origin_sql(o,
                       "SELECT name, result FROM syscalls WHERE pid=?1 AND arg0=?2 AND t>=?3 AND t<?4 AND "
                       "result>=0 AND name IN "
                       "('read','readv','write','writev','lseek') ORDER BY t DESC",
                       &st));
    sqlite3_bind_int64(st, 1, d->pid);
    sqlite3_bind_int64(st, 2, d->fd);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)from);
    sqlite3_bind_int64(st, 4, (sqlite3_int64)d->t);
    for (;;) {
        bool row;
        ODB_TRY(origin_row(o, st, &row));
        if (!row)
            break;
        sum += (uint64_t)sqlite3_column_int64(st, 1);
        if (!strcmp((const char *)sqlite3_column_text(st, 0), "lseek")) {
            if (f->offset_known) /* what came before it does not matter */
                f->read += sum;
            f->offset_known = false;
            f->found = true;
            return NULL;
        }
    }
    if (f->offset_known)
        f->read += sum;
    return NULL;
}

/* Goes back to what made the open file. An lseek on the way settles the offset: settled, and f->read is it. */
static struct odb_err *trace_fd(struct origin *o, struct fd_at d, struct fd_found *f, bool *ret_settled)
{
    *f = (struct fd_found){.offset_known = true};
    *ret_settled = false;
    for (int i = 0; i < HOPS_MAX; i++) {
        uint64_t start;
        uint32_t parent;
        bool found;
        ODB_TRY(process_start(o, d.pid, d.t, &start, &parent));
        ODB_TRY(find_maker(o, d.pid, d.fd, start, d.t, &found, &f->call));
        ODB_TRY(sum_offset(o, &d, found ? f->call.t + 1 : start, f));
        if (f->found)
            *ret_settled = true;
        f->found = false;
        f->fd = d.fd;
        if (found) {
            bool dup = !strncmp(f->call.name, "dup", 3) || !strcmp(f->call.name, "fcntl");
            if (!dup) {
                f->found = true;
                return NULL;
            }
            d.fd = (int32_t)f->call.arg[0];
            d.t = f->call.t;
        } else if (parent && start) {
            d.pid = parent;
            d.t = start;
        } else {
            return NULL;
        }
    }
    return NULL;
}

/* The path as the program gave it. */
static struct odb_err *opened_path(struct origin *o, const struct origin_call *c, char *to, size_t n_bytes)
{
    bool plain = !strcmp(c->name, "open") || !strcmp(c->name, "creat") || !strcmp(c->name, "memfd_create");
    if (!plain && strncmp(c->name, "openat", 6) != 0)
        return NULL;
    return origin_peek_text(o, c->t, c->pid, c->arg[plain ? 0 : 1], to, n_bytes);
}

/* What a socket was connected to. */
static struct odb_err *connected_to(struct origin *o, const struct origin_call *made, int64_t fd, uint64_t t,
                                    char *to, size_t n_bytes)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    bool row;
    ODB_TRY(origin_sql(o,
                       "SELECT " ORIGIN_CALL_COLUMNS
                       " FROM syscalls WHERE pid=?1 AND arg0=?2 AND t>?3 AND t<?4 AND "
                       "name IN ('connect','bind') ORDER BY name DESC, t DESC LIMIT 1",
                       &st));
    sqlite3_bind_int64(st, 1, made->pid);
    sqlite3_bind_int64(st, 2, fd);
    sqlite3_bind_int64(st, 3, (sqlite3_int64)made->t);
    sqlite3_bind_int64(st, 4, (sqlite3_int64)t);
    ODB_TRY(origin_row(o, st, &row));
    if (row) {
        struct origin_call c;
        origin_call_row(st, &c);
        origin_call_text(&c, to, n_bytes);
    }
    return NULL;
}

/* The offset at which the call read byte number `at`. */
static void offset_of(struct origin_step *s, const struct origin_call *call, const struct fd_found *f,
                      bool settled, uint64_t at)
{
    bool reads = !strncmp(call->name, "pread", 5), writes = !strncmp(call->name, "pwrite", 6),
         vector = strchr(call->name, 'v') != NULL;
    bool positioned = (reads || writes) && !(vector && (int64_t)call->arg[3] == -1);
    if (positioned)
        s->offset = call->arg[3] + at;
    else if (f->offset_known || settled)
        s->offset = f->read + at;
    else
        return;
    s->has_offset = true;
}

struct odb_err *origin_descriptor(struct origin *o, struct origin_step *s, const struct origin_call *call,
                                  int64_t fd, uint64_t at)
{
    static const char *const streams[] = {"stdin", "stdout", "stderr"};
    struct fd_found f;
    bool settled;
    char text[300], made[300] = "";
    origin_call_text(call, text, sizeof(text));
    ODB_TRY(trace_fd(o, (struct fd_at){call->pid, fd, call->t}, &f, &settled));
    if (!f.found) {
        if (f.fd >= 0 && f.fd < 3)
            snprintf(s->path, sizeof(s->path), "%s", streams[f.fd]);
        else
            snprintf(s->path, sizeof(s->path), "descriptor %lld", (long long)f.fd);
        offset_of(s, call, &f, settled, at);
        origin_say(s, ORIGIN_KERNEL, "%s; descriptor %lld was open from the start", text, (long long)f.fd);
        return NULL;
    }
    origin_call_text(&f.call, made, sizeof(made));
    ODB_TRY(opened_path(o, &f.call, s->path, sizeof(s->path)));
    bool file = *s->path;
    if (!file && !strcmp(f.call.name, "socket"))
        ODB_TRY(connected_to(o, &f.call, f.fd, call->t, s->path, sizeof(s->path)));
    if (!*s->path)
        snprintf(s->path, sizeof(s->path), "%.300s", made);
    if (file)
        offset_of(s, call, &f, settled, at);
    origin_say(s, ORIGIN_KERNEL, "%s; descriptor %lld is of %s at t %llu", text, (long long)fd, made,
               (unsigned long long)f.call.t);
    return NULL;
}
