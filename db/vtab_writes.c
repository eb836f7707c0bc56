/* The large tables: mem_writes, reg_writes, executions. One implementation over db/scan.h; a table is a row
 * of `tables`, its columns a list of roles.
 *
 * xBestIndex hands over constraints on t, addr, reg, rip, tid and the range arguments, one letter pair each
 * in idxStr: the role's letter, then the operator's. SQLite checks every row again (omit is not set), so
 * a constraint may be passed loosely, never too tightly. idxNum: ORDER_ASC, ORDER_DESC or neither. */
#include <stdio.h>
#include <string.h>

#include "db/scan.h"
#include "db/vtab.h"

enum role {
    R_T,
    R_PID,
    R_TID,
    R_ADDR,
    R_SIZE,
    R_VALUE,
    R_OLD_VALUE,
    R_RIP,
    R_SYSCALL,
    R_REG,
    R_LO,
    R_LEN,
    R_OF,     /* argument: whose memory LO and LEN are meant in */
    R_OBJECT, /* shared memory that was written, and where in it */
    R_OFFSET
};

enum { ORDER_ASC = 1, ORDER_DESC = 2 };

struct table {
    const char *name, *declaration;
    enum scan_kind kind;
    int n_columns;
    enum role columns[16]; /* as declared */
};

static const struct table tables[] = {
    {"mem_writes",
     "CREATE TABLE mem_writes(t INTEGER, pid INTEGER, tid INTEGER, addr INTEGER, size INTEGER, value, "
     "old_value,"
     " rip INTEGER, syscall TEXT, lo HIDDEN, len HIDDEN, of HIDDEN,"
     " object INTEGER HIDDEN, object_offset INTEGER HIDDEN)",
     SCAN_MEM,
     14,
     {R_T, R_PID, R_TID, R_ADDR, R_SIZE, R_VALUE, R_OLD_VALUE, R_RIP, R_SYSCALL, R_LO, R_LEN, R_OF, R_OBJECT,
      R_OFFSET}},
    {"reg_writes",
     "CREATE TABLE reg_writes(t INTEGER, pid INTEGER, tid INTEGER, reg TEXT, value, rip INTEGER)",
     SCAN_REG,
     6,
     {R_T, R_PID, R_TID, R_REG, R_VALUE, R_RIP}},
    {"executions",
     "CREATE TABLE executions(t INTEGER, pid INTEGER, tid INTEGER, rip INTEGER)",
     SCAN_EXEC,
     4,
     {R_T, R_PID, R_TID, R_RIP}},
};
#define N_TABLES (sizeof(tables) / sizeof(*tables))

struct writes_vtab {
    struct vtab vt;
    const struct table *table;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct db_scan scan;
    struct db_target target; /* owned; for `of` and `object` */
    bool eof, have_lo, have_of, have_object;
    int64_t rowid, lo, len, of, object;
};

struct module_arg {
    struct odb_db *db;
    const struct table *table;
};

static int writes_connect(sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **ret,
                          char **ret_err)
{
    (void)argc;
    (void)argv;
    const struct module_arg *m = arg;
    int rc = vtab_connect(sq, m->db, m->table->declaration, sizeof(struct writes_vtab), ret, ret_err);
    if (rc == SQLITE_OK)
        ((struct writes_vtab *)*ret)->table = m->table;
    return rc;
}

/* ---- planning ---- */

static char role_letter(enum role role)
{
    switch (role) {
    case R_T: return 't';
    case R_ADDR: return 'a';
    case R_REG: return 'r';
    case R_RIP: return 'p';
    case R_TID: return 'd';
    case R_PID: return 'i';
    case R_OF: return 'o';
    case R_OBJECT: return 'b';
    case R_LO: return 'l';
    case R_LEN: return 'n';
    default: return 0;
    }
}

static char op_letter(int op, bool only_eq)
{
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: return '=';
    case SQLITE_INDEX_CONSTRAINT_LT: return only_eq ? 0 : '<';
    case SQLITE_INDEX_CONSTRAINT_LE: return only_eq ? 0 : '[';
    case SQLITE_INDEX_CONSTRAINT_GT: return only_eq ? 0 : '>';
    case SQLITE_INDEX_CONSTRAINT_GE: return only_eq ? 0 : ']';
    default: return 0;
    }
}

