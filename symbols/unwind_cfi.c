/* A step by unwind information: libunwind's remote interface, one frame at a time.
 *
 * libunwind knows how to run frame descriptions, but wants to find them itself: only in .eh_frame, only through a sorted table,
 * and for an address that it works out itself. So each step is a fresh cursor at the very address that names the call
 * (lookup_pc), and the one description that belongs to it, found by unwind_file.c, is written anew as a minimal .eh_frame of one CIE,
 * one FDE and a table of one row. libunwind reads that at an address near the code where the process has nothing mapped (table rows are
 * 32 bits, relative), so nothing of the process is hidden by it. That serves .eh_frame, .debug_frame, compressed and memory-only
 * images alike, and keeps libunwind's own guesses (it tries rbp where it finds nothing) out: without a description it is not asked.
 *
 * What of a caller is known: what was saved, and what the callee must keep by the calling convention. */
#include <dwarf.h>
#include <libunwind-x86_64.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/internal.h"
#include "symbols/unwind.h"

#define FED_FDE_MAX (1u << 20) /* instructions of one description */

/* libunwind exports it for its own libunwind-ptrace, and declares it in no public header. */
#define dwarf_search_unwind_table UNW_OBJ(dwarf_search_unwind_table)
extern int dwarf_search_unwind_table(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di,
                                     unw_proc_info_t *pi, int need_unwind_info, void *arg);

/* DWARF's numbers of the general registers. */
static const uint8_t gpr_of_dwarf[16] = {ODB_RAX, ODB_RDX, ODB_RCX, ODB_RBX, ODB_RSI, ODB_RDI,
                                         ODB_RBP, ODB_RSP, ODB_R8,  ODB_R9,  ODB_R10, ODB_R11,
                                         ODB_R12, ODB_R13, ODB_R14, ODB_R15};
#define KEPT_BY_CALLEE \
    (1u << ODB_RBX | 1u << ODB_RBP | 1u << ODB_R12 | 1u << ODB_R13 | 1u << ODB_R14 | 1u << ODB_R15)

/* ---- files ---- */

static struct unwind_file *file_of(struct unwinder *u, struct module *m)
{
    for (size_t i = 0; i < u->n_opened; i++)
        if (u->opened[i].module == m)
            return u->opened[i].file;
    struct unwinder_file *more = realloc(u->opened, (u->n_opened + 1) * sizeof(*more));
    if (!more)
        return NULL;
    u->opened = more;
    module_dwarf(u->s, m); /* opens the separate debug file */
    more[u->n_opened] = (struct unwinder_file){m, unwind_file_create(m->elf, m->debug_elf)};
    return more[u->n_opened++].file;
}

/* The description of addr, with the addresses that it has in the process. */
static bool find_fde(struct unwinder *u, gaddr addr, struct unwind_fde *ret)
{
    struct module *m;
    gaddr bias;
    struct odb_err *e = sym_module_at(u->s, addr, &m, &bias);
    odb_err_free(e); /* a file that cannot be had gives no information */
    struct unwind_file *f = !e && m && m->elf ? file_of(u, m) : NULL;
    if (!f || !unwind_file_find(f, addr - bias, ret))
        return false;
    ret->start += bias;
    ret->end += bias;
    return true;
}

bool unwind_has_cfi(struct unwinder *u, gaddr addr)
{
    struct unwind_fde fde;
    return find_fde(u, addr, &fde);
}

/* ---- what libunwind is fed with ---- */

static void put(struct unwinder *u, const void *p, size_t n)
{
    if (u->n_fed + n <= u->max_fed && n)
        memcpy(u->fed + u->n_fed, p, n);
    u->n_fed += n;
}

static void put_int(struct unwinder *u, uint64_t v, size_t n) { put(u, &v, n); }

static void put_leb(struct unwinder *u, int64_t v, bool is_signed)
{
    for (;;) {
        uint8_t byte = v & 0x7f;
        v = is_signed ? v >> 7 : (int64_t)((uint64_t)v >> 7);
        bool last = is_signed ? (v == 0 && !(byte & 0x40)) || (v == -1 && byte & 0x40) : v == 0;
        put_int(u, last ? byte : byte | 0x80u, 1);
        if (last)
            return;
    }
}

/* Ends an entry that began at `at`: padding, and its length. */
static void put_length(struct unwinder *u, size_t at)
{
    while (u->n_fed % 8)
        put_int(u, DW_CFA_nop, 1);
    uint32_t n = (uint32_t)(u->n_fed - at - 4);
    if (at + 4 <= u->max_fed)
        memcpy(u->fed + at, &n, 4);
}

