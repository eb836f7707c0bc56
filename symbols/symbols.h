/* Names, lines, types, variables and stacks of a recorded process at a moment. Hosted; libdw and libunwind inside.
 *
 * Symbols know nothing of databases or replays: they see a process through struct sym_view, whoever provides it
 * (symbols/view_db.h: an index.db at t; gdb/ has one for a target). Files come from the recording's own copies, and from
 * separate debug files (build-id, debuglink) of the machine that asks.
 *
 *     struct symbols *s;
 *     ODB_TRY(symbols_create(&files, &s));                 // one for a recording; keeps parsed files
 *     ODB_TRY(symbols_set_view(s, &view));                 // this process, this moment
 *     ODB_TRY(symbols_place(s, rip, &place));              // function, file:line, inlined frames
 *     ODB_TRY(symbols_backtrace(s, 0, 100, &frames, &n));
 *     ODB_TRY(symbols_eval(s, &frames[0], "list->next->name", &value));
 *     symbols_destroy(s);
 *
 * What cannot be known is an answer ("<optimized out>", no line), not an error. */
#ifndef ODB_SYMBOLS_SYMBOLS_H
#define ODB_SYMBOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"
#include "common/regs.h"

struct symbols;

/* A mapping of a file into the process. */
struct sym_map {
    gaddr start, end;
    uint64_t offset;  /* in the file */
    uint32_t file_id; /* 0: no file */
    bool executable;
    const char *name; /* path in the recorded system, "[vdso]", "" */
};

/* A process at a moment, as symbols see it. All borrowed until the next symbols_set_view(). */
struct sym_view {
    void *ctx;
    /* Reads memory; *ret_n < n_bytes where it ends. */
    struct odb_err *(*read)(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n);
    /* Registers of the thread that is asked about: general (enum odb_gpr order), rip, fs_base; vec as ymm/zmm bytes. */
    uint64_t gpr[16], rip, rflags, fs_base, gs_base;
    uint8_t vec[16][64];
    const struct sym_map *maps; /* by address */
    size_t n_maps;
};

/* Where the bytes of recorded files come from. open returns a descriptor that the caller closes, -1: there is none. */
struct sym_files {
    void *ctx;
    struct odb_err *(*open)(void *ctx, uint32_t file_id, const char *path, int *ret_fd);
};

/* files is copied. */
struct odb_err *symbols_create(const struct sym_files *files, struct symbols **ret) ODB_MUST_CHECK;
/* NULL is fine. */
void symbols_destroy(struct symbols *s);
/* view is copied, what it points to is not. */
struct odb_err *symbols_set_view(struct symbols *s, const struct sym_view *view) ODB_MUST_CHECK;

/* ---- places (symbols/place.c) ---- */

#define SYM_MAX_INLINES 32
struct sym_scope {
    const char *function; /* demangled, without parameters for display; NULL: not known */
    const char *linkage;  /* as in the symbol table; may be NULL */
    const char *file;     /* absolute where DWARF says so; NULL: no line */
    int line, column;     /* 0: not known. For an outer scope: of the call */
    gaddr low;            /* entry of the function, or of the inlined body */
};
struct sym_place {
    gaddr addr;
    const char *module;                       /* path of the file; NULL: none */
    gaddr module_base;                        /* load bias */
    struct sym_scope scopes[SYM_MAX_INLINES]; /* innermost first; at least one, which may be all unknown */
    size_t n_scopes;
    uint64_t offset; /* from the function's (or symbol's) entry */
    gaddr line_low;  /* where the row of the line table begins, if a statement does; else 0 */
    bool is_plt;     /* function is "name@plt" */
    bool has_cfi;    /* unwind information covers addr */
};
/* Strings live until symbols_destroy(). */
struct odb_err *symbols_place(struct symbols *s, gaddr addr, struct sym_place *ret) ODB_MUST_CHECK;
/* "main+0x12 (crash.c:17)", "memcpy@plt", "libc.so.6+0x1234", "" */
struct odb_err *symbols_describe(struct symbols *s, gaddr addr, char *buf, size_t n_bytes) ODB_MUST_CHECK;

/* Addresses of a function by name ("f", "ns::f", "f<int>", linkage name), of FILE:LINE (the is_stmt beginnings of the line, or
 * of the next line that has code), of a variable. Owned by the caller (free). *ret_n 0: there is none. */
struct odb_err *symbols_find_function(struct symbols *s, const char *name, gaddr **ret, size_t *ret_n)
    ODB_MUST_CHECK;
struct odb_err *symbols_find_line(struct symbols *s, const char *file, int line, gaddr **ret, size_t *ret_n,
                                  int *ret_line) ODB_MUST_CHECK;

/* Every function of the mapped files, and every row of the line tables (for SQL tables functions, lines). */
struct sym_function {
    const char *name, *linkage, *module, *file;
    int line;
    gaddr low, high;
    bool is_alias; /* another name of a function that comes, too; perhaps an equal one */
};
struct odb_err *symbols_each_function(struct symbols *s,
                                      struct odb_err *(*fn)(void *ctx, const struct sym_function *f),
                                      void *ctx) ODB_MUST_CHECK;
struct sym_line {
    const char *module, *file;
    int line, column;
    gaddr low, high;
    bool is_stmt;
};
struct odb_err *symbols_each_line(struct symbols *s,
                                  struct odb_err *(*fn)(void *ctx, const struct sym_line *l), void *ctx)
    ODB_MUST_CHECK;

