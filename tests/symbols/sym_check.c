/* Answers questions about a core file through symbols/, one a line, for the comparison with gdb (compare.py).
 *
 *     sym_check CORE FRAMES < QUESTIONS
 *
 * FRAMES has a line for each physical frame, innermost first: pc cfa is_signal and the 16 general registers,
 * in hex; gdb wrote it, so that these tests are independent of our unwinder. Questions:
 *     place ADDR | args FUNCTION | result FUNCTION | bt | stack | locals FRAME SCOPE | print FRAME SCOPE
 * EXPR | type FRAME SCOPE EXPR | line FILE:LINE | function NAME */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "view_core.h"
#include "common/cleanup.h"

static struct sym_frame frames[256];
static size_t n_frames;

static void read_frames(const char *path)
{
    _cleanup_fclose_ FILE *f = fopen(path, "r");
    odb_assert(f);
    struct sym_frame at = {0};
    int is_signal;
    while (n_frames < 256 &&
           fscanf(f, "%" SCNx64 " %" SCNx64 " %d %" SCNx32, &at.pc, &at.cfa, &is_signal, &at.known) == 4) {
        for (int i = 0; i < 16; i++)
            odb_assert(fscanf(f, "%" SCNx64, &at.gpr[i]) == 1);
        at.is_signal_handler_caller = is_signal;
        at.how = n_frames ? SYM_FRAME_CFI : SYM_FRAME_INNERMOST;
        at.lookup_pc = at.pc - (n_frames && !is_signal ? 1 : 0);
        frames[n_frames++] = at;
    }
}

static struct odb_err *answer_place(struct symbols *s, gaddr addr)
{
    char text[1024];
    struct sym_place p;
    ODB_TRY(symbols_describe(s, addr, text, sizeof(text)));
    printf("%s\n", text);
    ODB_TRY(symbols_place(s, addr, &p));
    for (size_t i = 0; i < p.n_scopes; i++)
        printf("  %s [%s] %s:%d\n", p.scopes[i].function ? p.scopes[i].function : "?",
               p.scopes[i].linkage ? p.scopes[i].linkage : "?", p.scopes[i].file ? p.scopes[i].file : "?",
               p.scopes[i].line);
    return NULL;
}

static struct odb_err *answer_backtrace(struct symbols *s)
{
    for (size_t i = 0; i < n_frames; i++) {
        struct sym_place p;
        ODB_TRY(symbols_place(s, frames[i].lookup_pc, &p));
        for (size_t j = 0; j < p.n_scopes; j++) {
            const struct sym_scope *at = &p.scopes[j];
            const char *slash = at->file ? strrchr(at->file, '/') : NULL;
            printf("%s %s:%d\n", at->function ? at->function : "??",
                   slash      ? slash + 1
                   : at->file ? at->file
                              : "",
                   at->line);
        }
    }
    return NULL;
}

static struct odb_err *answer_function(struct symbols *s, const char *name)
{
    _cleanup_free_ gaddr *addrs = NULL;
    size_t n;
    ODB_TRY(symbols_find_function(s, name, &addrs, &n));
    for (size_t i = 0; i < n; i++)
        printf("0x%" PRIx64 "%s", addrs[i], i + 1 < n ? " " : "");
    printf("\n");
    return NULL;
}

static struct odb_err *answer_line(struct symbols *s, char *where)
{
    _cleanup_free_ gaddr *addrs = NULL;
    size_t n;
    int line;
    char *colon = strrchr(where, ':');
    odb_assert(colon);
    *colon = 0;
    ODB_TRY(symbols_find_line(s, where, atoi(colon + 1), &addrs, &n, &line));
    printf("%d:", line);
    for (size_t i = 0; i < n; i++)
        printf(" 0x%" PRIx64, addrs[i]);
    printf("\n");
    return NULL;
}

static struct odb_err *answer_locals(struct symbols *s, size_t frame, size_t scope)
{
    struct sym_variable *vars;
    size_t n;
    ODB_TRY(symbols_locals(s, &frames[frame], scope, &vars, &n));
    for (size_t i = 0; i < n; i++) {
        printf("%s%s = ", vars[i].is_parameter ? "arg: " : "", vars[i].name);
        _cleanup_err_ struct odb_err *e = symbols_print_plain(s, &vars[i].value, stdout);
        if (e)
            printf("<error: %s>", odb_err_text(e));
        printf("\n");
    }
    symbols_variables_free(vars, n);
    return NULL;
}