static void put_all(struct unwinder *u)
{
    const struct unwind_fde *d = &u->fde;
    enum { CIE_AT = 8 };
    u->n_fed = CIE_AT;
    put_int(u, 0, 4);
    put_int(u, 0, 4);
    put_int(u, 1, 1);
    put(u, d->is_signal ? "zRS" : "zR", d->is_signal ? 4 : 3);
    put_leb(u, (int64_t)d->code_align, false);
    put_leb(u, d->data_align, true);
    put_int(u, d->ra_reg, 1);
    put_leb(u, 1, false);
    put_int(u, DW_EH_PE_udata8, 1);
    put(u, d->initial, (size_t)(d->initial_end - d->initial));
    put_length(u, CIE_AT);
    size_t fde_at = u->n_fed;
    put_int(u, 0, 4);
    put_int(u, fde_at + 4 - CIE_AT, 4);
    put_int(u, d->start, 8);
    put_int(u, d->end - d->start, 8);
    put_leb(u, 0, false);
    put(u, d->insns, (size_t)(d->insns_end - d->insns));
    put_length(u, fde_at);
    if (u->n_fed <= u->max_fed) {
        const int32_t row[2] = {(int32_t)(d->start - u->fed_at), (int32_t)fde_at};
        memcpy(u->fed, row, sizeof(row));
    }
}

/* Nothing is mapped in [at, at + n). */
static bool is_free(const struct unwinder *u, gaddr at, size_t n)
{
    for (size_t i = 0; i < u->s->view.n_maps; i++)
        if (u->s->view.maps[i].start < at + n && at < u->s->view.maps[i].end)
            return false;
    return true;
}

/* Writes u->fde as a section of its own. */
static bool feed(struct unwinder *u)
{
    const struct unwind_fde *d = &u->fde;
    if (d->initial_end < d->initial || d->insns_end < d->insns ||
        (size_t)(d->initial_end - d->initial) > FED_FDE_MAX ||
        (size_t)(d->insns_end - d->insns) > FED_FDE_MAX)
        return false;
    put_all(u);
    if (u->n_fed > u->max_fed) {
        uint8_t *more = realloc(u->fed, u->n_fed);
        if (!more)
            return false;
        u->fed = more;
        u->max_fed = u->n_fed;
    }
    for (gaddr step = 0; step < (gaddr)1 << 31; step += 0xff000) {
        gaddr below = (d->start & ~(gaddr)0xfff) - step, above = (d->start & ~(gaddr)0xfff) + step;
        u->fed_at = step <= d->start && below && is_free(u, below, u->n_fed) ? below : above;
        if (u->fed_at == below || is_free(u, above, u->n_fed)) {
            put_all(u);
            return true;
        }
    }
    return false;
}

/* ---- libunwind's questions ---- */

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need, void *arg)
{
    struct unwinder *u = arg;
    if (ip < u->fde.start || ip >= u->fde.end)
        return -UNW_ENOINFO;
    unw_dyn_info_t di = {
        .start_ip = u->fde.start,
        .end_ip = u->fde.end,
        .format = UNW_INFO_FORMAT_REMOTE_TABLE,
        .u.rti = {.segbase = u->fed_at, .table_len = 1, .table_data = u->fed_at},
    };
    int rc = dwarf_search_unwind_table(as, ip, &di, pi, need, arg);
    u->found = rc >= 0;
    return rc;
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
    (void)as;
    (void)pi;
    (void)arg;
}

static int no_dyn_info(unw_addr_space_t as, unw_word_t *ret, void *arg)
{
    (void)as;
    (void)ret;
    (void)arg;
    return -UNW_ENOINFO;
}

static int access_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
    struct unwinder *u = arg;
    (void)as;
    if (write)
        return -UNW_EREADONLYREG;
    if (addr >= u->fed_at && addr - u->fed_at < u->n_fed) {
        size_t n = u->n_fed - (addr - u->fed_at);
        *value = 0;
        memcpy(value, u->fed + (addr - u->fed_at), n < 8 ? n : 8);
        return 0;
    }
    return sym_read(u->s, addr, value, 8) ? 0 : -UNW_EINVAL;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write, void *arg)
{
    const struct unwinder *u = arg;
    (void)as;
    if (write || reg < 0 || reg > UNW_X86_64_RIP)
        return -UNW_EBADREG;
    if (reg == UNW_X86_64_RIP) {
        *value = u->regs->lookup_pc;
        return 0;
    }
    unsigned gpr = gpr_of_dwarf[reg];
    if (!(u->regs->known >> gpr & 1))
        return -UNW_EBADREG;
    *value = u->regs->gpr[gpr];
    return 0;
}

