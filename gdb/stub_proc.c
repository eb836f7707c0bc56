/* /proc/PID/... as the recorded system had it at this moment, as far as gdb asks for it: maps, cmdline, comm, exe. */
#include "gdb/stub_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* "/proc/12/maps", "/proc/12/task/13/maps": the process, and what is asked of it. NULL: no such path. */
static const char *proc_name(const char *path, uint32_t *ret_pid)
{
    int used = 0;
    unsigned pid;
    if (sscanf(path, "/proc/%9u/%n", &pid, &used) != 1 || !used)
        return NULL;
    *ret_pid = pid;
    path += used;
    unsigned tid;
    used = 0;
    if (sscanf(path, "task/%9u/%n", &tid, &used) == 1 && used)
        path += used;
    return path;
}

static struct odb_err *proc_maps(struct stub *s, uint32_t pid, struct out *ret)
{
    _cleanup_free_ struct target_map *maps = NULL;
    size_t n;
    ODB_TRY(target_maps(s->g, pid, &maps, &n));
    for (size_t i = 0; i < n; i++) {
        const struct target_map *m = &maps[i];
        /* inode 0 for what is no file: gdb tells them apart by it */
        out_printf(ret, "%08" PRIx64 "-%08" PRIx64 " %.4s %08" PRIx64 " 00:00 %d", m->start, m->end, m->prot,
                   m->offset, m->name[0] == '/');
        out_printf(ret, m->name[0] ? "%20s%s\n" : "%s%s\n", "", m->name);
    }
    return NULL;
}

static struct odb_err *proc_cmdline(struct stub *s, uint32_t pid, struct out *ret)
{
    _cleanup_free_ char *line = NULL;
    ODB_TRY(target_command_line(s->g, pid, &line));
    for (char *p = line; *p; p++) { /* one line; gdb shows the zeros as blanks again */
        if (*p == ' ')
            *p = 0;
        out_bytes(ret, p, 1);
    }
    out_bytes(ret, "", 1);
    return NULL;
}

static struct odb_err *proc_comm(struct stub *s, uint32_t pid, struct out *ret)
{
    _cleanup_free_ struct target_thread *threads = NULL;
    size_t n;
    ODB_TRY(target_threads(s->g, &threads, &n));
    for (size_t i = 0; i < n; i++) {
        if (threads[i].pid == pid && threads[i].tid == pid)
            out_printf(ret, "%.*s\n", (int)sizeof(threads[i].name), threads[i].name);
    }
    return NULL;
}

static const struct proc_row {
    const char *name;
    struct odb_err *(*make)(struct stub *s, uint32_t pid, struct out *ret);
} proc_rows[] = {{"maps", proc_maps}, {"cmdline", proc_cmdline}, {"comm", proc_comm}};

struct odb_err *stub_proc_file(struct stub *s, const char *path, struct out *ret, bool *ret_known)
{
    uint32_t pid;
    const char *name = proc_name(path, &pid);
    *ret_known = false;
    for (size_t i = 0; name && i < sizeof(proc_rows) / sizeof(proc_rows[0]); i++) {
        if (strcmp(name, proc_rows[i].name) != 0)
            continue;
        ODB_TRY(proc_rows[i].make(s, pid, ret));
        *ret_known = true;
    }
    return NULL;
}

struct odb_err *stub_proc_link(struct stub *s, const char *path, struct out *ret, bool *ret_known)
{
    uint32_t pid;
    const char *name = proc_name(path, &pid);
    *ret_known = false;
    if (!name || strcmp(name, "exe") != 0)
        return NULL;
    _cleanup_free_ char *exe = NULL;
    ODB_TRY(target_exec_file(s->g, pid, &exe));
    out_text(ret, exe);
    *ret_known = true;
    return NULL;
}
