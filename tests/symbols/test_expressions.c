/* Wild expressions against this process itself: an answer or an error, never a crash, and the same ones each
 * time. Expressions are built from words that exist and pieces that do not fit, by a fixed generator. */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "symbols/symbols.h"

struct thing {
    int number;
    const char *text;
    struct thing *next;
    double list[3];
    unsigned bits : 5;
};
struct thing global_thing = {7, "seven", &global_thing, {1, 2, 3}, 9};
int global_numbers[10] = {1, 2, 3};
static const char *const words[] = {
    "global_thing",
    "global_numbers",
    "number",
    "text",
    "next",
    "list",
    "bits",
    "->",
    ".",
    "[",
    "]",
    "(",
    ")",
    "*",
    "&",
    "+",
    "-",
    "/",
    "%",
    "<<",
    ">>",
    "==",
    "<",
    "?",
    ":",
    "!",
    "~",
    "{",
    "}",
    "@",
    "1",
    "0",
    "-1",
    "0x7fffffffffffffff",
    "1e308",
    "'a'",
    "\"text\"",
    "sizeof",
    "struct thing",
    "int",
    "unsigned long",
    "char",
    "*",
    "(int)",
    "(struct thing *)",
    "(char *)",
    "{int}",
    "$rsp",
    "$xmm0",
    "$nothing",
    "main",
    "::",
    ",",
    "=",
    "&&",
    "||",
    "'x.c'::y",
    "a<b>",
    "[3]",
    "(*)(int)",
    "0",
    "->next",
    ".list[1]",
    "@3",
    "1.5f",
    "\\",
    "\"",
    "'",
    "union",
    "enum e",
    "const",
    "long double",
    "99999999999999999999",
    "#",
    "&&&",
};

static struct odb_err *self_read(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n)
{
    (void)ctx;
    size_t n = 0;
    while (n < n_bytes) {
        size_t piece = 4096 - (addr + n) % 4096;
        piece = piece < n_bytes - n ? piece : n_bytes - n;
        struct iovec local = {(char *)to + n, piece}, remote = {(void *)(uintptr_t)(addr + n), piece};
        if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != (ssize_t)piece)
            break;
        n += piece;
    }
    *ret_n = n;
    return NULL;
}

static struct odb_err *self_open(void *ctx, uint32_t file_id, const char *path, int *ret_fd)
{
    (void)ctx, (void)file_id;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return NULL;
}

static struct sym_map maps[1024];
static size_t n_maps;

static void read_maps(void)
{
    _cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "r");
    char line[4096];
    odb_assert(f);
    while (n_maps < 1024 && fgets(line, sizeof(line), f)) {
        struct sym_map *m = &maps[n_maps++];
        char prot[8], path[2048] = "";
        unsigned long inode;
        odb_assert(sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %lu %2047[^\n]", &m->start,
                          &m->end, prot, &m->offset, &inode, path) >= 5);
        m->executable = prot[2] == 'x';
        m->name = strdup(path);
        m->file_id = inode ? (uint32_t)inode : 0;
    }
}

static uint64_t seed = 88172645463325252ULL;
static uint32_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32);
}

/* Returns whether there was a value. */
static bool one(struct symbols *s, const struct sym_frame *frame, const char *expr)
{
    struct sym_value v;
    char name[256];
    _cleanup_err_ struct odb_err *e = symbols_eval(s, frame, 0, expr, &v);
    if (e)
        return false;
    _cleanup_free_ char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    odb_assert(to);
    e = symbols_print_value(s, &v, to);
    fclose(to);
    odb_err_free(e);
    e = symbols_type_name(s, v.type, name, sizeof(name));
    symbols_value_deinit(&v);
    return !e;
}

static void expect(struct symbols *s, const struct sym_frame *frame, const char *expr, const char *want)
{
    struct sym_value v;
    char text[512] = "";
    struct odb_err *e = symbols_eval(s, frame, 0, expr, &v);
    if (!e) {
        FILE *to = fmemopen(text, sizeof(text) - 1, "w");
        e = symbols_print_value(s, &v, to);
        fclose(to);
        symbols_value_deinit(&v);
    }
    if (e)
        snprintf(text, sizeof(text), "%s", odb_err_text(e));
    odb_err_free(e);
    if (strcmp(text, want) != 0) {
        printf("%s: \"%s\", not \"%s\"\n", expr, text, want);
        exit(1);
    }
}

static void deep(struct symbols *s, const struct sym_frame *frame, const char *piece)
{
    static char expr[65536];
    size_t n = strlen(piece), at = 0;
    while (at + n + 2 < sizeof(expr)) {
        memcpy(expr + at, piece, n);
        at += n;
    }
    expr[at] = '1';
    expr[at + 1] = 0;
    one(s, frame, expr);
}

int main(void)
{
    struct sym_files files = {NULL, self_open};
    struct sym_view view = {.read = self_read, .maps = maps};
    struct symbols *s;
    read_maps();
    view.n_maps = n_maps;
    view.rip = (uintptr_t)main + 8;
    view.gpr[ODB_RSP] = (uintptr_t)&view;
    struct odb_err *e = symbols_create(&files, &s);
    odb_assert(!e);
    e = symbols_set_view(s, &view);
    odb_assert(!e);
    struct sym_frame frame = {
        .pc = view.rip, .lookup_pc = view.rip, .cfa = (uintptr_t)&view, .known = 0xffff};
    expect(s, &frame, "global_thing.number + 1", "8");
    expect(s, &frame, "*global_thing.next->next->text@5", "\"seven\"");
    expect(s, &frame, "global_thing.next == &global_thing && global_numbers[2] * 2 == 6", "1");
    expect(s, &frame, "global_thing.number = 1",
           "a recording cannot be changed: no assignments (compare with ==)");
    size_t n_values = 0;
    const size_t n_words = sizeof(words) / sizeof(*words);
    for (int i = 0; i < 30000; i++) {
        char expr[512] = "";
        for (uint32_t n = 1 + next_random() % 9; n > 0; n--) {
            strcat(expr, words[next_random() % n_words]);
            if (next_random() % 2)
                strcat(expr, " ");
        }
        n_values += one(s, &frame, expr);
    }
    static const char *const pieces[] = {"(",  "-",  "*",    "&",      "!",     "sizeof ",
                                         "1+", "1?", "1?1:", "(int)",  "{int}", "[",
                                         "1,", "a<", "1&&",  "((int)", "int (*"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
        deep(s, &frame, pieces[i]);
    printf("%zu values\n", n_values);
    symbols_destroy(s);
    for (size_t i = 0; i < n_maps; i++)
        free((void *)(uintptr_t)maps[i].name);
    return n_values > 500 ? 0 : 1;
}