static int op_of_letter(char c)
{
    return c == '='   ? SQLITE_INDEX_CONSTRAINT_EQ
           : c == '<' ? SQLITE_INDEX_CONSTRAINT_LT
           : c == '[' ? SQLITE_INDEX_CONSTRAINT_LE
           : c == '>' ? SQLITE_INDEX_CONSTRAINT_GT
                      : SQLITE_INDEX_CONSTRAINT_GE;
}

/* The share of instructions between the t constraints; constants are looked at. */
static double t_share(sqlite3_index_info *info, const struct odb_db *db, const enum role *roles)
{
    int64_t lo = 0, hi = db->end > 0 ? (int64_t)db->end - 1 : 0;
    double share = 1;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        sqlite3_value *v = NULL;
        char op = op_letter(c->op, false);
        if (!c->usable || c->iColumn < 0 || roles[c->iColumn] != R_T || !op)
            continue;
        if (sqlite3_vtab_rhs_value(info, i, &v) == SQLITE_OK && v) {
            if (!vtab_narrow(&lo, &hi, c->op, v))
                return 0;
        } else {
            share *= op == '=' ? 1 / ((double)db->end + 1) : 0.3;
        }
    }
    return share * ((double)(hi - lo) + 1) / ((double)db->end + 1);
}

static void set_costs(sqlite3_index_info *info, const struct odb_db *db, const struct table *table,
                      const char *plan)
{
    double rows = table->kind == SCAN_EXEC  ? (double)db->end
                  : table->kind == SCAN_REG ? (double)db->n_reg
                                            : (double)db->n_mem;
    double share = t_share(info, db, table->columns), chunks = (double)db->n_chunks * share, match = 1;
    for (const char *p = plan; *p; p += 2) {
        if (*p == 'l' || (*p == 'a' && p[1] == '='))
            match *= 1e-4, chunks *= 0.1;
        else if (*p == 'a')
            match *= 0.1, chunks *= 0.5;
        else if (*p == 'p')
            match *= 1e-3, chunks *= 0.2;
        else if (*p == 'r')
            match *= 0.1;
        else if (*p == 'i' || *p == 'd')
            match *= 0.3, chunks *= 0.3;
        else if (*p == 'b')
            match *= 1e-2, chunks *= 0.3;
    }
    rows *= share;
    info->estimatedCost = 20 + 1000 * (chunks + 1) + rows * 0.2 + rows * match;
    info->estimatedRows = (sqlite3_int64)(rows * match) + 1;
}

static bool is_argument(enum role role) { return role == R_LO || role == R_LEN || role == R_OF; }

static int writes_best_index(sqlite3_vtab *vt, sqlite3_index_info *info)
{
    const struct table *table = ((struct writes_vtab *)vt)->table;
    const struct odb_db *db = ((struct vtab *)vt)->db;
    char plan[256];
    int n = 0;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        if (c->iColumn < 0)
            continue;
        enum role role = table->columns[c->iColumn];
        char what = role_letter(role), op = op_letter(c->op, role != R_T && role != R_ADDR);
        if (!what || !op)
            continue;
        if (!c->usable) {
            if (is_argument(role))
                return SQLITE_CONSTRAINT; /* arguments must be known */
            continue;
        }
        if (n + 2 >= (int)sizeof(plan))
            break;
        if (is_argument(role) && memchr(plan, what, (size_t)n))
            continue; /* a second value: left to SQLite, which compares it with the first */
        plan[n++] = what;
        plan[n++] = op;
        info->aConstraintUsage[i].argvIndex = n / 2;
        info->aConstraintUsage[i].omit = is_argument(role);
    }
    plan[n] = 0;
    info->idxStr = sqlite3_mprintf("%s", plan);
    if (!info->idxStr)
        return SQLITE_NOMEM;
    info->needToFreeIdxStr = 1;
    if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn >= 0 &&
        table->columns[info->aOrderBy[0].iColumn] == R_T) {
        info->idxNum = info->aOrderBy[0].desc ? ORDER_DESC : ORDER_ASC;
        info->orderByConsumed = 1;
    }
    set_costs(info, db, table, plan);
    return SQLITE_OK;
}

/* ---- cursors ---- */

