/* odb's tables and functions on a connection: for odb itself (db_register), and as a loadable extension:
 *
 *     $ sqlite3 REC/index.db
 *     sqlite> .load /usr/lib/odb/odb_db
 *     sqlite> SELECT * FROM mem_writes LIMIT 5;
 *
 * Functions: memory(t, addr, len [, pid]), odb_hex(x), covers(addr, size, lo, len), symbol(addr [, pid [, t]]). */
#ifdef ODB_LOADABLE
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1
#endif

#include "db/ext.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "db/internal.h"
#include "db/vtab.h"

#define MEMORY_MAX_BYTES (64 << 20)

static struct odb_err *memory_bytes(struct odb_db *db, int64_t t, int64_t addr, int64_t len, int64_t pid,
                                    uint8_t **ret)
{
    if (t < 0)
        return odb_err("memory: t %lld: states begin at 0", (long long)t);
    if (len < 0 || len > MEMORY_MAX_BYTES)
        return odb_err("memory: length %lld: at most %d bytes at once", (long long)len, MEMORY_MAX_BYTES);
    if (pid < 0 || pid > UINT32_MAX)
        return odb_err("memory: %lld is no process", (long long)pid);
    _cleanup_free_ uint8_t *buf = malloc((size_t)len + 1);
    _cleanup_free_ bool *valid = malloc((size_t)len + 1);
    size_t n_valid;
    if (!buf || !valid)
        return odb_err("out of memory");
    ODB_TRY(db_memory(db, (uint64_t)t, (uint32_t)pid, (uint64_t)addr, (size_t)len, buf, valid, &n_valid));
    for (size_t i = 0; i < (size_t)len; i++)
        if (!valid[i])
            return odb_err("memory: 0x%llx is not mapped at t %lld", (unsigned long long)addr + i,
                           (long long)t);
    *ret = take_ptr(buf);
    return NULL;
}

static void memory_fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    struct odb_db *db = sqlite3_user_data(ctx);
    for (int i = 0; i < argc; i++) {
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
            return;
        if (sqlite3_value_numeric_type(argv[i]) != SQLITE_INTEGER) {
            sqlite3_result_error(ctx, "memory(t, addr, len [, pid]) takes integers", -1);
            return;
        }
    }
    uint8_t *buf = NULL;
    int64_t len = sqlite3_value_int64(argv[2]);
    db_use(db); /* where no table is connected, db_unuse finalizes what this prepared */
    struct odb_err *e = db_load(db);
    if (!e)
        e = memory_bytes(db, sqlite3_value_int64(argv[0]), sqlite3_value_int64(argv[1]), len,
                         argc > 3 ? sqlite3_value_int64(argv[3]) : 0, &buf);
    db_unuse(db);
    if (e)
        sqlite3_result_error(ctx, odb_err_text(e), -1);
    else
        sqlite3_result_blob64(ctx, buf, (uint64_t)len, SQLITE_TRANSIENT);
    free(buf);
    odb_err_free(e);
}

static void hex_fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    if (sqlite3_value_type(argv[0]) == SQLITE_NULL)
        return;
    if (sqlite3_value_numeric_type(argv[0]) != SQLITE_INTEGER) {
        sqlite3_result_error(ctx, "odb_hex takes an integer; for blobs there is hex()", -1);
        return;
    }
    char text[24];
    snprintf(text, sizeof(text), "0x%llx", (unsigned long long)sqlite3_value_int64(argv[0]));
    sqlite3_result_text(ctx, text, -1, SQLITE_TRANSIENT);
}

/* covers(addr, size, lo, len): does [addr, addr + size) touch [lo, lo + len)? */
static void covers_fn(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    for (int i = 0; i < argc; i++)
        if (sqlite3_value_type(argv[i]) == SQLITE_NULL)
            return;
    uint64_t a = (uint64_t)sqlite3_value_int64(argv[0]), size = (uint64_t)sqlite3_value_int64(argv[1]);
    uint64_t lo = (uint64_t)sqlite3_value_int64(argv[2]), len = (uint64_t)sqlite3_value_int64(argv[3]);
    sqlite3_result_int(ctx, size && len && (a >= lo ? a - lo < len : lo - a < size));
}

static void free_borrowed(void *db) { db_free(db); }

int db_register(struct odb_db *db, bool adopt)
{
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    int rc = vtab_writes_register(db);
    if (rc == SQLITE_OK)
        rc = vtab_registers_register(db);
    if (rc == SQLITE_OK)
        rc = vtab_lines_register(db);
    if (rc == SQLITE_OK)
        rc = symbol_register(db);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db->sq, "odb_hex", 1, flags | SQLITE_DETERMINISTIC, NULL, hex_fn,
                                        NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db->sq, "covers", 4, flags | SQLITE_DETERMINISTIC, NULL, covers_fn,
                                        NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db->sq, "memory", 4, flags, db, memory_fn, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db->sq, "memory", 3, flags, db, memory_fn, NULL, NULL,
                                        adopt ? free_borrowed : NULL);
    else if (adopt)
        db_free(db);
    return rc;
}

#ifdef ODB_LOADABLE
__attribute__((visibility("default"))) int sqlite3_odbdb_init(sqlite3 *sq, char **ret_err,
                                                              const sqlite3_api_routines *api)
{
    SQLITE_EXTENSION_INIT2(api);
    if (sqlite3_libversion_number() < 3038000) {
        *ret_err = sqlite3_mprintf("odb needs SQLite 3.38 or newer, this is %s", sqlite3_libversion());
        return SQLITE_ERROR;
    }
    struct odb_db *db = db_borrow(sq);
    return db ? db_register(db, true) : SQLITE_NOMEM;
}
#endif