static int no_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
    (void)as;
    (void)reg;
    (void)value;
    (void)write;
    (void)arg;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t as, unw_cursor_t *c, void *arg)
{
    (void)as;
    (void)c;
    (void)arg;
    return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t as, unw_word_t ip, char *buf, size_t n, unw_word_t *off, void *arg)
{
    (void)as;
    (void)ip;
    (void)buf;
    (void)n;
    (void)off;
    (void)arg;
    return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
    .find_proc_info = find_proc_info,
    .put_unwind_info = put_unwind_info,
    .get_dyn_info_list_addr = no_dyn_info,
    .access_mem = access_mem,
    .access_reg = access_reg,
    .access_fpreg = no_fpreg,
    .resume = no_resume,
    .get_proc_name = no_name,
};

/* ---- the step ---- */

static bool is_known(struct unwinder *u, unw_cursor_t *c, int reg, unsigned gpr)
{
    unw_save_loc_t loc;
    if (gpr == ODB_RSP)
        return true;
    if (unw_get_save_loc(c, reg, &loc) < 0)
        return false;
    if (loc.type != UNW_SLT_REG)
        return true;
    if (loc.u.regnum >= 0 && loc.u.regnum < 16 && loc.u.regnum != reg)
        return u->regs->known >> gpr_of_dwarf[loc.u.regnum] & 1;
    return KEPT_BY_CALLEE & u->regs->known & 1u << gpr;
}

/* libunwind has the stack pointer at the CFA, whatever the information says of it (as in longjmp, where it is in another
 * register). */
static void take_rsp(struct unwinder *u, unw_cursor_t *c, struct unwind_regs *ret)
{
    unw_save_loc_t loc;
    if (unw_get_save_loc(c, UNW_X86_64_RSP, &loc) < 0)
        return;
    if (loc.type == UNW_SLT_REG && loc.u.regnum >= 0 && loc.u.regnum < 16 && loc.u.regnum != UNW_X86_64_RSP &&
        u->regs->known >> gpr_of_dwarf[loc.u.regnum] & 1)
        ret->gpr[ODB_RSP] = u->regs->gpr[gpr_of_dwarf[loc.u.regnum]];
    /* libunwind does not tell "is the CFA" (DW_CFA_val_offset) from "is saved there" */
    else if (loc.type == UNW_SLT_MEMORY && loc.u.addr != ret->gpr[ODB_RSP] &&
             !sym_read(u->s, loc.u.addr, &ret->gpr[ODB_RSP], 8))
        ret->known &= ~(1u << ODB_RSP);
}

static bool take_regs(struct unwinder *u, unw_cursor_t *c, struct unwind_regs *ret)
{
    struct unwind_regs r = {0};
    unw_word_t v;
    for (int reg = 0; reg < 16; reg++) {
        unsigned gpr = gpr_of_dwarf[reg];
        if (is_known(u, c, reg, gpr) && unw_get_reg(c, reg, &v) >= 0) {
            r.gpr[gpr] = v;
            r.known |= 1u << gpr;
        }
    }
    take_rsp(u, c, &r);
    if (unw_get_reg(c, UNW_X86_64_RIP, &v) < 0 || !(r.known & 1u << ODB_RSP))
        return false;
    r.pc = v;
    *ret = r;
    return true;
}

enum unwind_step unwind_by_cfi(struct unwinder *u, const struct unwind_regs *r, struct unwind_regs *ret,
                               gaddr *ret_cfa, bool *ret_signal)
{
    unw_cursor_t c;
    if (!find_fde(u, r->lookup_pc, &u->fde) || !feed(u))
        return UNWIND_NONE;
    if (!u->as) {
        u->as = unw_create_addr_space(&accessors, 0);
        if (!u->as)
            return UNWIND_NONE;
        unw_set_caching_policy(u->as, UNW_CACHE_NONE);
    }
    u->regs = r;
    u->found = false;
    if (unw_init_remote(&c, u->as, u) < 0)
        return UNWIND_NONE;
    int rc = unw_step(&c);
    if (rc < 0 || !u->found)
        return UNWIND_NONE;
    unw_word_t cfa;
    if (unw_get_reg(&c, UNW_X86_64_RSP, &cfa) < 0)
        return UNWIND_NONE;
    *ret_cfa = cfa;
    *ret_signal = u->fde.is_signal;
    if (rc == 0)
        return UNWIND_END;
    return take_regs(u, &c, ret) ? UNWIND_OK : UNWIND_NONE;
}

void unwinder_destroy(struct unwinder *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->n_opened; i++)
        unwind_file_destroy(u->opened[i].file);
    if (u->as)
        unw_destroy_addr_space(u->as);
    free(u->opened);
    free(u->fed);
    free(u);
}
