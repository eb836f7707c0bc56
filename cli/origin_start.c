/* Where nothing was written: what memory and registers hold at the beginning; see origin.h.
 *
 * Memory is a file's, zeros, or what the kernel put onto the stack of a new program: the number, the pointers and
 * the strings of arguments and environment, and the auxiliary vector. A string of a program that was executed by a recorded one
 * goes on in the memory of that one, from where execve took it. Registers of a new thread are those of the thread that made it. */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "cli/origin_impl.h"

#define STRINGS_MAX 65536
#define CLONE_SETTLS_FLAG 0x80000u

/* ---- programs ---- */

struct program {
    uint32_t pid; /* which executed it: the process, or one that it is a copy of */
    uint64_t t;   /* its first state */
    gaddr rsp;
    char exe[256];
};

static struct odb_err *parent_of(struct origin *o, uint32_t pid, uint64_t t, uint32_t *ret, uint64_t *ret_t)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    bool row;
    *ret = 0;
    ODB_TRY(origin_sql(
        o, "SELECT parent, t_start FROM processes WHERE pid=?1 AND t_start<=?2 ORDER BY t_start DESC LIMIT 1",
        &st));
    sqlite3_bind_int64(st, 1, pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
    ODB_TRY(origin_row(o, st, &row));
    if (row) {
        *ret = (uint32_t)sqlite3_column_int64(st, 0);
        *ret_t = (uint64_t)sqlite3_column_int64(st, 1);
    }
    return NULL;
}

/* The program whose memory the process has at t. */
static struct odb_err *find_program(struct origin *o, uint32_t pid, uint64_t t, bool *ret_found,
                                    struct program *ret)
{
    for (int i = 0; i < 1000 && pid; i++) {
        _cleanup_stmt_ sqlite3_stmt *st = NULL;
        ODB_TRY(
            origin_sql(o, "SELECT t, exe FROM execs WHERE pid=?1 AND t<=?2 ORDER BY t DESC LIMIT 1", &st));
        sqlite3_bind_int64(st, 1, pid);
        sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
        ODB_TRY(origin_row(o, st, ret_found));
        if (*ret_found) {
            struct db_regs r;
            ret->pid = pid;
            ret->t = (uint64_t)sqlite3_column_int64(st, 0);
            const char *exe = (const char *)sqlite3_column_text(st, 1);
            snprintf(ret->exe, sizeof(ret->exe), "%s", exe ? exe : "?");
            ODB_TRY(db_registers(o->db, ret->t, pid, &r));
            ret->rsp = r.regs.scalar[ODB_RSP];
            return NULL;
        }
        ODB_TRY(parent_of(o, pid, t, &pid, &t));
    }
    *ret_found = false;
    return NULL;
}

/* The execve of a recorded program that began it. */
static struct odb_err *find_execve(struct origin *o, const struct program *p, bool *ret_found,
                                   struct origin_call *ret)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    *ret_found = false;
    if (!p->t)
        return NULL;
    ODB_TRY(origin_sql(o,
                       "SELECT " ORIGIN_CALL_COLUMNS
                       " FROM syscalls WHERE name IN ('execve','execveat') AND pid=?1 "
                       "AND t<=?2 AND coalesce(result,0)>=0 ORDER BY t DESC LIMIT 1",
                       &st));
    sqlite3_bind_int64(st, 1, p->pid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)p->t);
    ODB_TRY(origin_row(o, st, ret_found));
    if (*ret_found)
        origin_call_row(st, ret);
    return NULL;
}

/* ---- the first stack ---- */

struct first_stack {
    uint64_t argc, n_env, n_aux;
    gaddr argv, envp, auxv, end; /* end: of auxv */
};

static struct odb_err *read_stack(struct origin *o, const struct program *p, struct first_stack *ret)
{
    uint64_t v = 0;
    ODB_TRY(origin_peek64(o, p->t, p->pid, p->rsp, &ret->argc));
    if (ret->argc > STRINGS_MAX)
        ret->argc = 0;
    ret->argv = p->rsp + 8;
    ret->envp = ret->argv + 8 * (ret->argc + 1);
    for (ret->n_env = 0; ret->n_env < STRINGS_MAX; ret->n_env++) {
        ODB_TRY(origin_peek64(o, p->t, p->pid, ret->envp + 8 * ret->n_env, &v));
        if (!v)
            break;
    }
    ret->auxv = ret->envp + 8 * (ret->n_env + 1);
    for (ret->n_aux = 0; ret->n_aux < 64; ret->n_aux++) {
        ODB_TRY(origin_peek64(o, p->t, p->pid, ret->auxv + 16 * ret->n_aux, &v));
        if (v == AT_NULL)
            break;
    }
    ret->end = ret->auxv + 16 * (ret->n_aux + 1);
    return NULL;
}

