/* Errors as values (see docs/STYLE in the architecture notes): NULL is fine, anything else says what
 * went wrong and what to do, in one line. Only cli/ and the recorder's main loop print them. */
#ifndef ODB_COMMON_ERR_H
#define ODB_COMMON_ERR_H

#include <stddef.h>

struct odb_err;

#define ODB_MUST_CHECK __attribute__((warn_unused_result))

/* printf-style. Never fails: when memory is out, a static error is returned. */
struct odb_err *odb_err(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull))
ODB_MUST_CHECK;
/* The same, with ": " and the text of errno value `err` added. */
struct odb_err *odb_err_errno(int err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull)) ODB_MUST_CHECK;
/* Puts "context: " before an error's text; consumes and returns it. NULL stays NULL. */
struct odb_err *odb_err_context(struct odb_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)))
ODB_MUST_CHECK;
#ifdef __clang_analyzer__ /* clang-tidy 14 does not look at returns_nonnull */
#define odb_err(...) odb_err_nonnull(odb_err(__VA_ARGS__))
#define odb_err_errno(...) odb_err_nonnull(odb_err_errno(__VA_ARGS__))
static inline struct odb_err *odb_err_nonnull(struct odb_err *e)
{
    if (!e)
        __builtin_unreachable();
    return e;
}
#endif
const char *odb_err_text(const struct odb_err *e);
void odb_err_free(struct odb_err *e);

static inline void odb_err_freep(struct odb_err **e) { odb_err_free(*e); }
#define _cleanup_err_ __attribute__((cleanup(odb_err_freep)))

/* Return on error. */
#define ODB_TRY(expr)                        \
    do {                                     \
        struct odb_err *odb_try_e_ = (expr); \
        if (odb_try_e_)                      \
            return odb_try_e_;               \
    } while (0)

/* For our own bugs only: prints file, line and the condition, then aborts. On in every build. */
#define odb_assert(cond) ((cond) ? (void)0 : odb_assert_fail(__FILE__, __LINE__, #cond))
_Noreturn void odb_assert_fail(const char *file, int line, const char *cond);

#endif
