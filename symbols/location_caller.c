/* What a register was at a function's entry: a call site of the caller may say what it passed
 * (DW_TAG_call_site). */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/location_ops.h"

#define MAX_FRAMES 512

/* The frame outside another. The stack of the view is unwound once and kept until the next view. */
static const struct sym_frame *caller_of(struct symbols *s, const struct sym_frame *f)
{
    if (!s->frames_done) {
        const char *end;
        s->frames_done = true;
        struct odb_err *e = symbols_backtrace(s, MAX_FRAMES, &s->frames, &s->n_frames, &end);
        if (e) {
            odb_err_free(e);
            s->frames = NULL;
            s->n_frames = 0;
        }
    }
    for (size_t i = 0; i + 1 < s->n_frames; i++)
        if (s->frames[i].pc == f->pc && s->frames[i].cfa == f->cfa)
            return &s->frames[i + 1];
    return NULL;
}

/* The call site in a block that returns to vaddr. */
static bool find_site(Dwarf_Die *block, uint64_t vaddr, int depth, Dwarf_Die *ret)
{
    Dwarf_Die at;
    if (depth > 32 || dwarf_child(block, &at) != 0)
        return false;
    do {
        int tag = dwarf_tag(&at);
        Dwarf_Attribute attr;
        Dwarf_Addr pc;
        if (tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site) {
            if ((dwarf_attr(&at, DW_AT_call_return_pc, &attr) || dwarf_attr(&at, DW_AT_low_pc, &attr)) &&
                dwarf_formaddr(&attr, &pc) == 0 && pc == vaddr) {
                *ret = at;
                return true;
            }
        } else if ((tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine) &&
                   find_site(&at, vaddr, depth + 1, ret)) {
            return true;
        }
    } while (dwarf_siblingof(&at, &at) == 0);
    return false;
}

/* A call through a pointer: the site may say which. */
static bool points_here(const struct loc_ctx *c, const struct loc_ctx *caller, Dwarf_Die *site)
{
    Dwarf_Attribute at;
    Dwarf_Op *ops;
    size_t n;
    struct loc_result r;
    uint64_t entry, target;
    if ((!dwarf_attr(site, DW_AT_call_target, &at) && !dwarf_attr(site, DW_AT_GNU_call_site_target, &at)) ||
        dwarf_getlocation(&at, &ops, &n) != 0 || !location_run(caller, &at, ops, n, NULL, &r) || r.n != 1 ||
        !die_entry(c->function, &entry))
        return false;
    uint8_t bytes[64];
    if (r.places[0].kind == LOC_REGISTER && location_register(caller, r.places[0].reg, bytes) >= 8)
        memcpy(&target, bytes, 8);
    else if (r.places[0].kind == LOC_MEMORY)
        target = r.places[0].addr;
    else if (r.places[0].kind == LOC_VALUE)
        target = r.places[0].value.u;
    else
        return false;
    return target == entry + c->bias;
}

/* The function that a call site names is the one that runs: else there was a tail call in between, and the
 * registers may be others than the site says. */
static bool calls_this(const struct loc_ctx *c, const struct loc_ctx *caller, Dwarf_Die *site)
{
    Dwarf_Attribute at;
    Dwarf_Die origin;
    if (!c->function)
        return false;
    if (!dwarf_attr(site, DW_AT_call_origin, &at) && !dwarf_attr(site, DW_AT_abstract_origin, &at))
        return points_here(c, caller, site);
    if (!dwarf_formref_die(&at, &origin))
        return false;
    if (origin.addr == c->function->addr)
        return true;
    Dwarf_Attribute own;
    Dwarf_Die die = *c->function;
    if ((dwarf_attr(&die, DW_AT_abstract_origin, &own) || dwarf_attr(&die, DW_AT_specification, &own)) &&
        dwarf_formref_die(&own, &die) && die.addr == origin.addr)
        return true;
    /* Another unit's or module's name for it. */
    const char *a = die_name(c->function), *b = die_name(&origin);
    uint64_t entry;
    if (dwarf_attr(&origin, DW_AT_linkage_name, &at) && dwarf_formstring(&at))
        b = dwarf_formstring(&at);
    return b && ((a && strcmp(a, b) == 0) ||
                 (die_entry(c->function, &entry) && module_has_symbol(c->s, c->module, entry, b)));
}

/* The parameter's value that a site gives for a register. */
static bool site_value(const struct loc_ctx *caller, Dwarf_Die *site, unsigned reg, uint64_t *ret)
{
    Dwarf_Die at;
    for (int got = dwarf_child(site, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        Dwarf_Attribute attr;
        Dwarf_Op *ops;
        size_t n;
        struct loc_result r;
        int tag = dwarf_tag(&at);
        if ((tag != DW_TAG_call_site_parameter && tag != DW_TAG_GNU_call_site_parameter) ||
            !dwarf_attr(&at, DW_AT_location, &attr) || dwarf_getlocation(&attr, &ops, &n) != 0 || n != 1)
            continue;
        unsigned which =
            ops[0].atom == DW_OP_regx ? (unsigned)ops[0].number : ops[0].atom - (unsigned)DW_OP_reg0;
        if (which != reg)
            continue;
        if ((!dwarf_attr(&at, DW_AT_call_value, &attr) &&
             !dwarf_attr(&at, DW_AT_GNU_call_site_value, &attr)) ||
            dwarf_getlocation(&attr, &ops, &n) != 0 || !location_run(caller, &attr, ops, n, NULL, &r) ||
            r.n != 1)
            return false;
        if (r.places[0].kind == LOC_REGISTER) {
            uint8_t bytes[64];
            if (location_register(caller, r.places[0].reg, bytes) < 8)
                return false;
            memcpy(ret, bytes, 8);
            return true;
        }
        *ret = r.places[0].kind == LOC_MEMORY ? r.places[0].addr : r.places[0].value.u;
        return r.places[0].kind == LOC_MEMORY ||
               (r.places[0].kind == LOC_VALUE && !r.places[0].value.is_float);
    }
    return false;
}

bool location_entry_value(const struct loc_ctx *c, unsigned reg, uint64_t *ret)
{
    struct frame_scopes f;
    Dwarf_Die site;
    const struct sym_frame *caller = c->frame && c->depth < 4 ? caller_of(c->s, c->frame) : NULL;
    if (!caller || caller->is_signal_handler_caller)
        return false;
    _cleanup_err_ struct odb_err *e = frame_scopes_at(c->s, caller, 0, &f);
    if (e || !f.function)
        return false;
    Dwarf_Die function = f.function->die;
    if (!find_site(&function, caller->pc - f.ctx.bias, 0, &site) || !calls_this(c, &f.ctx, &site))
        return false;
    f.ctx.depth = c->depth + 1;
    return site_value(&f.ctx, &site, reg, ret);
}