static const char *aux_name(uint64_t type)
{
    static const char *const names[] = {
        [AT_PHDR] = "AT_PHDR",
        [AT_PHENT] = "AT_PHENT",
        [AT_PHNUM] = "AT_PHNUM",
        [AT_PAGESZ] = "AT_PAGESZ",
        [AT_BASE] = "AT_BASE",
        [AT_FLAGS] = "AT_FLAGS",
        [AT_ENTRY] = "AT_ENTRY",
        [AT_UID] = "AT_UID",
        [AT_EUID] = "AT_EUID",
        [AT_GID] = "AT_GID",
        [AT_EGID] = "AT_EGID",
        [AT_PLATFORM] = "AT_PLATFORM",
        [AT_HWCAP] = "AT_HWCAP",
        [AT_CLKTCK] = "AT_CLKTCK",
        [AT_SECURE] = "AT_SECURE",
        [AT_RANDOM] = "AT_RANDOM",
        [AT_HWCAP2] = "AT_HWCAP2",
        [AT_EXECFN] = "AT_EXECFN",
        [AT_SYSINFO_EHDR] = "AT_SYSINFO_EHDR",
    };
    return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "an entry";
}

/* Which string of n begins last at or before addr, and holds it? */
static struct odb_err *find_string(struct origin *o, const struct program *p, gaddr pointers, uint64_t n,
                                   gaddr addr, bool *ret_found, uint64_t *ret_i, uint64_t *ret_off)
{
    gaddr best = 0;
    *ret_found = false;
    for (uint64_t i = 0; i < n; i++) {
        gaddr at;
        ODB_TRY(origin_peek64(o, p->t, p->pid, pointers + 8 * i, &at));
        if (at <= addr && (!best || at > best)) {
            best = at;
            *ret_i = i;
        }
    }
    if (!best || addr - best > 1u << 20)
        return NULL;
    char text[1024] = "";
    *ret_off = addr - best;
    if (*ret_off < sizeof(text) - 1) {
        ODB_TRY(origin_peek_text(o, p->t, p->pid, best, text, sizeof(text)));
        *ret_found = strlen(text) >= *ret_off;
    } else {
        *ret_found = true;
    }
    return NULL;
}

/* String i of the caller's array was copied to the stack: go on there if it is the same there. */
static struct odb_err *follow_execve(struct origin *o, struct origin_step *s, const struct program *p,
                                     bool env, uint64_t i, uint64_t off)
{
    struct origin_call c;
    bool found;
    gaddr string = 0;
    uint8_t there[ORIGIN_MAX_BYTES];
    size_t n;
    ODB_TRY(find_execve(o, p, &found, &c));
    if (!found)
        return NULL;
    unsigned arg = (strcmp(c.name, "execveat") ? 1 : 2) + env;
    ODB_TRY(origin_peek64(o, c.t, c.pid, c.arg[arg] + 8 * i, &string));
    ODB_TRY(origin_peek(o, c.t, c.pid, string + off, there, s->to.n_bytes, &n));
    if (n != s->to.n_bytes || memcmp(there, s->to.value, n) != 0)
        return NULL;
    s->t = c.t;
    s->pid = c.pid;
    s->tid = c.tid;
    origin_from_memory(s, c.pid, c.tid, c.t, string + off);
    return NULL;
}

