/* See target.h: which kind of target, and the calls' way to it. */
#include "gdb/target.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "db/db.h"
#include "gdb/target_common.h"

/* Is there an index, and does it cover the whole recording? */
static struct odb_err *has_whole_index(const char *dir, bool *ret)
{
    _cleanup_free_ char *path = NULL;
    struct odb_db *db;
    *ret = false;
    ODB_TRY(fs_join(dir, "index.db", &path));
    if (access(path, R_OK) < 0)
        return NULL;
    _cleanup_err_ struct odb_err *e = db_open(path, &db);
    if (e)
        return NULL; /* of another version, or broken: as if there were none */
    *ret = !db_damage(db);
    db_close(db);
    return NULL;
}

struct odb_err *target_open(const char *dir, const struct target_options *opt, struct target **ret)
{
    static const struct target_options none;
    bool index = false;
    opt = opt ? opt : &none;
    if (!opt->no_index)
        ODB_TRY(has_whole_index(dir, &index));
    return index ? target_db_open(dir, opt, ret) : target_replay_open(dir, opt, ret);
}

void target_close(struct target *g)
{
    if (g)
        g->ops->close(g);
}

/* ---- where ---- */

void target_where(struct target *g, struct target_position *ret) { g->ops->where(g, ret); }

static int order(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

int target_compare(const struct target_position *a, const struct target_position *b)
{
    if (a->has_t && b->has_t) {
        int c = order(a->t, b->t);
        if (c || a->in_signal != b->in_signal)
            return c ? c : a->in_signal ? -1 : 1;
        return a->in_signal ? order(a->run, b->run) : 0; /* which of several signals */
    }
    int c = order(a->run, b->run);
    if (!c)
        c = order(a->event, b->event);
    if (!c)
        c = order(a->tick, b->tick);
    if (!c)
        c = order(a->rip, b->rip);
    return c ? c : (int)b->in_signal - (int)a->in_signal;
}

struct odb_err *target_seek(struct target *g, const struct target_position *to)
{
    return g->ops->seek(g, to);
}

struct odb_err *target_seek_text(struct target *g, const char *where) { return g->ops->seek_text(g, where); }

bool target_has_index(const struct target *g) { return g->ops->database != NULL; }
const char *target_dir(const struct target *g) { return g->dir; }
struct odb_db *target_database(struct target *g) { return g->ops->database ? g->ops->database(g) : NULL; }

/* ---- the state here ---- */

struct odb_err *target_threads(struct target *g, struct target_thread **ret, size_t *ret_n)
{
    return g->ops->threads(g, ret, ret_n);
}

struct odb_err *target_registers(struct target *g, uint32_t tid, struct target_regs *ret)
{
    return g->ops->registers(g, tid, ret);
}

unsigned target_vector_bytes(const struct target *g) { return g->ops->vector_bytes(g); }

struct odb_err *target_read(struct target *g, uint32_t pid, gaddr addr, void *to, size_t n_bytes,
                            size_t *ret_n)
{
    return g->ops->read(g, pid, addr, to, n_bytes, ret_n);
}

struct odb_err *target_maps(struct target *g, uint32_t pid, struct target_map **ret, size_t *ret_n)
{
    return g->ops->maps(g, pid, ret, ret_n);
}

struct odb_err *target_auxv(struct target *g, uint32_t pid, uint8_t **ret, size_t *ret_n)
{
    return g->ops->auxv(g, pid, ret, ret_n);
}

struct odb_err *target_exec_file(struct target *g, uint32_t pid, char **ret)
{
    return g->ops->exec_file(g, pid, ret);
}

struct odb_err *target_command_line(struct target *g, uint32_t pid, char **ret)
{
    return g->ops->command_line(g, pid, ret);
}

struct odb_err *target_open_file(struct target *g, const char *path, int *ret_fd)
{
    const struct target_files *files;
    ODB_TRY(g->ops->files(g, &files));
    const struct target_file *f = target_files_find(files, path);
    *ret_fd = -1;
    return f ? target_files_open(g->dir, f, ret_fd) : NULL;
}

/* ---- stops ---- */

struct odb_err *target_insert_break(struct target *g, uint32_t pid, gaddr addr)
{
    return g->ops->insert_break(g, pid, addr);
}

struct odb_err *target_remove_break(struct target *g, uint32_t pid, gaddr addr)
{
    return g->ops->remove_break(g, pid, addr);
}

struct odb_err *target_insert_watch(struct target *g, uint32_t pid, enum target_watch_kind kind, gaddr addr,
                                    uint64_t n_bytes)
{
    if (!n_bytes || addr + (n_bytes - 1) < addr)
        return odb_err("%llu bytes at 0x%llx cannot be watched", (unsigned long long)n_bytes,
                       (unsigned long long)addr);
    return g->ops->insert_watch(g, pid, kind, addr, n_bytes);
}

struct odb_err *target_remove_watch(struct target *g, uint32_t pid, enum target_watch_kind kind, gaddr addr,
                                    uint64_t n_bytes)
{
    return g->ops->remove_watch(g, pid, kind, addr, n_bytes);
}

struct odb_err *target_set_catch(struct target *g, const struct target_catch *c)
{
    return g->ops->set_catch(g, c);
}

struct odb_err *target_resume(struct target *g, const struct target_resume *how, struct target_stop *ret)
{
    return g->ops->resume(g, how, ret);
}

void target_interrupt(struct target *g)
{
    g->interrupted = true;
    if (g->ops->interrupt)
        g->ops->interrupt(g);
}

struct odb_err *target_siginfo(struct target *g, uint32_t tid, uint8_t ret[128], size_t *ret_n)
{
    return g->ops->siginfo(g, tid, ret, ret_n);
}

/* ---- branches ---- */

struct odb_err *target_write(struct target *g, uint32_t pid, gaddr addr, const void *from, size_t n_bytes)
{
    return g->ops->write(g, pid, addr, from, n_bytes);
}

struct odb_err *target_write_registers(struct target *g, uint32_t tid, const struct target_regs *regs)
{
    return g->ops->write_registers(g, tid, regs);
}

bool target_in_branch(const struct target *g) { return g->ops->in_branch && g->ops->in_branch(g); }

struct odb_err *target_leave_branch(struct target *g)
{
    return target_in_branch(g) ? g->ops->leave_branch(g) : NULL;
}
