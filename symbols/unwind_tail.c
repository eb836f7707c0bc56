/* Frames that are gone: functions that ended in a jump to another one ("tail calls"), as far as debug information tells.
 *
 * A caller's call site names the function that it calls. Is that not the function whose frame was found below it, then
 * the one called must have jumped on: its own call sites that are tail calls are followed until they lead there. gdb does the same and
 * shows such frames; so that both number frames alike, what is ambiguous is treated as gdb does (gdb/dwarf2/loc.c,
 * call_site_find_chain): of several ways only their common beginning and end are shown; anything on the way that is not known
 * (a jump through a pointer, a function without debug information) means that nothing is shown. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/internal.h"
#include "symbols/unwind.h"

#define CHAIN_MAX 16   /* jumps in a row */
#define VISITS_MAX 500 /* sites looked at for one frame */
#define NESTING_MAX 32
#define SITES_MAX 256 /* tail calls of one function */

/* A call site: what it calls, and the address behind it. */
struct site {
    gaddr pc, target;
};
struct sites {
    struct site at[SITES_MAX];
    size_t n;
    bool unknown; /* there is one whose target is not known */
};

/* ---- functions and their call sites ---- */

struct function {
    struct module *module;
    struct cu *cu;
    gaddr bias, entry;
    Dwarf_Die die;
};

static bool function_at(struct symbols *s, gaddr addr, struct function *ret)
{
    struct function f;
    struct odb_err *e = sym_module_at(s, addr, &f.module, &f.bias);
    if (e) {
        odb_err_free(e);
        return false;
    }
    if (!f.module || !(f.cu = module_cu_at(s, f.module, addr - f.bias)))
        return false;
    const struct cu_function *c = cu_function_at(s, f.cu, addr - f.bias);
    if (!c)
        return false;
    f.entry = c->entry + f.bias;
    f.die = c->die;
    *ret = f;
    return true;
}

static bool same_name(const char *symbol, const char *name)
{
    size_t n = strlen(name);
    return !strncmp(symbol, name, n) && (!symbol[n] || symbol[n] == '@');
}

/* A function's address by the name that another unit has for it. */
static bool find_symbol(struct symbols *s, const struct function *in, const char *name, gaddr *ret)
{
    module_read_symbols(s, in->module);
    for (size_t i = 0; i < in->module->n_symbols; i++) {
        const struct elf_symbol *y = &in->module->symbols[i];
        if ((y->type == STT_FUNC || y->type == STT_GNU_IFUNC) && same_name(y->name, name)) {
            *ret = y->vaddr + in->bias;
            return true;
        }
    }
    return false;
}

/* What a call site calls. callee is where to look for names that the caller's module does not define. */
static bool site_target(struct symbols *s, const struct function *caller, const struct function *callee,
                        Dwarf_Die *site, gaddr *ret)
{
    Dwarf_Attribute at;
    Dwarf_Die origin;
    uint64_t entry;
    if ((!dwarf_attr(site, DW_AT_call_origin, &at) && !dwarf_attr(site, DW_AT_abstract_origin, &at)) ||
        !dwarf_formref_die(&at, &origin))
        return false;
    if (die_entry(&origin, &entry)) {
        *ret = entry + caller->bias;
        return true;
    }
    if (!dwarf_hasattr(&origin, DW_AT_declaration))
        return false;
    const char *name =
        dwarf_attr(&origin, DW_AT_linkage_name, &at) ? dwarf_formstring(&at) : dwarf_diename(&origin);
    return name && (find_symbol(s, caller, name, ret) || find_symbol(s, callee, name, ret));
}

static bool site_pc(const struct function *f, Dwarf_Die *site, gaddr *ret)
{
    Dwarf_Attribute at;
    Dwarf_Addr pc;
    if ((!dwarf_attr(site, DW_AT_call_return_pc, &at) && !dwarf_attr(site, DW_AT_call_pc, &at) &&
         !dwarf_attr(site, DW_AT_low_pc, &at)) ||
        dwarf_formaddr(&at, &pc) != 0)
        return false;
    *ret = pc + f->bias;
    return true;
}

static bool is_site(Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag == DW_TAG_call_site || tag == DW_TAG_GNU_call_site;
}

static bool is_tail(Dwarf_Die *site)
{
    Dwarf_Attribute at;
    bool flag = false;
    return (dwarf_attr(site, DW_AT_call_tail_call, &at) || dwarf_attr(site, DW_AT_GNU_tail_call, &at)) &&
           dwarf_formflag(&at, &flag) == 0 && flag;
}