/* ---- stacks (symbols/unwind.c) ---- */

enum sym_frame_how {
    SYM_FRAME_INNERMOST, /* the registers themselves */
    SYM_FRAME_CFI,       /* .eh_frame or .debug_frame */
    SYM_FRAME_SIGNAL,    /* the frame that a signal interrupted */
    SYM_FRAME_TAIL_CALL, /* no more on the stack: it ended in a jump; inferred from call sites */
    SYM_FRAME_POINTER,   /* guessed by rbp */
    SYM_FRAME_SCAN,      /* guessed: a return address on the stack, behind a call */
};
struct sym_frame {
    gaddr pc, cfa;
    gaddr lookup_pc; /* pc, or pc - 1 behind a call: what names the line */
    enum sym_frame_how how;
    uint64_t gpr[16];              /* as far as known: */
    uint32_t known;                /* bit n: gpr[n] is known */
    bool is_signal_handler_caller; /* this frame was interrupted by a signal: pc is exact */
};
/* How many of the scopes at frame->lookup_pc people count as frames: all; but, as in gdb, of a tail call's only the innermost. */
static inline size_t sym_frame_scopes(const struct sym_frame *frame, const struct sym_place *place)
{
    return frame->how == SYM_FRAME_TAIL_CALL ? 1 : place->n_scopes;
}
/* Physical frames and tail calls from the innermost on, at most max. *ret owned by the caller (free). Inlined frames come from
 * symbols_place(lookup_pc). *ret_end says why it ended: "", or e.g. "no unwind information at 0x...", borrowed. */
struct odb_err *symbols_backtrace(struct symbols *s, size_t max, struct sym_frame **ret, size_t *ret_n,
                                  const char **ret_end) ODB_MUST_CHECK;

/* ---- variables, types, expressions (symbols/eval.c, symbols/type.c) ---- */

struct sym_type; /* lives as long as struct symbols */
struct sym_value {
    const struct sym_type *type;
    bool has_addr; /* in memory: */
    gaddr addr;
    int reg; /* else in this register of the frame (DWARF number), or -1 */
    bool optimized_out;
    uint8_t *bytes; /* owned: symbols_value_deinit() */
    size_t n_bytes;
    uint32_t bit_offset, bit_size;       /* bit_size not 0: a bit field in bytes */
    uint8_t *missing;                    /* owned; NULL, or for each byte whether it was optimized out */
    const struct sym_implicit *implicit; /* not NULL: a pointer to what has no address; borrowed */
};
void symbols_value_deinit(struct sym_value *v);
/* C expressions: names (locals of the scope, then globals), . -> * & [] casts, arithmetic, comparisons, sizeof, numbers,
 * strings of C, $rax and other registers, {type} addr as gdb has it, 'file.c'::name, ns::name. scope: 0 is the innermost inlined one.
 * No assignments and no calls: those are errors that say so. */
struct odb_err *symbols_eval(struct symbols *s, const struct sym_frame *frame, size_t scope, const char *expr,
                             struct sym_value *ret) ODB_MUST_CHECK;
/* As gdb prints it: {a = 1, b = "x"}, 0x... <symbol>, (int *) 0x..., enum names, chars, arrays with repeats, cut at
 * max_bytes of text with "...". */
struct odb_err *symbols_print_value(struct symbols *s, const struct sym_value *v, FILE *to) ODB_MUST_CHECK;
/* As in gdb's `info locals`: without the type in front of a pointer; "<error: ...>" where memory cannot be read. */
struct odb_err *symbols_print_plain(struct symbols *s, const struct sym_value *v, FILE *to) ODB_MUST_CHECK;
struct odb_err *symbols_type_name(struct symbols *s, const struct sym_type *t, char *buf, size_t n_bytes)
    ODB_MUST_CHECK;
size_t symbols_type_bytes(const struct sym_type *t);
/* Is the value a pointer? Where to, and how many bytes are there; 0: not known (void, a function). */
bool symbols_points_to(struct symbols *s, const struct sym_value *v, gaddr *ret, uint64_t *ret_n_bytes);
/* A struct, union or array, or a reference to one: what a backtrace shows as "...". NULL is none. */
bool symbols_type_is_compound(const struct sym_type *t);

struct sym_variable {
    const char *name;
    bool is_parameter;
    int depth; /* of its block; 0: the function's */
    int line;
    struct sym_value value;
};
/* Parameters, then locals visible at the frame's pc, of one scope. *ret owned: symbols_variables_free(). */
struct odb_err *symbols_locals(struct symbols *s, const struct sym_frame *frame, size_t scope,
                               struct sym_variable **ret, size_t *ret_n) ODB_MUST_CHECK;
void symbols_variables_free(struct sym_variable *v, size_t n);

/* What a function takes and gives, by the calling convention: for a view at its first instruction, and for the result for a
 * view behind its return. *ret_found false: no DWARF for it, or it returns nothing. */
struct odb_err *symbols_arguments(struct symbols *s, gaddr function, struct sym_variable **ret, size_t *ret_n,
                                  bool *ret_found) ODB_MUST_CHECK;
struct odb_err *symbols_result(struct symbols *s, gaddr function, struct sym_value *ret, bool *ret_found)
    ODB_MUST_CHECK;

#endif