static struct odb_err *from_stack(struct origin *o, struct origin_step *s, const struct program *p, bool *ret)
{
    struct first_stack f = {0};
    gaddr at = s->to.addr;
    bool found;
    uint64_t i = 0, off = 0, type;
    *ret = false;
    ODB_TRY(read_stack(o, p, &f));
    if (at < p->rsp)
        return NULL;
    *ret = true;
    s->t = p->t;
    s->pid = s->tid = p->pid;
    if (at < f.argv) {
        origin_say(s, ORIGIN_INITIAL, "argc, as the kernel put it onto the stack of %s", p->exe);
    } else if (at < f.envp) {
        origin_say(s, ORIGIN_INITIAL, "argv[%llu], the pointer, as the kernel put it onto the stack of %s",
                   (unsigned long long)(at - f.argv) / 8, p->exe);
    } else if (at < f.auxv) {
        origin_say(s, ORIGIN_INITIAL, "envp[%llu], the pointer, as the kernel put it onto the stack of %s",
                   (unsigned long long)(at - f.envp) / 8, p->exe);
    } else if (at < f.end) {
        ODB_TRY(origin_peek64(o, p->t, p->pid, at - (at - f.auxv) % 16, &type));
        origin_say(s, ORIGIN_INITIAL, "%s of the auxiliary vector, from the kernel", aux_name(type));
    } else {
        ODB_TRY(find_string(o, p, f.argv, f.argc, at, &found, &i, &off));
        bool env = false;
        uint64_t i_env = 0, off_env = 0;
        ODB_TRY(find_string(o, p, f.envp, f.n_env, at, &env, &i_env, &off_env));
        if (env && (!found || off_env < off)) {
            char name[80] = "";
            ODB_TRY(origin_peek_text(o, p->t, p->pid, at - off_env, name, sizeof(name)));
            name[strcspn(name, "=")] = 0;
            origin_say(s, ORIGIN_INITIAL, "environment %s of %s, byte %llu", name, p->exe,
                       (unsigned long long)off_env);
            return follow_execve(o, s, p, true, i_env, off_env);
        }
        if (found) {
            origin_say(s, ORIGIN_INITIAL, "argv[%llu] of %s, byte %llu", (unsigned long long)i, p->exe,
                       (unsigned long long)off);
            return follow_execve(o, s, p, false, i, off);
        }
        origin_say(s, ORIGIN_INITIAL, "put onto the stack by the kernel at the start of %s", p->exe);
    }
    return NULL;
}

/* ---- memory ---- */

static struct odb_err *name_file(struct origin *o, struct origin_step *s, const char *sql, uint32_t id)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL;
    bool row;
    ODB_TRY(origin_sql(o, sql, &st));
    sqlite3_bind_int64(st, 1, id);
    ODB_TRY(origin_row(o, st, &row));
    const char *path = row ? (const char *)sqlite3_column_text(st, 0) : NULL;
    snprintf(s->path, sizeof(s->path), "%s", path ? path : "");
    return NULL;
}

/* The mapping's name in brackets, "" where it has none. */
static struct odb_err *map_name(struct origin *o, const struct origin_ref *to, char *name, size_t n_bytes)
{
    struct db_map *maps;
    size_t n;
    *name = 0;
    ODB_TRY(db_maps(o->db, to->t, to->pid, &maps, &n));
    for (size_t i = 0; i < n; i++)
        if (maps[i].start <= to->addr && to->addr < maps[i].end)
            snprintf(name, n_bytes, "%s", maps[i].name);
    db_maps_free(maps, n);
    return NULL;
}

struct odb_err *origin_initial_memory(struct origin *o, struct origin_step *s, bool mapped,
                                      const struct db_content *c)
{
    struct program p;
    bool found;
    char name[256];
    s->rip = 0;
    if (!mapped) {
        origin_say(s, ORIGIN_UNKNOWN, "nothing is mapped there");
        return NULL;
    }
    s->t = c->t_start;
    s->offset = c->offset + (s->to.addr - c->start);
    if (c->object) {
        ODB_TRY(name_file(o, s, "SELECT name FROM objects WHERE id=?1", c->object));
        s->has_offset = *s->path;
        origin_say(s, ORIGIN_INITIAL, "%s",
                   *s->path ? "contents of a file, mapped shared" : "shared memory, never written");
        return NULL;
    }
    if (c->file_id) {
        ODB_TRY(name_file(o, s, "SELECT path FROM files WHERE id=?1", c->file_id));
        s->has_offset = true;
        origin_say(s, ORIGIN_INITIAL, "contents of a file, mapped");
        return NULL;
    }
    s->offset = 0;
    ODB_TRY(map_name(o, &s->to, name, sizeof(name)));
    if (!strcmp(name, "[stack]")) {
        bool done = false;
        ODB_TRY(find_program(o, s->to.pid, s->to.t, &found, &p));
        if (found)
            ODB_TRY(from_stack(o, s, &p, &done));
        if (done)
            return NULL;
    }
    bool zero = true;
    for (unsigned i = 0; i < s->to.n_bytes; i++)
        zero &= !s->to.value[i];
    if (zero)
        origin_say(s, ORIGIN_INITIAL, "fresh memory%s%s: zeros, never written", *name ? " of " : "", name);
    else
        origin_say(s, ORIGIN_INITIAL, "there from the start%s%s", *name ? ": " : "", name);
    return NULL;
}

/* ---- registers ---- */