/* Adds the sites of a block: the one that returns to `at`, or with at 0 the tail calls. */
static void add_sites(struct symbols *s, const struct function *f, const struct function *callee,
                      Dwarf_Die *block, gaddr at, int depth, struct sites *to)
{
    Dwarf_Die die;
    if (depth > NESTING_MAX || dwarf_child(block, &die) != 0)
        return;
    do {
        int tag = dwarf_tag(&die);
        struct site found = {0};
        if (tag == DW_TAG_lexical_block || tag == DW_TAG_inlined_subroutine)
            add_sites(s, f, callee, &die, at, depth + 1, to);
        if (!is_site(&die) || !site_pc(f, &die, &found.pc) || (at ? found.pc != at : !is_tail(&die)))
            continue;
        if (to->n == SITES_MAX || !site_target(s, f, callee, &die, &found.target))
            to->unknown = true;
        else
            to->at[to->n++] = found;
    } while (dwarf_siblingof(&die, &die) == 0);
}

/* ---- the search ---- */

struct search {
    struct symbols *s;
    const struct function *callee;
    gaddr way[CHAIN_MAX]; /* pcs of the sites under way, from the caller's side */
    size_t n_way, n_visits;
    bool any, failed;
    /* what all ways found so far have in common: of the first one its beginning and its end */
    gaddr first[CHAIN_MAX];
    size_t n_first, n_begin, n_end;
};

/* A way that leads to the callee. */
static void found_way(struct search *w)
{
    if (!w->any) {
        w->any = true;
        w->n_first = w->n_begin = w->n_end = w->n_way;
        memcpy(w->first, w->way, w->n_way * sizeof(*w->way));
        return;
    }
    size_t i;
    for (i = 0; i < w->n_begin && i < w->n_way && w->first[i] == w->way[i]; i++)
        ;
    w->n_begin = i;
    for (i = 0; i < w->n_end && i < w->n_way && w->first[w->n_first - 1 - i] == w->way[w->n_way - 1 - i]; i++)
        ;
    w->n_end = i;
    w->failed |= !w->n_begin && !w->n_end;
}

static void follow(struct search *w, gaddr target)
{
    struct function f;
    if (target == w->callee->entry) {
        found_way(w);
        return;
    }
    struct sites *sites = calloc(1, sizeof(*sites));
    if (!sites || !function_at(w->s, target, &f) || f.entry != target)
        w->failed = true;
    else
        add_sites(w->s, &f, w->callee, &f.die, 0, 0, sites);
    for (size_t i = 0; sites && i < sites->n && !w->failed; i++) {
        bool again = false;
        for (size_t k = 0; k < w->n_way; k++)
            again |= w->way[k] == sites->at[i].pc;
        if (again)
            continue;
        if (sites->unknown || w->n_way == CHAIN_MAX || ++w->n_visits > VISITS_MAX) {
            w->failed = true;
            break;
        }
        w->way[w->n_way++] = sites->at[i].pc;
        follow(w, sites->at[i].target);
        w->n_way--;
    }
    if (sites && sites->unknown)
        w->failed = true;
    free(sites);
}

size_t unwind_tail_calls(struct unwinder *u, gaddr callee_pc, gaddr caller_pc, gaddr *ret, size_t max)
{
    struct function callee, caller;
    if (!function_at(u->s, callee_pc, &callee) || !function_at(u->s, caller_pc - 1, &caller))
        return 0;
    struct sites *site = calloc(1, sizeof(*site));
    if (!site)
        return 0;
    add_sites(u->s, &caller, &callee, &caller.die, caller_pc, 0, site);
    gaddr target = site->n == 1 && !site->unknown ? site->at[0].target : callee.entry;
    free(site);
    if (target == callee.entry)
        return 0;
    struct search w = {.s = u->s, .callee = &callee};
    follow(&w, target);
    if (w.failed || !w.any)
        return 0;
    /* Innermost first: the end, then the beginning, which are the same where there is only one way. */
    size_t n = 0;
    for (size_t i = 0; i < w.n_end && n < max; i++)
        ret[n++] = w.first[w.n_first - 1 - i];
    for (size_t i = w.n_end == w.n_first ? 0 : w.n_begin; i > 0 && n < max; i--)
        ret[n++] = w.first[i - 1];
    return n;
}
