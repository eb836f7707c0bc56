/* See stub_symbols.h: symbols/ over what the target shows at this position.
 *
 * Parsed files stay for the session; the view (registers, mappings) is made anew for each expression. A file is known to symbols/ by
 * a number: here its place in the recording's list. */
#include "gdb/stub_symbols.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "gdb/target_common.h"
#include "symbols/symbols.h"

enum { MAX_LEN = 1 << 30, MAX_FRAMES = 1000, POINTER_BYTES = 8 };

struct stub_symbols {
    struct target *g; /* borrowed */
    uint32_t pid;     /* that is looked at */
    struct symbols *symbols;
    struct target_map *target_maps; /* owned: names of maps */
    struct sym_map *maps;           /* owned */
};

/* ---- the process at this position, for symbols/ ---- */

static struct odb_err *open_file(void *ctx, uint32_t file_id, const char *path, int *ret_fd)
{
    struct stub_symbols *y = ctx;
    *ret_fd = -1;
    return file_id ? target_open_file(y->g, path, ret_fd) : NULL;
}

static struct odb_err *read_memory(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n)
{
    struct stub_symbols *y = ctx;
    return target_read(y->g, y->pid, addr, to, n_bytes, ret_n);
}

static struct odb_err *load_maps(struct stub_symbols *y, size_t *ret_n)
{
    const struct target_files *files;
    struct target_map *from;
    size_t n;
    ODB_TRY(y->g->ops->files(y->g, &files));
    ODB_TRY(target_maps(y->g, y->pid, &from, &n));
    struct sym_map *maps = calloc(n + 1, sizeof(*maps));
    if (!maps) {
        free(from);
        return odb_err("out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        const struct target_file *f = from[i].name[0] == '/' ? target_files_find(files, from[i].name) : NULL;
        maps[i] = (struct sym_map){
            .start = from[i].start,
            .end = from[i].end,
            .offset = from[i].offset,
            .file_id = f ? (uint32_t)(f - files->v) + 1 : 0,
            .executable = from[i].prot[2] == 'x',
            .name = from[i].name,
        };
    }
    free(y->target_maps);
    free(y->maps);
    y->target_maps = from;
    y->maps = maps;
    *ret_n = n;
    return NULL;
}

static struct odb_err *look(struct stub_symbols *y, uint32_t pid, uint32_t tid)
{
    struct sym_view view = {.ctx = y, .read = read_memory};
    struct target_regs r;
    y->pid = pid;
    ODB_TRY(target_registers(y->g, tid, &r));
    ODB_TRY(load_maps(y, &view.n_maps));
    view.maps = y->maps;
    memcpy(view.gpr, r.gpr, sizeof(view.gpr));
    view.rip = r.rip;
    view.rflags = r.rflags;
    view.fs_base = r.fs_base;
    view.gs_base = r.gs_base;
    memcpy(view.vec, r.vec, sizeof(view.vec));
    return symbols_set_view(y->symbols, &view);
}

static struct odb_err *symbols_of(struct stub *s, struct stub_symbols **ret)
{
    *ret = s->symbols;
    if (s->symbols)
        return NULL;
    struct stub_symbols *y = calloc(1, sizeof(*y));
    if (!y)
        return odb_err("out of memory");
    y->g = s->g;
    struct odb_err *e = symbols_create(&(struct sym_files){.ctx = y, .open = open_file}, &y->symbols);
    if (e) {
        free(y);
        return e;
    }
    *ret = s->symbols = y;
    return NULL;
}

void stub_symbols_destroy(struct stub_symbols *y)
{
    if (!y)
        return;
    symbols_destroy(y->symbols);
    free(y->target_maps);
    free(y->maps);
    free(y);
}

/* ---- evaluating ---- */

/* The frame with number `level`, as people count them, or the next one outwards that has debug information; where none has, the
 * innermost. */
static struct odb_err *choose_frame(struct symbols *y, const struct sym_frame *frames, size_t n,
                                    uint64_t level, const struct sym_frame **ret, size_t *ret_scope)
{
    uint64_t number = 0;
    *ret = &frames[0];
    *ret_scope = 0;
    for (size_t i = 0; i < n; i++) {
        struct sym_place place;
        ODB_TRY(symbols_place(y, frames[i].lookup_pc, &place));
        for (size_t scope = 0; scope < sym_frame_scopes(&frames[i], &place); scope++, number++) {
            if (number < level || !place.scopes[scope].file)
                continue;
            *ret = &frames[i];
            *ret_scope = scope;
            return NULL;
        }
    }
    return NULL;
}

static struct odb_err *evaluate(struct stub *s, struct stub_symbols *y, const char *expr,
                                struct sym_value *ret)
{
    _cleanup_free_ struct sym_frame *frames = NULL;
    const struct sym_frame *frame;
    const char *end;
    size_t n, scope;
    ODB_TRY(symbols_backtrace(y->symbols, MAX_FRAMES, &frames, &n, &end));
    if (n == 0)
        return odb_err("the thread has no frame here");
    ODB_TRY(choose_frame(y->symbols, frames, n, s->frame_level, &frame, &scope));
    return symbols_eval(y->symbols, frame, scope, expr, ret);
}

/* len 0: as long as the type says. */
static struct odb_err *range_of(struct symbols *y, const char *expr, const struct sym_value *v, uint64_t len,
                                struct stub_range *ret)
{
    uint64_t n = 0;
    if (v->optimized_out)
        return odb_err("'%s' is optimised out here", expr);
    if (v->has_addr) {
        ret->addr = v->addr;
        n = v->bit_size ? v->n_bytes : symbols_type_bytes(v->type);
    } else if (v->reg >= 0) {
        return odb_err("'%s' is in a register here, not in memory", expr);
    } else if (!symbols_points_to(y, v, &ret->addr, &n)) {
        if (!len || v->n_bytes > sizeof(ret->addr))
            return odb_err("'%s' is a mere value, not in memory", expr);
        ret->addr = 0;
        memcpy(&ret->addr, v->bytes, v->n_bytes);
    } else if (!n) {
        n = POINTER_BYTES;
    }
    ret->n_bytes = len ? len : n ? n : 1;
    return NULL;
}

/* The thread that the client's user looks at. */
static struct odb_err *asked_thread(struct stub *s, uint32_t *ret_pid, uint32_t *ret_tid)
{
    struct stub_thread general = s->general;
    if (s->looked_at.tid)
        s->general = s->looked_at;
    struct odb_err *e = stub_general_thread(s, ret_pid, ret_tid);
    s->general = general;
    return e;
}

static struct odb_err *memory_of_expression(struct stub *s, const char *expr, uint64_t len,
                                            struct stub_range *ret)
{
    struct stub_symbols *y;
    uint32_t tid;
    __attribute__((cleanup(symbols_value_deinit))) struct sym_value v = {0};
    ODB_TRY(asked_thread(s, &ret->pid, &tid));
    ODB_TRY(symbols_of(s, &y));
    ODB_TRY(look(y, ret->pid, tid));
    ODB_TRY(evaluate(s, y, expr, &v));
    return range_of(y->symbols, expr, &v, len, ret);
}

/* ---- the text ---- */

/* All of text as a number in one of C's notations. */
static bool is_number(const char *text, uint64_t *ret)
{
    char *end;
    uint64_t n = strtoull(text, &end, 0);
    if (*text < '0' || *text > '9' || *end)
        return false;
    *ret = n;
    return true;
}

/* The comma before LEN: the last one outside of brackets and quotes. */
static const char *length_comma(const char *text)
{
    const char *comma = NULL;
    char quote = 0;
    int depth = 0;
    for (const char *p = text; *p; p++) {
        if (quote && *p == '\\' && p[1])
            p++;
        else if (quote)
            quote = *p == quote ? 0 : quote;
        else if (*p == '"' || *p == '\'')
            quote = *p;
        else if (strchr("([{", *p))
            depth++;
        else if (strchr(")]}", *p))
            depth--;
        else if (*p == ',' && depth == 0)
            comma = p;
    }
    return comma;
}

struct odb_err *stub_memory_of(struct stub *s, const char *text, struct stub_range *ret)
{
    const char *comma = length_comma(text);
    _cleanup_free_ char *expr = comma ? strndup(text, (size_t)(comma - text)) : strdup(text);
    struct stub_range r = {0};
    uint64_t len = 0;
    if (!expr)
        return odb_err("out of memory");
    if (!*expr || (comma && (!is_number(comma + 1 + strspn(comma + 1, " "), &len) || !len)))
        return odb_err("'%s' is no memory: give an expression, or EXPR,LEN", text);
    if (is_number(expr, &r.addr)) {
        uint32_t tid;
        ODB_TRY(asked_thread(s, &r.pid, &tid));
        r.n_bytes = len ? len : POINTER_BYTES;
    } else {
        ODB_TRY(memory_of_expression(s, expr, len, &r));
    }
    if (r.n_bytes > MAX_LEN || r.addr + (r.n_bytes - 1) < r.addr)
        return odb_err("'%s' is too long", text);
    *ret = r;
    return NULL;
}
