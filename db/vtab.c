/* What the virtual tables share: see vtab.h. */
#include "db/vtab.h"

#include <math.h>
#include <string.h>

int vtab_connect(sqlite3 *sq, struct odb_db *db, const char *declaration, size_t n_bytes, sqlite3_vtab **ret,
                 char **ret_err)
{
    struct odb_err *e = db_load(db);
    if (e) {
        *ret_err = sqlite3_mprintf("%s", odb_err_text(e));
        odb_err_free(e);
        return SQLITE_ERROR;
    }
    int rc = sqlite3_declare_vtab(sq, declaration);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_vtab_config(sq, SQLITE_VTAB_INNOCUOUS);
    struct vtab *vt = sqlite3_malloc64(n_bytes);
    if (!vt)
        return SQLITE_NOMEM;
    memset(vt, 0, n_bytes);
    vt->db = db;
    db_use(db);
    *ret = &vt->base;
    return SQLITE_OK;
}

int vtab_disconnect(sqlite3_vtab *vt)
{
    db_unuse(((struct vtab *)vt)->db);
    sqlite3_free(vt);
    return SQLITE_OK;
}

int vtab_fail(sqlite3_vtab *vt, struct odb_err *e)
{
    sqlite3_free(vt->zErrMsg);
    vt->zErrMsg = sqlite3_mprintf("%s", odb_err_text(e));
    odb_err_free(e);
    return SQLITE_ERROR;
}

int vtab_open(size_t n_bytes, sqlite3_vtab_cursor **ret)
{
    sqlite3_vtab_cursor *cur = sqlite3_malloc64(n_bytes);
    if (!cur)
        return SQLITE_NOMEM;
    memset(cur, 0, n_bytes);
    *ret = cur;
    return SQLITE_OK;
}

int vtab_best_state(sqlite3_vtab *vt, sqlite3_index_info *info, int t_column, const char *name)
{
    int at[2] = {-1, -1}; /* constraints of t, tid */
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *c = &info->aConstraint[i];
        int column = c->iColumn - t_column;
        if (c->op != SQLITE_INDEX_CONSTRAINT_EQ || column < 0 || column > 1)
            continue;
        if (!c->usable)
            return SQLITE_CONSTRAINT;
        at[column] = i;
    }
    if (at[0] < 0)
        return vtab_fail(vt, odb_err("%s needs a t: SELECT ... FROM %s(T)", name, name));
    for (int i = 0; i < 2 && at[i] >= 0; i++) {
        info->aConstraintUsage[at[i]].argvIndex = i + 1;
        info->aConstraintUsage[at[i]].omit = 1;
    }
    return SQLITE_OK;
}

/* x op v, for a real v, as bounds of the integer x. */
static bool narrow_real(int64_t *lo, int64_t *hi, int op, double v)
{
    if (v != v)
        return false;
    bool exact = floor(v) == v;
    double min = -9223372036854775808.0, max = 9223372036854775807.0; /* max rounds up to 2^63 */
    if (op == SQLITE_INDEX_CONSTRAINT_EQ && (!exact || v < min || v >= max))
        return false;
    if (op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_LT ||
        op == SQLITE_INDEX_CONSTRAINT_LE) {
        double top = op == SQLITE_INDEX_CONSTRAINT_LT && exact ? v : floor(v);
        if (top < min)
            return false;
        int64_t bound = top >= max ? INT64_MAX : (int64_t)top;
        if (op == SQLITE_INDEX_CONSTRAINT_LT && exact && top < max) {
            if (bound == INT64_MIN)
                return false;
            bound--;
        }
        *hi = bound < *hi ? bound : *hi;
    }
    if (op == SQLITE_INDEX_CONSTRAINT_EQ || op == SQLITE_INDEX_CONSTRAINT_GT ||
        op == SQLITE_INDEX_CONSTRAINT_GE) {
        double bottom = ceil(v);
        if (bottom >= max)
            return false;
        int64_t bound = bottom < min ? INT64_MIN : (int64_t)bottom;
        if (op == SQLITE_INDEX_CONSTRAINT_GT && exact && bottom >= min)
            bound++;
        *lo = bound > *lo ? bound : *lo;
    }
    return *lo <= *hi;
}

bool vtab_narrow(int64_t *lo, int64_t *hi, int op, sqlite3_value *v)
{
    int type = sqlite3_value_numeric_type(v);
    if (type == SQLITE_NULL)
        return false;
    if (type == SQLITE_FLOAT)
        return narrow_real(lo, hi, op, sqlite3_value_double(v));
    if (type != SQLITE_INTEGER)
        return true;
    int64_t i = sqlite3_value_int64(v), min = INT64_MIN, max = INT64_MAX;
    switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ: min = max = i; break;
    case SQLITE_INDEX_CONSTRAINT_LE: max = i; break;
    case SQLITE_INDEX_CONSTRAINT_GE: min = i; break;
    case SQLITE_INDEX_CONSTRAINT_LT:
        if (i == INT64_MIN)
            return false;
        max = i - 1;
        break;
    case SQLITE_INDEX_CONSTRAINT_GT:
        if (i == INT64_MAX)
            return false;
        min = i + 1;
        break;
    default: return true;
    }
    *lo = min > *lo ? min : *lo;
    *hi = max < *hi ? max : *hi;
    return *lo <= *hi;
}
