/* registers(t [, tid]): a table-valued function with one row, all registers of a thread in the state at t.
 * Without a tid: of the thread that executes instruction t. */
#include <stdio.h>
#include <string.h>

#include "db/vtab.h"

#define N_SCALARS 21 /* rax ... mxcsr */
#define N_VECTORS 16
enum { COL_T = N_SCALARS + N_VECTORS, COL_TID };

static const char declaration[] =
    "CREATE TABLE registers(rax INTEGER, rcx INTEGER, rdx INTEGER, rbx INTEGER, rsp INTEGER, rbp INTEGER, "
    "rsi INTEGER,"
    " rdi INTEGER, r8 INTEGER, r9 INTEGER, r10 INTEGER, r11 INTEGER, r12 INTEGER, r13 INTEGER, r14 INTEGER, "
    "r15 INTEGER,"
    " rip INTEGER, rflags INTEGER, fs_base INTEGER, gs_base INTEGER, mxcsr INTEGER,"
    " ymm0 BLOB, ymm1 BLOB, ymm2 BLOB, ymm3 BLOB, ymm4 BLOB, ymm5 BLOB, ymm6 BLOB, ymm7 BLOB, ymm8 BLOB, "
    "ymm9 BLOB,"
    " ymm10 BLOB, ymm11 BLOB, ymm12 BLOB, ymm13 BLOB, ymm14 BLOB, ymm15 BLOB, t INTEGER HIDDEN, tid INTEGER "
    "HIDDEN)";

struct cursor {
    sqlite3_vtab_cursor base;
    bool eof;
    uint64_t t;
    struct db_regs regs;
};

static int regs_connect(sqlite3 *sq, void *arg, int argc, const char *const *argv, sqlite3_vtab **ret,
                        char **ret_err)
{
    (void)argc;
    (void)argv;
    return vtab_connect(sq, arg, declaration, sizeof(struct vtab), ret, ret_err);
}

static int regs_best_index(sqlite3_vtab *vt, sqlite3_index_info *info)
{
    info->estimatedCost = 1000;
    info->estimatedRows = 1;
    info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
    return vtab_best_state(vt, info, COL_T, "registers");
}

static int regs_open(sqlite3_vtab *vt, sqlite3_vtab_cursor **ret)
{
    (void)vt;
    int rc = vtab_open(sizeof(struct cursor), ret);
    if (rc == SQLITE_OK)
        ((struct cursor *)*ret)->eof = true;
    return rc;
}

static int regs_close(sqlite3_vtab_cursor *c)
{
    sqlite3_free(c);
    return SQLITE_OK;
}

static int regs_filter(sqlite3_vtab_cursor *c, int idx, const char *plan, int argc, sqlite3_value **argv)
{
    (void)idx, (void)plan;
    struct cursor *cur = (struct cursor *)c;
    int64_t t = argc > 0 ? sqlite3_value_int64(argv[0]) : 0,
            tid = argc > 1 ? sqlite3_value_int64(argv[1]) : 0;
    cur->eof = true;
    if (argc < 1 || sqlite3_value_numeric_type(argv[0]) != SQLITE_INTEGER)
        return SQLITE_OK;
    if (t < 0)
        return vtab_fail(c->pVtab, odb_err("t %lld: states begin at 0", (long long)t));
    if (tid < 0 || tid > UINT32_MAX)
        return SQLITE_OK;
    struct odb_err *e = db_registers(((struct vtab *)c->pVtab)->db, (uint64_t)t, (uint32_t)tid, &cur->regs);
    if (e)
        return vtab_fail(c->pVtab, e);
    cur->t = (uint64_t)t;
    cur->eof = false;
    return SQLITE_OK;
}

static int regs_next(sqlite3_vtab_cursor *c)
{
    ((struct cursor *)c)->eof = true;
    return SQLITE_OK;
}

static int regs_eof(sqlite3_vtab_cursor *c) { return ((struct cursor *)c)->eof; }

static int regs_column(sqlite3_vtab_cursor *c, sqlite3_context *ctx, int column)
{
    const struct cursor *cur = (const struct cursor *)c;
    if (column == COL_T)
        sqlite3_result_int64(ctx, (sqlite3_int64)cur->t);
    else if (column == COL_TID)
        sqlite3_result_int64(ctx, cur->regs.tid);
    else if (column >= N_SCALARS)
        sqlite3_result_blob(ctx, cur->regs.regs.wide[column - N_SCALARS], (int)cur->regs.vector_bytes,
                            SQLITE_TRANSIENT);
    else
        sqlite3_result_int64(ctx, (sqlite3_int64)cur->regs.regs.scalar[column]);
    return SQLITE_OK;
}

static int regs_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *ret)
{
    (void)c;
    *ret = 0;
    return SQLITE_OK;
}

static const sqlite3_module regs_module = {
    .iVersion = 1,
    .xConnect = regs_connect,
    .xBestIndex = regs_best_index,
    .xDisconnect = vtab_disconnect,
    .xDestroy = vtab_disconnect,
    .xOpen = regs_open,
    .xClose = regs_close,
    .xFilter = regs_filter,
    .xNext = regs_next,
    .xEof = regs_eof,
    .xColumn = regs_column,
    .xRowid = regs_rowid,
};

int vtab_registers_register(struct odb_db *db)
{
    return sqlite3_create_module_v2(db->sq, "registers", &regs_module, db, NULL);
}
