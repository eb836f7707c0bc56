/* Stands in for the parts of symbols/ that are being written; meson.build takes it while they are not there. */
#include "symbols/symbols.h"

#define MISSING __attribute__((weak))
static struct odb_err *missing(void) { return odb_err("this build knows no variables yet"); }

MISSING struct odb_err *symbols_eval(struct symbols *s, const struct sym_frame *frame, size_t scope, const char *expr,
                                     struct sym_value *ret)
{
    (void)s, (void)frame, (void)scope, (void)expr, (void)ret;
    return missing();
}

MISSING void symbols_value_deinit(struct sym_value *v) { (void)v; }

MISSING struct odb_err *symbols_print_value(struct symbols *s, const struct sym_value *v, FILE *to)
{
    (void)s, (void)v, (void)to;
    return missing();
}

MISSING struct odb_err *symbols_type_name(struct symbols *s, const struct sym_type *t, char *buf, size_t n_bytes)
{
    (void)s, (void)t, (void)buf, (void)n_bytes;
    return missing();
}

MISSING struct odb_err *symbols_locals(struct symbols *s, const struct sym_frame *frame, size_t scope,
                                       struct sym_variable **ret, size_t *ret_n)
{
    (void)s, (void)frame, (void)scope, (void)ret, (void)ret_n;
    return missing();
}

MISSING void symbols_variables_free(struct sym_variable *v, size_t n) { (void)v, (void)n; }

MISSING struct odb_err *symbols_arguments(struct symbols *s, gaddr function, struct sym_variable **ret, size_t *ret_n,
                                          bool *ret_found)
{
    (void)s, (void)function, (void)ret;
    *ret_n = 0;
    *ret_found = false;
    return NULL;
}

MISSING struct odb_err *symbols_result(struct symbols *s, gaddr function, struct sym_value *ret, bool *ret_found)
{
    (void)s, (void)function, (void)ret;
    *ret_found = false;
    return NULL;
}