static int writes_open(sqlite3_vtab *vt, sqlite3_vtab_cursor **ret)
{
    (void)vt;
    int rc = vtab_open(sizeof(struct cursor), ret);
    if (rc == SQLITE_OK)
        ((struct cursor *)*ret)->scan.done = ((struct cursor *)*ret)->eof = true;
    return rc;
}

static int writes_close(sqlite3_vtab_cursor *c)
{
    db_scan_end(&((struct cursor *)c)->scan);
    db_target_deinit(&((struct cursor *)c)->target);
    sqlite3_free(c);
    return SQLITE_OK;
}

static int writes_next(sqlite3_vtab_cursor *c)
{
    struct cursor *cur = (struct cursor *)c;
    bool found;
    struct odb_err *e = db_scan_next(&cur->scan, &found);
    if (e)
        return vtab_fail(c->pVtab, e);
    cur->eof = !found;
    cur->rowid++;
    return SQLITE_OK;
}

struct bounds {
    int64_t t_lo, t_hi, a_lo, a_hi, rip_lo, rip_hi, tid_lo, tid_hi, pid_lo, pid_hi;
};

/* One constraint. false: no row can match. */
static bool take_constraint(struct cursor *cur, struct bounds *b, char what, int op, sqlite3_value *v)
{
    switch (what) {
    case 't': return vtab_narrow(&b->t_lo, &b->t_hi, op, v);
    case 'a': return vtab_narrow(&b->a_lo, &b->a_hi, op, v);
    case 'p': return vtab_narrow(&b->rip_lo, &b->rip_hi, op, v);
    case 'd': return vtab_narrow(&b->tid_lo, &b->tid_hi, op, v);
    case 'i': return vtab_narrow(&b->pid_lo, &b->pid_hi, op, v);
    case 'o':
        cur->have_of = true;
        cur->of = sqlite3_value_int64(v);
        return sqlite3_value_numeric_type(v) == SQLITE_INTEGER && cur->of >= 0 && cur->of <= UINT32_MAX;
    case 'b':
        cur->have_object = true;
        cur->object = sqlite3_value_int64(v);
        return sqlite3_value_numeric_type(v) == SQLITE_INTEGER && cur->object > 0 &&
               cur->object < ODB_SPACE_OBJECT;
    case 'l':
        cur->have_lo = true;
        cur->lo = sqlite3_value_int64(v);
        return sqlite3_value_numeric_type(v) == SQLITE_INTEGER;
    case 'n':
        cur->len = sqlite3_value_int64(v);
        return sqlite3_value_numeric_type(v) == SQLITE_INTEGER && cur->len > 0;
    default: /* 'r' */
        if (sqlite3_value_type(v) != SQLITE_TEXT)
            return false;
        cur->scan.reg = db_reg_number((const char *)sqlite3_value_text(v));
        return cur->scan.reg >= 0;
    }
}

/* Bounds into the scan. Signed bounds become unsigned ones where that keeps the order. */
static void set_scan(struct cursor *cur, const struct bounds *b)
{
    struct db_scan *s = &cur->scan;
    s->t_lo = b->t_lo < 0 ? 0 : (uint64_t)b->t_lo;
    s->t_hi = (uint64_t)b->t_hi;
    if (cur->have_lo) {
        uint64_t last = (uint64_t)cur->lo + (uint64_t)(cur->len - 1);
        s->has_range = s->overlap = true;
        s->lo = (uint64_t)cur->lo;
        s->hi = last < s->lo ? UINT64_MAX : last;
    } else if ((b->a_lo > INT64_MIN || b->a_hi < INT64_MAX) && (b->a_lo < 0) == (b->a_hi < 0)) {
        s->has_range = true;
        s->lo = (uint64_t)b->a_lo;
        s->hi = (uint64_t)b->a_hi;
    }
    s->has_rip = b->rip_lo == b->rip_hi;
    s->rip = (uint64_t)b->rip_lo;
    s->has_tid = b->tid_lo == b->tid_hi;
    s->tid = (uint32_t)b->tid_lo;
    s->has_pid = b->pid_lo == b->pid_hi;
    s->pid = (uint32_t)b->pid_lo;
}

