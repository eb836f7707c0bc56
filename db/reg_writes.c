/* The last write to a register: see db.h. */
#include <string.h>

#include "db/scan.h"

static void take_row(const struct db_scan *s, struct db_reg_write *ret)
{
    const struct chunk_regs *r = &s->col->regs;
    ret->t = db_scan_t(s);
    ret->pid = s->chunk.pid;
    ret->tid = s->chunk.tid;
    ret->n_bytes = r->len[s->i];
    memset(ret->value, 0, sizeof(ret->value));
    const void *from = regfile_wide(r->reg[s->i]) < 0 ? (const void *)&r->val[s->i] : r->wide + r->val[s->i];
    memcpy(ret->value, from, ret->n_bytes < sizeof(ret->value) ? ret->n_bytes : sizeof(ret->value));
}

struct odb_err *db_last_reg_write(struct odb_db *db, uint32_t tid, unsigned reg, uint64_t from_t,
                                  uint64_t before_t, bool *ret_found, struct db_reg_write *ret)
{
    struct db_reg_write w = {0};
    *ret_found = false;
    if (from_t >= before_t || reg >= ODB_N_REG)
        return NULL;
    _cleanup_scan_ struct db_scan s = {.kind = SCAN_REG,
                                       .desc = true,
                                       .t_lo = from_t,
                                       .t_hi = before_t - 1,
                                       .reg = (int)reg,
                                       .has_tid = true,
                                       .tid = tid};
    ODB_TRY(db_scan_begin(&s, db));
    for (bool more = true; more;) {
        ODB_TRY(db_scan_next(&s, &more));
        if (!more || (w.n_same && db_scan_t(&s) != w.t))
            break;
        if (!w.n_same) {
            take_row(&s, &w);
            ODB_TRY(db_scan_rip(&s, &w.rip));
            s.t_lo = w.t; /* look no further */
        }
        w.n_same++;
    }
    *ret_found = w.n_same;
    if (w.n_same)
        *ret = w;
    return NULL;
}
