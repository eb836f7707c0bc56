/* Errors as values: one allocation holding the text. When there is no memory for it, a static error
 * stands in, so that a failure is never mistaken for success. */
#include "common/err.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct odb_err {
    bool is_static;
    char text[];
};

static struct odb_err out_of_memory_ = {.is_static = true, .text = "out of memory"};

/* "prefix" + vformat + "suffix" as one error. */
__attribute__((format(printf, 2, 0))) static struct odb_err *make(const char *suffix, const char *fmt,
                                                                  va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again); /* NOLINT(clang-analyzer-valist.Uninitialized): it is */
    va_end(again);
    if (n < 0)
        return &out_of_memory_;
    size_t suffix_len = strlen(suffix);
    struct odb_err *e = malloc(sizeof *e + (size_t)n + suffix_len + 1);
    if (!e)
        return &out_of_memory_;
    e->is_static = false;
    vsnprintf(e->text, (size_t)n + 1, fmt, ap);
    memcpy(e->text + n, suffix, suffix_len + 1);
    return e;
}

struct odb_err *(odb_err)(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct odb_err *e = make("", fmt, ap);
    va_end(ap);
    return e;
}

struct odb_err *(odb_err_errno)(int err, const char *fmt, ...)
{
    char suffix[160];
    const char *name = strerrordesc_np(err);
    if (name)
        snprintf(suffix, sizeof suffix, ": %s", name);
    else
        snprintf(suffix, sizeof suffix, ": error %d", err);
    va_list ap;
    va_start(ap, fmt);
    struct odb_err *e = make(suffix, fmt, ap);
    va_end(ap);
    return e;
}

struct odb_err *odb_err_context(struct odb_err *e, const char *fmt, ...)
{
    if (!e)
        return NULL;
    char *suffix;
    if (asprintf(&suffix, ": %s", e->text) < 0)
        return e; /* the error without its context is better than none */
    va_list ap;
    va_start(ap, fmt);
    struct odb_err *ret = make(suffix, fmt, ap);
    va_end(ap);
    free(suffix);
    odb_err_free(e);
    return ret;
}

const char *odb_err_text(const struct odb_err *e) { return e ? e->text : "no error"; }

void odb_err_free(struct odb_err *e)
{
    if (e && !e->is_static)
        free(e);
}

_Noreturn void odb_assert_fail(const char *file, int line, const char *cond)
{
    fprintf(stderr, "odb: bug at %s:%d: %s does not hold\n", file, line, cond);
    abort();
}
