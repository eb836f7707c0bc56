/* What the questions in words of the source share (query_symbols.c). */
#ifndef ODB_CLI_QUERY_SYMBOLS_H
#define ODB_CLI_QUERY_SYMBOLS_H

#include "cli/query.h"
#include "symbols/symbols.h"
#include "symbols/view_db.h"

/* The query's symbols, made when first asked for, without a view. Borrowed. */
struct odb_err *query_symbols_open(struct query *q, struct symbols **ret) ODB_MUST_CHECK;
void query_symbols_close(struct query *q);
/* The same, looking at thread tid of process pid at t. */
struct odb_err *query_symbols_at(struct query *q, uint64_t t, uint32_t pid, uint32_t tid,
                                 struct symbols **ret) ODB_MUST_CHECK;
/* The same, looking at the thread that is meant at t (query_thread(): completes q->pid, q->tid). */
struct odb_err *query_symbols(struct query *q, uint64_t t, struct symbols **ret) ODB_MUST_CHECK;

/* A frame as people count them: inlined functions are frames of their own. */
struct query_frame {
    struct sym_frame *frames; /* owned: the physical ones, as far as they were needed */
    size_t n_frames;
    struct sym_frame *frame; /* among them: */
    size_t scope;            /* and which of place.scopes */
    struct sym_place place;
};
void query_frame_deinit(struct query_frame *f);
/* Number 0 is the innermost. An error where the stack has fewer. */
struct odb_err *query_frame(struct symbols *s, uint64_t number, struct query_frame *ret) ODB_MUST_CHECK;
/* The one that --frame says, at t; completes q->pid, q->tid. With neither --frame nor --at it is the innermost frame of the program's
 * own file: the names that are meant are the program's, not those of the library in which it ended. */
struct odb_err *query_asked_frame(struct query *q, uint64_t t, struct symbols **ret_s,
                                  struct query_frame *ret) ODB_MUST_CHECK;

/* symbols_eval() in a frame; the error tells where. Deinit the value (symbols_value_deinit()). */
struct odb_err *query_eval(struct symbols *s, uint64_t t, const struct query_frame *f, const char *expr,
                           struct sym_value *ret) ODB_MUST_CHECK;
/* The memory that an expression names, in the frame that is asked for; its value as a number, or as an address. */
struct odb_err *query_lvalue(struct query *q, uint64_t t, const char *expr, gaddr *ret, uint64_t *ret_n_bytes)
    ODB_MUST_CHECK;
struct odb_err *query_number(struct query *q, uint64_t t, const char *expr, uint64_t *ret) ODB_MUST_CHECK;
/* As gdb prints it; owned by the caller. */
struct odb_err *query_value_text(struct symbols *s, const struct sym_value *v, char **ret) ODB_MUST_CHECK;
/* The same, as in lists of variables: pointers without their type. */
struct odb_err *query_value_plain(struct symbols *s, const struct sym_value *v, char **ret) ODB_MUST_CHECK;

#endif
