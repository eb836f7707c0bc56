/* The loadable extension in a host of its own: after any use, sqlite3_close() must work, which it does not while
 * the extension still holds a statement.
 *
 *     test_db_ext INDEX.DB ODB_DB.SO */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const uses[] = {
    "SELECT 1",
    "SELECT memory(100, 0x10000000, 8)",
    "SELECT memory(100, 1, 8)",
    "SELECT * FROM registers(100)",
    "SELECT * FROM mem_writes WHERE t < 1000 ORDER BY t DESC LIMIT 1",
    "SELECT * FROM mem_writes a JOIN mem_writes b ON b.t = a.t + 1 WHERE a.t < 300",
    "SELECT * FROM reg_writes WHERE reg IN ('rax', 'rbx', NULL) ORDER BY t DESC LIMIT 20",
    "SELECT * FROM mem_writes(0x10002fe0, 64) WHERE syscall IS NOT NULL",
    "SELECT count(*) FROM executions e, mem_writes m, reg_writes r WHERE e.t=200 AND m.t=e.t AND r.t=m.t",
    "SELECT m.t, (SELECT max(w.t) FROM mem_writes(m.addr,m.size) w WHERE w.t<m.t) FROM mem_writes m LIMIT 30",
    "SELECT odb_hex('x')",
    "SELECT * FROM registers",
};
enum { N_USES = sizeof(uses) / sizeof(uses[0]) };

static int run(sqlite3 *db, const char *sql, int max_rows)
{
    sqlite3_stmt *st;
    int rows = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        return 0;
    while (rows < max_rows && sqlite3_step(st) == SQLITE_ROW)
        rows++;
    sqlite3_finalize(st);
    return rows;
}

static sqlite3 *open_with(const char *path, const char *extension)
{
    sqlite3 *db;
    char *message = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        exit(2);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
    if (sqlite3_load_extension(db, extension, NULL, &message) != SQLITE_OK) {
        fprintf(stderr, "%s\n", message);
        exit(1);
    }
    return db;
}

static void close_db(sqlite3 *db, const char *after)
{
    int rc = sqlite3_close(db);
    if (rc != SQLITE_OK) {
        fprintf(stderr, "sqlite3_close after %s: %s\n", after, sqlite3_errstr(rc));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: test_db_ext INDEX.DB ODB_DB.SO\n");
        return 2;
    }
    int rows = 0;
    for (int i = 0; i < N_USES; i++) {
        sqlite3 *db = open_with(argv[1], argv[2]);
        rows += run(db, uses[i], i % 2 ? 1000000 : 3);
        close_db(db, uses[i]);
    }
    sqlite3 *db = open_with(argv[1], argv[2]);
    for (int i = 0; i < N_USES; i++)
        rows += run(db, uses[i], 1000);
    close_db(db, "all");
    db = open_with(":memory:", argv[2]); /* not an index */
    for (int i = 0; i < N_USES; i++)
        run(db, uses[i], 1000);
    close_db(db, "no index");
    printf("%d rows\n", rows);
    return rows < 100;
}