/* Memory of a process, or an object: the scan looks for writes to it by whatever address. */
static struct odb_err *set_target(struct cursor *cur, struct odb_db *db)
{
    struct db_scan *s = &cur->scan;
    if (!cur->have_object && !(cur->have_of && cur->have_lo))
        return NULL;
    ODB_TRY(db_load(db));
    if (cur->have_of && cur->have_lo) {
        uint64_t to = s->t_hi < db->end ? s->t_hi + 1 : db->end;
        uint32_t space;
        ODB_TRY(db_space_of(db, (uint32_t)cur->of, to, true, &space));
        ODB_TRY(db_target_history(db, space, s->lo, s->hi - s->lo + 1, s->t_lo, to, &cur->target));
    } else {
        ODB_TRY(db_target_bytes(db, ODB_SPACE_OBJECT + (uint32_t)cur->object, 0, INT64_MAX, 0, UINT64_MAX,
                                &cur->target));
    }
    s->target = &cur->target;
    return NULL;
}

static int writes_filter(sqlite3_vtab_cursor *c, int order, const char *plan, int argc, sqlite3_value **argv)
{
    struct cursor *cur = (struct cursor *)c;
    const struct writes_vtab *vt = (const struct writes_vtab *)c->pVtab;
    struct bounds b = {
        .t_lo = 0,
        .t_hi = INT64_MAX,
        .a_lo = INT64_MIN,
        .a_hi = INT64_MAX,
        .rip_lo = INT64_MIN,
        .rip_hi = INT64_MAX,
        .tid_lo = INT64_MIN,
        .tid_hi = INT64_MAX,
        .pid_lo = INT64_MIN,
        .pid_hi = INT64_MAX,
    };
    db_scan_end(&cur->scan);
    db_target_deinit(&cur->target);
    cur->scan =
        (struct db_scan){.kind = vt->table->kind, .desc = order == ORDER_DESC, .reg = -1, .done = true};
    cur->have_lo = cur->have_of = cur->have_object = false;
    cur->eof = true;
    cur->rowid = -1;
    cur->len = 1;
    for (int i = 0; i < argc; i++)
        if (!take_constraint(cur, &b, plan[2 * i], op_of_letter(plan[2 * i + 1]), argv[i]))
            return SQLITE_OK;
    if (b.t_hi < 0)
        return SQLITE_OK;
    set_scan(cur, &b);
    struct odb_err *e = set_target(cur, vt->vt.db);
    if (!e)
        e = db_scan_begin(&cur->scan, vt->vt.db);
    if (e)
        return vtab_fail(c->pVtab, e);
    return writes_next(c);
}

static int writes_eof(sqlite3_vtab_cursor *c) { return ((struct cursor *)c)->eof; }

/* Up to 8 bytes are an integer, more a blob. */
static void result_bytes(sqlite3_context *ctx, const uint8_t *p, uint32_t n)
{
    if (n > 8) {
        sqlite3_result_blob64(ctx, p, n, SQLITE_TRANSIENT);
        return;
    }
    uint64_t v = 0;
    memcpy(&v, p, n);
    sqlite3_result_int64(ctx, (sqlite3_int64)v);
}

static void result_reg(sqlite3_context *ctx, const struct chunk_regs *r, uint32_t i)
{
    if (regfile_wide(r->reg[i]) < 0)
        sqlite3_result_int64(ctx, (sqlite3_int64)r->val[i]);
    else
        sqlite3_result_blob64(ctx, r->wide + r->val[i], r->len[i], SQLITE_TRANSIENT);
}

static struct odb_err *result_syscall(sqlite3_context *ctx, struct odb_db *db, const struct db_scan *s)
{
    unsigned flags = s->col->mems.flags[s->i];
    if (!(flags & ODB_MEM_KERNEL))
        return NULL;
    char name[64] = "?";
    bool found = true;
    if (flags & ODB_MEM_SIGNAL)
        snprintf(name, sizeof(name), "signal");
    else
        ODB_TRY(db_syscall_name(db, db_scan_t(s), s->chunk.tid, &found, name, sizeof(name)));
    sqlite3_result_text(ctx, found ? name : "?", -1, SQLITE_TRANSIENT);
    return NULL;
}