/* The call that made the thread. */
static struct odb_err *find_clone(struct origin *o, uint32_t tid, uint64_t t, bool *ret_found,
                                  struct origin_call *ret, uint64_t *ret_start)
{
    _cleanup_stmt_ sqlite3_stmt *st = NULL, *st2 = NULL;
    *ret_found = false;
    *ret_start = 0;
    bool row;
    ODB_TRY(origin_sql(o, "SELECT max(t_start) FROM threads WHERE tid=?1 AND t_start<=?2", &st));
    sqlite3_bind_int64(st, 1, tid);
    sqlite3_bind_int64(st, 2, (sqlite3_int64)t);
    ODB_TRY(origin_row(o, st, &row));
    if (!row)
        return NULL;
    *ret_start = (uint64_t)sqlite3_column_int64(st, 0);
    /* a vfork is done long after its child has begun */
    ODB_TRY(origin_sql(o,
                       "SELECT " ORIGIN_CALL_COLUMNS
                       " FROM syscalls WHERE name IN ('clone','clone3','fork','vfork') "
                       "AND result=?1 ORDER BY abs(t-?2) LIMIT 1",
                       &st2));
    sqlite3_bind_int64(st2, 1, tid);
    sqlite3_bind_int64(st2, 2, (sqlite3_int64)*ret_start);
    ODB_TRY(origin_row(o, st2, ret_found));
    if (*ret_found)
        origin_call_row(st2, ret);
    return NULL;
}

static void of_parent(struct origin_step *s, const struct origin_call *c, unsigned number)
{
    char text[200];
    origin_call_text(c, text, sizeof(text));
    s->from[0] = s->to;
    s->from[0].known = s->from[0].undelivered = false;
    s->from[0].pid = c->pid;
    s->from[0].tid = c->tid;
    s->from[0].t = c->t;
    s->from[0].number = number;
    s->n_from = 1;
    origin_say(s, ORIGIN_COPY, "taken over from thread %u by %s", c->tid, text);
}

/* clone3 has its arguments in memory: struct clone_args. */
#define ARGS_STACK 40
#define ARGS_TLS 56

static struct odb_err *from_clone3(struct origin *o, struct origin_step *s, const struct origin_call *c,
                                   bool *ret)
{
    uint64_t flags, stack;
    gaddr args = c->arg[0];
    ODB_TRY(origin_peek64(o, c->t, c->pid, args, &flags));
    ODB_TRY(origin_peek64(o, c->t, c->pid, args + ARGS_STACK, &stack));
    *ret = true;
    if (s->to.number == ODB_REG_FS_BASE && flags & CLONE_SETTLS_FLAG) {
        origin_from_memory(s, c->pid, c->tid, c->t, args + ARGS_TLS + s->to.at);
        origin_say(s, ORIGIN_COPY, "given to clone3");
    } else if (s->to.number == ODB_RSP && stack) {
        origin_from_memory(s, c->pid, c->tid, c->t, args + ARGS_STACK);
        s->from[0].n_bytes = 8;
        s->from[1] = s->from[0];
        s->from[1].addr += 8;
        s->n_from = 2;
        s->go_on = 0;
        origin_say(s, ORIGIN_MADE, "the end of the stack that clone3 was given");
    } else {
        *ret = false;
    }
    return NULL;
}

static struct odb_err *from_clone(struct origin *o, struct origin_step *s, const struct origin_call *c)
{
    bool clone = !strcmp(c->name, "clone"), done = false;
    unsigned reg = s->to.number;
    if (!strcmp(c->name, "clone3"))
        ODB_TRY(from_clone3(o, s, c, &done));
    if (done)
        return NULL;
    if (reg == ODB_RAX)
        origin_say(s, ORIGIN_CONSTANT, "0: the result of %s in the child", c->name);
    else if (reg == ODB_RSP && clone && c->arg[1])
        of_parent(s, c, ODB_RSI);
    else if (reg == ODB_REG_FS_BASE && clone && c->arg[0] & CLONE_SETTLS_FLAG)
        of_parent(s, c, ODB_R8);
    else if (reg == ODB_RCX || reg == ODB_R11)
        origin_say(s, ORIGIN_KERNEL, "by %s", c->name);
    else
        of_parent(s, c, reg);
    return NULL;
}

struct odb_err *origin_initial_register(struct origin *o, struct origin_step *s)
{
    struct program p;
    struct origin_call c;
    bool found;
    uint64_t start = 0;
    s->rip = 0;
    ODB_TRY(find_program(o, s->to.pid, s->to.t, &found, &p));
    bool own = found && p.pid == s->to.pid && s->to.tid == p.pid;
    if (!own || !p.t) {
        bool made;
        ODB_TRY(find_clone(o, s->to.tid, s->to.t, &made, &c, &start));
        if (made && (!own || start > p.t)) {
            s->t = start;
            return from_clone(o, s, &c);
        }
    }
    s->t = found ? p.t : start;
    origin_say(s, ORIGIN_INITIAL, "set by the kernel at the start of %s", found ? p.exe : "the thread");
    return NULL;
}
