/* Line tables. The row of an address is the last one at or below it; of rows at one address the last, unless
 * only an earlier one begins a statement (what gdb does). Line 0 is code of no line. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/internal.h"

void cu_read_lines(struct cu *cu)
{
    if (cu->lines_done)
        return;
    cu->lines_done = true;
    if (dwarf_getsrclines(&cu->die, &cu->lines, &cu->n_lines) != 0)
        cu->n_lines = 0;
}

static uint64_t row_addr(struct cu *cu, size_t i)
{
    Dwarf_Addr addr = 0;
    dwarf_lineaddr(dwarf_onesrcline(cu->lines, i), &addr);
    return addr;
}

static int row_line(struct cu *cu, size_t i)
{
    int line = 0;
    dwarf_lineno(dwarf_onesrcline(cu->lines, i), &line);
    return line;
}

static bool row_is_stmt(struct cu *cu, size_t i)
{
    bool flag = false;
    dwarf_linebeginstatement(dwarf_onesrcline(cu->lines, i), &flag);
    return flag;
}

static bool row_ends(struct cu *cu, size_t i)
{
    bool flag = false;
    dwarf_lineendsequence(dwarf_onesrcline(cu->lines, i), &flag);
    return flag;
}

static const char *row_file(struct cu *cu, size_t i)
{
    return dwarf_linesrc(dwarf_onesrcline(cu->lines, i), NULL, NULL);
}

/* The number of rows at or below vaddr. */
static size_t rows_below(struct cu *cu, uint64_t vaddr)
{
    size_t low = 0, high = cu->n_lines;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (row_addr(cu, mid) <= vaddr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Where gdb has the row begin that row i belongs to, 0 if no statement begins there: of rows of one line in
 * turn only the first counts from where one of them has a discriminator. */
static uint64_t run_start(struct cu *cu, size_t i)
{
    size_t first = i;
    bool divided = false;
    while (first > 0 && !row_ends(cu, first - 1) && row_line(cu, first - 1) == row_line(cu, i) &&
           row_file(cu, first - 1) == row_file(cu, i))
        first--;
    size_t start = first;
    for (size_t j = first; j <= i; j++) {
        unsigned discriminator = 0;
        dwarf_linediscriminator(dwarf_onesrcline(cu->lines, j), &discriminator);
        divided |= discriminator != 0;
        if (!divided)
            start = j;
    }
    return row_is_stmt(cu, start) ? row_addr(cu, start) : 0;
}

bool cu_line_at(struct cu *cu, uint64_t vaddr, struct line_at *ret)
{
    cu_read_lines(cu);
    size_t i = rows_below(cu, vaddr);
    if (!i--)
        return false;
    uint64_t addr = row_addr(cu, i);
    for (size_t j = i; !row_is_stmt(cu, i) && j > 0 && row_addr(cu, j - 1) == addr && !row_ends(cu, j - 1) &&
                       row_line(cu, j - 1);
         j--) {
        if (row_is_stmt(cu, j - 1)) {
            i = j - 1;
            break;
        }
    }
    ret->line = row_line(cu, i);
    if (row_ends(cu, i) || !ret->line)
        return false;
    ret->file = row_file(cu, i);
    ret->low = run_start(cu, i);
    ret->column = 0;
    dwarf_linecol(dwarf_onesrcline(cu->lines, i), &ret->column);
    return ret->file != NULL;
}

/* ---- all rows ---- */

struct odb_err *symbols_each_line(struct symbols *s,
                                  struct odb_err *(*fn)(void *ctx, const struct sym_line *l), void *ctx)
{
    for (size_t i = 0; i < s->n_instances; i++) {
        struct module *m;
        if (!s->instances[i].has_code)
            continue;
        ODB_TRY(sym_instance_module(s, &s->instances[i], &m));
        if (!m)
            continue;
        gaddr bias = s->instances[i].bias;
        module_read_cus(s, m);
        for (size_t j = 0; j < m->n_cus; j++) {
            struct cu *cu = m->cus[j];
            if (!cu->is_whole)
                continue;
            cu_read_lines(cu);
            for (size_t k = 0; k + 1 < cu->n_lines; k++) {
                if (row_ends(cu, k) || row_addr(cu, k) == row_addr(cu, k + 1) ||
                    !module_in_code(m, row_addr(cu, k)))
                    continue;
                struct sym_line l = {.module = m->path,
                                     .file = row_file(cu, k),
                                     .line = row_line(cu, k),
                                     .low = row_addr(cu, k) + bias,
                                     .high = row_addr(cu, k + 1) + bias,
                                     .is_stmt = row_is_stmt(cu, k)};
                dwarf_linecol(dwarf_onesrcline(cu->lines, k), &l.column);
                if (l.line && l.file)
                    ODB_TRY(fn(ctx, &l));
            }
        }
    }
    return NULL;
}

/* ---- FILE:LINE ---- */

/* "c.c" and "src/c.c" are ends of "/home/u/src/c.c". */
static bool is_file(const char *path, const char *asked)
{
    size_t n = strlen(path), n_asked = strlen(asked);
    if (n_asked > n || strcmp(path + n - n_asked, asked) != 0)
        return false;
    return n == n_asked || path[n - n_asked - 1] == '/';
}

struct found {
    gaddr *addrs; /* owned */
    size_t n;
    int line; /* 0: none yet */
};

static void found_add(struct found *f, int line, gaddr addr)
{
    if (f->line != line)
        f->n = 0;
    f->line = line;
    GROW(f->addrs, f->n);
    f->addrs[f->n++] = addr;
}

/* Row k begins a run of its line: the row before it in the sequence is another line's or another file's, or
 * the address is one that an inlined body begins at. */
static bool begins(struct cu *cu, size_t k, const char *file, int line)
{
    if (!k || row_ends(cu, k - 1))
        return true;
    return row_line(cu, k - 1) != line || row_file(cu, k - 1) != file;
}

static void find_in_unit(struct cu *cu, gaddr bias, const char *file, int line, struct found *ret)
{
    const char *last = NULL;
    bool last_is = false;
    cu_read_lines(cu);
    for (size_t k = 0; k < cu->n_lines; k++) {
        int at = row_line(cu, k);
        if (at < line || (ret->line && at > ret->line) || row_ends(cu, k) || !row_is_stmt(cu, k))
            continue;
        const char *path = row_file(cu, k);
        if (path != last) {
            last = path;
            last_is = path && is_file(path, file);
        }
        if (last_is && begins(cu, k, path, at) && module_in_code(cu->module, row_addr(cu, k)))
            found_add(ret, at, row_addr(cu, k) + bias);
    }
}

static int compare_addrs(const void *a, const void *b)
{
    const gaddr *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

struct odb_err *symbols_find_line(struct symbols *s, const char *file, int line, gaddr **ret, size_t *ret_n,
                                  int *ret_line)
{
    struct found f = {0};
    for (size_t i = 0; i < s->n_instances; i++) {
        struct module *m;
        if (!s->instances[i].has_code)
            continue;
        struct odb_err *e = sym_instance_module(s, &s->instances[i], &m);
        if (e) {
            free(f.addrs);
            return e;
        }
        if (!m)
            continue;
        module_read_cus(s, m);
        for (size_t j = 0; j < m->n_cus; j++)
            if (m->cus[j]->is_whole)
                find_in_unit(m->cus[j], s->instances[i].bias, file, line, &f);
    }
    if (f.n)
        qsort(f.addrs, f.n, sizeof(*f.addrs), compare_addrs);
    size_t n = 0;
    for (size_t i = 0; i < f.n; i++)
        if (!i || f.addrs[i] != f.addrs[i - 1])
            f.addrs[n++] = f.addrs[i];
    *ret = f.addrs;
    *ret_n = n;
    *ret_line = f.line;
    return NULL;
}