static struct odb_err *answer_print(struct symbols *s, size_t frame, size_t scope, const char *expr,
                                    bool type)
{
    struct sym_value v;
    char name[512];
    ODB_TRY(symbols_eval(s, frame < n_frames ? &frames[frame] : NULL, scope, expr, &v));
    struct odb_err *e = NULL;
    if (type) {
        e = symbols_type_name(s, v.type, name, sizeof(name));
        if (!e)
            printf("%s", name);
    } else {
        e = symbols_print_value(s, &v, stdout);
    }
    symbols_value_deinit(&v);
    printf("\n");
    return e;
}

static struct odb_err *answer_stack(struct symbols *s)
{
    _cleanup_free_ struct sym_frame *own = NULL;
    size_t n;
    const char *end;
    ODB_TRY(symbols_backtrace(s, 256, &own, &n, &end));
    for (size_t i = 0; i < n; i++)
        printf("%" PRIx64 " %" PRIx64 " %d\n", own[i].pc, own[i].cfa, own[i].how);
    printf("%s\n", end);
    return NULL;
}

static struct odb_err *answer_arguments(struct symbols *s, gaddr function)
{
    struct sym_variable *vars;
    size_t n;
    bool found;
    ODB_TRY(symbols_arguments(s, function, &vars, &n, &found));
    for (size_t i = 0; i < n; i++) {
        printf("%s = ", vars[i].name);
        odb_err_free(symbols_print_plain(s, &vars[i].value, stdout));
        printf("\n");
    }
    symbols_variables_free(vars, n);
    return NULL;
}

static struct odb_err *answer_result(struct symbols *s, gaddr function)
{
    struct sym_value v;
    bool found;
    ODB_TRY(symbols_result(s, function, &v, &found));
    if (!found)
        return NULL;
    struct odb_err *e = symbols_print_value(s, &v, stdout);
    printf("\n");
    symbols_value_deinit(&v);
    return e;
}

static struct odb_err *answer(struct symbols *s, char *line)
{
    size_t frame, scope;
    int at = 0;
    if (strncmp(line, "place ", 6) == 0)
        return answer_place(s, strtoull(line + 6, NULL, 16));
    if (strcmp(line, "bt") == 0)
        return answer_backtrace(s);
    if (strncmp(line, "args ", 5) == 0)
        return answer_arguments(s, strtoull(line + 5, NULL, 16));
    if (strncmp(line, "result ", 7) == 0)
        return answer_result(s, strtoull(line + 7, NULL, 16));
    if (strcmp(line, "stack") == 0)
        return answer_stack(s);
    if (strncmp(line, "line ", 5) == 0)
        return answer_line(s, line + 5);
    if (strncmp(line, "function ", 9) == 0)
        return answer_function(s, line + 9);
    if (sscanf(line, "locals %zu %zu", &frame, &scope) == 2)
        return answer_locals(s, frame, scope);
    if (sscanf(line, "print %zu %zu %n", &frame, &scope, &at) == 2 && at)
        return answer_print(s, frame, scope, line + at, false);
    if (sscanf(line, "type %zu %zu %n", &frame, &scope, &at) == 2 && at)
        return answer_print(s, frame, scope, line + at, true);
    (void)frame, (void)scope, (void)at;
    return odb_err("what is \"%s\"?", line);
}

int main(int argc, char **argv)
{
    odb_assert(argc == 3);
    struct view_core *v;
    struct symbols *s;
    struct odb_err *e = view_core_open(argv[1], &v);
    odb_assert(!e);
    read_frames(argv[2]);
    struct sym_files files = view_core_files(v);
    e = symbols_create(&files, &s);
    odb_assert(!e);
    e = symbols_set_view(s, view_core_view(v));
    odb_assert(!e);
    char line[4096];
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = 0;
        e = answer(s, line);
        if (e)
            printf("error: %s\n", odb_err_text(e));
        odb_err_free(e);
        printf(".\n");
        fflush(stdout);
    }
    symbols_destroy(s);
    view_core_close(v);
    return 0;
}
