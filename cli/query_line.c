/* odb query line FILE:LINE: every time that a line began to execute. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/query_points.h"
#include "common/cleanup.h"

#define ULL(x) ((unsigned long long)(x))

/* where: "crash.c:17" */
static struct odb_err *line_row(struct query *q, struct symbols *s, const struct db_execution *x,
                                const char *where, bool first)
{
    char spot[512];
    struct sym_place place;
    ODB_TRY(symbols_place(s, x->rip, &place));
    const char *function = place.scopes[0].function;
    snprintf(spot, sizeof(spot), function ? "%s (%s)" : "%s%s", function ? function : "", where);
    if (q->json) {
        printf("%s{\"t\":%llu,\"pid\":%u,\"tid\":%u,\"rip\":\"0x%llx\",\"place\":", first ? "" : ",\n ",
               ULL(x->t), x->pid, x->tid, ULL(x->rip));
        json_string(stdout, spot, strlen(spot));
        putchar('}');
        return NULL;
    }
    printf("t %-10llu  ", ULL(x->t));
    print_task(q, x->pid, x->tid);
    printf("rip 0x%llx  %s\n", ULL(x->rip), spot);
    return NULL;
}

static struct odb_err *list(struct query *q, const struct query_points *p, const struct query_range *r,
                            const char *where)
{
    struct symbols *s;
    uint64_t n = 0, from = r->from;
    ODB_TRY(query_symbols_open(q, &s));
    while (n < r->max) {
        struct db_execution x;
        const struct sym_view *view;
        bool found = false;
        ODB_TRY(db_find_execution(q->db, p->points, p->n, from, r->to, false, &found, &x));
        if (!found)
            break;
        from = x.t + 1;
        if (q->tid && x.tid != q->tid)
            continue;
        ODB_TRY(view_db_memory_at(q->view, x.t, x.pid, &view));
        ODB_TRY(symbols_set_view(s, view));
        ODB_TRY(line_row(q, s, &x, where, !n));
        n++;
    }
    if (q->json)
        return NULL;
    if (!n)
        puts("never executed");
    else if (n == r->max)
        printf("the first %llu: more with --max, or from t %llu with --from\n", ULL(n), ULL(from));
    return NULL;
}

struct odb_err *answer_line(struct query *q)
{
    _cleanup_points_ struct query_points p = {0};
    struct query_range r;
    int line = 0;
    char name[512];
    const char *where = q->a->args[0];
    ODB_TRY(query_range(q, &r));
    ODB_TRY(query_find_line(q, where, &p, &line));
    const char *slash = strrchr(where, '/'), *file = slash ? slash + 1 : where;
    snprintf(name, sizeof(name), "%.*s:%d", (int)(strrchr(file, ':') - file), file, line);
    if (q->json)
        putchar('[');
    else if (atoi(strrchr(where, ':') + 1) != line)
        printf("no code in that line: this is about line %d\n", line);
    ODB_TRY(list(q, &p, &r, name));
    if (q->json)
        fputs("]\n", stdout);
    return NULL;
}
