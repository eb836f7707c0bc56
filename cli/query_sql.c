/* SQL for `odb query`: text as an aligned table, JSON as an array of objects. The connection can only read.
 *
 * Column widths are those of the first ROWS_AHEAD rows, so that an answer of any length is printed as it
 * comes. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/query.h"
#include "common/cleanup.h"

#define ROWS_AHEAD 200
#define WIDTH_MAX 60
#define BLOB_SHOWN 32

/* Columns that hold addresses: shown in hexadecimal. */
static bool is_address(const char *name)
{
    static const char *const names[] = {"addr", "rip", "pc",      "start",  "end",
                                        "rsp",  "rbp", "fs_base", "gs_base"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* One field as text, allocated. */
static char *field_text(sqlite3_stmt *st, int i)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    int n_bytes = sqlite3_column_bytes(st, i);
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_NULL: break;
    case SQLITE_INTEGER:
        fprintf(f, is_address(sqlite3_column_name(st, i)) ? "0x%llx" : "%lld", sqlite3_column_int64(st, i));
        break;
    case SQLITE_BLOB: {
        const uint8_t *p = sqlite3_column_blob(st, i);
        for (int k = 0; k < n_bytes && k < BLOB_SHOWN; k++)
            fprintf(f, "%02x", p[k]);
        if (n_bytes > BLOB_SHOWN)
            fprintf(f, "... (%d bytes)", n_bytes);
        break;
    }
    default: {
        const char *p = (const char *)sqlite3_column_text(st, i);
        for (; p && *p; p++)
            fputs(*p == '\n' ? "\\n" : *p == '\t' ? "\\t" : (char[]){*p, 0}, f);
        break;
    }
    }
    fclose(f);
    return text;
}

struct table {
    int n_columns;
    int *width;
    bool *right; /* numbers stand at the right */
    char **ahead;
    int n_ahead;
};

static void print_cell(const struct table *t, int i, const char *text)
{
    if (i)
        fputs("  ", stdout);
    if (t->right[i])
        printf("%*s", t->width[i], text);
    else if (i + 1 < t->n_columns)
        printf("%-*s", t->width[i], text);
    else
        fputs(text, stdout);
    if (i + 1 == t->n_columns)
        putchar('\n');
}

static void print_head(const struct table *t, sqlite3_stmt *st)
{
    for (int i = 0; i < t->n_columns; i++)
        print_cell(t, i, sqlite3_column_name(st, i));
    for (int r = 0; r < t->n_ahead; r++)
        for (int i = 0; i < t->n_columns; i++)
            print_cell(t, i, t->ahead[r * t->n_columns + i]);
}

static void widen(struct table *t, int i, const char *text)
{
    size_t n = strlen(text);
    if (n > WIDTH_MAX)
        n = WIDTH_MAX;
    if ((int)n > t->width[i])
        t->width[i] = (int)n;
}

/* Takes the current row: kept while widths are being found, then printed. */
static struct odb_err *text_row(struct table *t, sqlite3_stmt *st, bool *started)
{
    for (int i = 0; i < t->n_columns; i++) {
        char *text = field_text(st, i);
        if (!text)
            return odb_err("out of memory");
        if (*started) {
            print_cell(t, i, text);
            free(text);
            continue;
        }
        t->ahead[t->n_ahead * t->n_columns + i] = text;
        t->right[i] |= !t->n_ahead && sqlite3_column_type(st, i) == SQLITE_INTEGER;
        widen(t, i, text);
    }
    if (!*started && ++t->n_ahead == ROWS_AHEAD) {
        print_head(t, st);
        *started = true;
    }
    return NULL;
}

static struct odb_err *text_rows(sqlite3 *sq, sqlite3_stmt *st)
{
    int n = sqlite3_column_count(st);
    _cleanup_free_ int *width = calloc((size_t)n, sizeof(*width));
    _cleanup_free_ bool *right = calloc((size_t)n, sizeof(*right));
    _cleanup_free_ char **ahead = calloc((size_t)n * ROWS_AHEAD, sizeof(*ahead));
    if (!width || !right || !ahead)
        return odb_err("out of memory");
    struct table t = {.n_columns = n, .width = width, .right = right, .ahead = ahead};
    struct odb_err *e = NULL;
    bool started = false;
    int rc = SQLITE_DONE;
    for (int i = 0; i < n; i++)
        widen(&t, i, sqlite3_column_name(st, i));
    while (!e && (rc = sqlite3_step(st)) == SQLITE_ROW)
        e = text_row(&t, st, &started);
    if (!e && rc != SQLITE_DONE)
        e = odb_err("SQL: %s", sqlite3_errmsg(sq));
    if (!e && !started)
        print_head(&t, st);
    for (int i = 0; i < n * ROWS_AHEAD; i++)
        free(ahead[i]);
    return e;
}

static void json_value(sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_NULL: fputs("null", stdout); break;
    case SQLITE_INTEGER: printf("%lld", sqlite3_column_int64(st, i)); break;
    case SQLITE_FLOAT: {
        double v = sqlite3_column_double(st, i);
        if (v - v == 0)
            printf("%.17g", v);
        else
            fputs("null", stdout); /* JSON has no infinity */
        break;
    }
    case SQLITE_BLOB: {
        const void *p = sqlite3_column_blob(st, i);
        json_hex(stdout, p, (size_t)sqlite3_column_bytes(st, i));
        break;
    }
    default: {
        const void *p = sqlite3_column_text(st, i);
        json_string(stdout, p, (size_t)sqlite3_column_bytes(st, i));
        break;
    }
    }
}

static struct odb_err *json_rows(sqlite3 *sq, sqlite3_stmt *st)
{
    int rc, n = sqlite3_column_count(st);
    bool any = false;
    fputs("[", stdout);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        fputs(any ? ",\n {" : "{", stdout);
        for (int i = 0; i < n; i++) {
            const char *name = sqlite3_column_name(st, i);
            if (i)
                putchar(',');
            json_string(stdout, name, strlen(name));
            putchar(':');
            json_value(st, i);
        }
        putchar('}');
        any = true;
    }
    if (rc != SQLITE_DONE)
        return odb_err("SQL: %s", sqlite3_errmsg(sq));
    fputs("]\n", stdout);
    return NULL;
}

struct odb_err *query_sql(struct query *q, const char *sql)
{
    sqlite3 *sq = db_sqlite(q->db);
    ODB_TRY(query_sql_symbols(q));
    for (const char *rest = sql; *rest;) {
        sqlite3_stmt *st = NULL;
        if (sqlite3_prepare_v2(sq, rest, -1, &st, &rest) != SQLITE_OK)
            return odb_err("SQL: %s (the tables are in docs/schema.md)", sqlite3_errmsg(sq));
        if (!st)
            continue; /* white space or a comment */
        struct odb_err *e = NULL;
        if (!sqlite3_stmt_readonly(st))
            e = odb_err("SQL: the index can only be read");
        else if (sqlite3_column_count(st))
            e = q->json ? json_rows(sq, st) : text_rows(sq, st);
        sqlite3_finalize(st);
        ODB_TRY(e);
    }
    return NULL;
}