/* The shared memory that the row's address shows; NULL: it is private. */
static struct odb_err *result_object(sqlite3_context *ctx, struct odb_db *db, const struct db_scan *s,
                                     enum role role)
{
    const struct db_content *c;
    gaddr addr = s->col->mems.addr[s->i];
    uint64_t t = db_scan_t(s);
    if (s->chunk.space > ODB_SPACE_OBJECT) { /* by a descriptor of its file */
        sqlite3_result_int64(ctx, role == R_OBJECT ? (sqlite3_int64)(s->chunk.space - ODB_SPACE_OBJECT)
                                                   : (sqlite3_int64)addr);
        return NULL;
    }
    ODB_TRY(db_find_content(db, s->chunk.space, t, addr, &c));
    if (!c) /* mapped by this very instruction */
        ODB_TRY(db_find_content(db, s->chunk.space, t + 1, addr, &c));
    if (c && c->object)
        sqlite3_result_int64(ctx, role == R_OBJECT ? (sqlite3_int64)c->object
                                                   : (sqlite3_int64)(c->offset + (addr - c->start)));
    return NULL;
}

static int writes_column(sqlite3_vtab_cursor *c, sqlite3_context *ctx, int column)
{
    struct cursor *cur = (struct cursor *)c;
    const struct writes_vtab *vt = (const struct writes_vtab *)c->pVtab;
    struct db_scan *s = &cur->scan;
    const struct chunk_mems *m = &s->col->mems;
    struct odb_err *e = NULL;
    gaddr rip;
    switch (vt->table->columns[column]) {
    case R_T: sqlite3_result_int64(ctx, (sqlite3_int64)db_scan_t(s)); break;
    case R_PID: sqlite3_result_int64(ctx, s->chunk.pid); break;
    case R_TID: sqlite3_result_int64(ctx, s->chunk.tid); break;
    case R_ADDR:
        if (s->chunk.space <= ODB_SPACE_OBJECT) /* else it has none: written by a descriptor */
            sqlite3_result_int64(ctx, (sqlite3_int64)m->addr[s->i]);
        break;
    case R_SIZE: sqlite3_result_int64(ctx, m->size[s->i]); break;
    case R_VALUE:
        if (s->kind == SCAN_REG)
            result_reg(ctx, &s->col->regs, s->i);
        else
            result_bytes(ctx, m->new_ + m->off[s->i], m->size[s->i]);
        break;
    case R_OLD_VALUE: result_bytes(ctx, m->old + m->off[s->i], m->size[s->i]); break;
    case R_RIP:
        e = db_scan_rip(s, &rip);
        if (!e && rip)
            sqlite3_result_int64(ctx, (sqlite3_int64)rip);
        break;
    case R_SYSCALL: e = result_syscall(ctx, vt->vt.db, s); break;
    case R_REG:
        sqlite3_result_text(ctx, db_reg_name(s->col->regs.reg[s->i], vt->vt.db->vector_bytes), -1,
                            SQLITE_STATIC);
        break;
    case R_LO:
        if (cur->have_lo)
            sqlite3_result_int64(ctx, cur->lo);
        break;
    case R_LEN: sqlite3_result_int64(ctx, cur->len); break;
    case R_OF:
        if (cur->have_of)
            sqlite3_result_int64(ctx, cur->of);
        break;
    case R_OBJECT:
    case R_OFFSET: e = result_object(ctx, vt->vt.db, s, vt->table->columns[column]); break;
    }
    return e ? vtab_fail(c->pVtab, e) : SQLITE_OK;
}

static int writes_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *ret)
{
    *ret = ((struct cursor *)c)->rowid;
    return SQLITE_OK;
}

static const sqlite3_module writes_module = {
    .iVersion = 1,
    .xConnect = writes_connect,
    .xBestIndex = writes_best_index,
    .xDisconnect = vtab_disconnect,
    .xDestroy = vtab_disconnect,
    .xOpen = writes_open,
    .xClose = writes_close,
    .xFilter = writes_filter,
    .xNext = writes_next,
    .xEof = writes_eof,
    .xColumn = writes_column,
    .xRowid = writes_rowid,
};

int vtab_writes_register(struct odb_db *db)
{
    for (size_t i = 0; i < N_TABLES; i++) {
        struct module_arg *arg = sqlite3_malloc64(sizeof(*arg));
        if (!arg)
            return SQLITE_NOMEM;
        *arg = (struct module_arg){db, &tables[i]};
        int rc = sqlite3_create_module_v2(db->sq, tables[i].name, &writes_module, arg, sqlite3_free);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}
