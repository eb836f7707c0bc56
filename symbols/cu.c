/* Compilation units: which one covers an address, its functions, and what lies around a DIE.
 *
 * .debug_aranges is not used: clang writes none. The ranges of each unit's own DIE are read once; the unit's
 * tree is walked whole when something in it is asked for the first time, and leaves an array of functions
 * and the scopes of named DIEs. Ranges outside executable segments belong to functions that the linker
 * dropped. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/internal.h"

/* ---- DIEs ---- */

int die_next_range(Dwarf_Die *die, ptrdiff_t *state, Dwarf_Addr *base, uint64_t *low, uint64_t *high)
{
    Dwarf_Addr start, end;
    while ((*state = dwarf_ranges(die, *state, base, &start, &end)) > 0) {
        if (start >= end)
            continue;
        *low = start;
        *high = end;
        return 1;
    }
    return 0;
}

Dwarf_Attribute *die_attr(Dwarf_Die *die, unsigned name, Dwarf_Attribute *ret)
{
    Dwarf_Attribute *at = dwarf_attr_integrate(die, name, ret);
    /* Go writes expressions of DWARF 4 as blocks, which libdw refuses; a short block is laid out as an
     * exprloc. */
    if (at && (name == DW_AT_location || name == DW_AT_frame_base) && dwarf_whatform(at) == DW_FORM_block1 &&
        at->valp[0] < 0x80)
        at->form = DW_FORM_exprloc;
    return at;
}

const char *die_name(Dwarf_Die *die)
{
    Dwarf_Attribute at;
    return die_attr(die, DW_AT_name, &at) ? dwarf_formstring(&at) : NULL;
}

bool die_flag(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute at;
    bool set = false;
    return die_attr(die, name, &at) && dwarf_formflag(&at, &set) == 0 && set;
}

bool die_uint(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
    Dwarf_Attribute at;
    Dwarf_Word word;
    if (!die_attr(die, name, &at) || dwarf_formudata(&at, &word) != 0)
        return false;
    *ret = word;
    return true;
}

bool die_entry(Dwarf_Die *die, uint64_t *ret)
{
    Dwarf_Addr addr;
    if (dwarf_entrypc(die, &addr) == 0) {
        *ret = addr;
        return true;
    }
    ptrdiff_t state = 0;
    Dwarf_Addr base = 0;
    uint64_t high;
    return die_next_range(die, &state, &base, ret, &high);
}

/* ---- units ---- */

bool module_in_code(const struct module *m, uint64_t vaddr)
{
    for (size_t i = 0; i < m->n_segments; i++) {
        const struct segment *g = &m->segments[i];
        if (g->executable && vaddr >= g->vaddr && vaddr < g->vaddr + g->mem_bytes)
            return true;
    }
    return false;
}

static struct cu *cu_add(struct module *m, const Dwarf_Die *die, bool is_whole)
{
    struct cu *cu = calloc(1, sizeof(*cu));
    odb_assert(cu);
    cu->module = m;
    cu->die = *die;
    cu->lang = dwarf_srclang(&cu->die);
    cu->is_whole = is_whole;
    GROW(m->cus, m->n_cus);
    m->cus[m->n_cus++] = cu;
    ptr_map_put(&m->cu_by_die, die->addr, cu);
    return cu;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct code_range *x = a, *y = b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->high > y->high ? -1 : x->high < y->high;
}

void module_read_cus(struct symbols *s, struct module *m)
{
    if (m->cus_done)
        return;
    m->cus_done = true;
    Dwarf *dw = module_dwarf(s, m);
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, sub;
    uint8_t type;
    while (dw && dwarf_get_units(dw, unit, &unit, NULL, &type, &die, &sub) == 0) {
        if (type == DW_UT_skeleton && sub.addr)
            die = sub;
        else if (type != DW_UT_compile)
            continue;
        if (dwarf_tag(&die) != DW_TAG_compile_unit)
            continue;
        struct cu *cu = cu_add(m, &die, true);
        ptrdiff_t state = 0;
        Dwarf_Addr base = 0;
        uint64_t low, high;
        while (die_next_range(&die, &state, &base, &low, &high)) {
            if (!module_in_code(m, low))
                continue;
            GROW(m->ranges, m->n_ranges);
            m->ranges[m->n_ranges++] = (struct code_range){.low = low, .high = high, .cu = cu};
        }
    }
    if (m->n_ranges)
        qsort(m->ranges, m->n_ranges, sizeof(*m->ranges), compare_ranges);
    for (size_t i = 0; i < m->n_ranges; i++) {
        struct code_range *r = &m->ranges[i];
        r->max_high = i && r[-1].max_high > r->high ? r[-1].max_high : r->high;
    }
}

struct cu *module_cu_at(struct symbols *s, struct module *m, uint64_t vaddr)
{
    module_read_cus(s, m);
    size_t low = 0, high = m->n_ranges;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->ranges[mid].low <= vaddr)
            low = mid + 1;
        else
            high = mid;
    }
    for (; low > 0 && m->ranges[low - 1].max_high > vaddr; low--)
        if (m->ranges[low - 1].high > vaddr)
            return m->ranges[low - 1].cu;
    return NULL;
}

struct cu *module_cu_of(struct symbols *s, struct module *m, Dwarf_Die *die)
{
    Dwarf_Die unit;
    module_read_cus(s, m);
    if (!dwarf_diecu(die, &unit, NULL, NULL))
        return NULL;
    struct cu *cu = ptr_map_get(&m->cu_by_die, unit.addr);
    return cu ? cu : cu_add(m, &unit, false);
}

/* ---- the tree of a unit ---- */

static bool holds_names(int tag)
{
    switch (tag) {
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_subprogram:
    case DW_TAG_lexical_block:
    case DW_TAG_inlined_subroutine: return true;
    default: return false;
    }
}

static bool has_scope(int tag)
{
    switch (tag) {
    case DW_TAG_variable:
    case DW_TAG_constant:
    case DW_TAG_typedef:
    case DW_TAG_base_type:
    case DW_TAG_member: return true;
    default: return holds_names(tag);
    }
}

static void add_function(struct cu *cu, Dwarf_Die *die)
{
    uint64_t low, high, entry;
    ptrdiff_t state = 0;
    Dwarf_Addr base = 0;
    if (dwarf_hasattr(die, DW_AT_declaration) || !die_entry(die, &entry))
        return;
    while (die_next_range(die, &state, &base, &low, &high)) {
        if (!module_in_code(cu->module, low))
            continue;
        GROW(cu->functions, cu->n_functions);
        cu->functions[cu->n_functions++] = (struct cu_function){low, high, entry, *die};
    }
}

static void walk(struct symbols *s, struct cu *cu, const struct cu_scope *scope, int depth)
{
    Dwarf_Die at, die = scope->die;
    if (depth > 200 || dwarf_child(&die, &at) != 0)
        return;
    do {
        int tag = dwarf_tag(&at);
        if (!has_scope(tag))
            continue;
        ptr_map_put(&cu->scopes, at.addr, (void *)(uintptr_t)scope);
        if (tag == DW_TAG_subprogram)
            add_function(cu, &at);
        if (holds_names(tag) && dwarf_haschildren(&at)) {
            struct cu_scope *inner = arena_alloc(&s->arena, sizeof(*inner));
            *inner = (struct cu_scope){at, scope};
            walk(s, cu, inner, depth + 1);
        }
    } while (dwarf_siblingof(&at, &at) == 0);
}

static int compare_functions(const void *a, const void *b)
{
    const struct cu_function *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

void cu_read_functions(struct symbols *s, struct cu *cu)
{
    if (cu->functions_done)
        return;
    cu->functions_done = true;
    struct cu_scope *top = arena_alloc(&s->arena, sizeof(*top));
    *top = (struct cu_scope){.die = cu->die};
    walk(s, cu, top, 0);
    if (cu->n_functions)
        qsort(cu->functions, cu->n_functions, sizeof(*cu->functions), compare_functions);
}

const struct cu_function *cu_function_at(struct symbols *s, struct cu *cu, uint64_t vaddr)
{
    cu_read_functions(s, cu);
    size_t low = 0, high = cu->n_functions;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (cu->functions[mid].low <= vaddr)
            low = mid + 1;
        else
            high = mid;
    }
    return low && cu->functions[low - 1].high > vaddr ? &cu->functions[low - 1] : NULL;
}

const struct cu_scope *cu_scope_of(struct symbols *s, struct module *m, Dwarf_Die *die)
{
    struct cu *cu = module_cu_of(s, m, die);
    if (!cu)
        return NULL;
    cu_read_functions(s, cu);
    return ptr_map_get(&cu->scopes, die->addr);
}

/* ---- names ---- */

/* The DIE that says where a function or a variable was declared. */
static void follow_declaration(Dwarf_Die *die)
{
    for (int i = 0; i < 8; i++) {
        Dwarf_Attribute at;
        Dwarf_Die next;
        if (!dwarf_attr(die, DW_AT_abstract_origin, &at) && !dwarf_attr(die, DW_AT_specification, &at))
            return;
        if (!dwarf_formref_die(&at, &next))
            return;
        *die = next;
    }
}

static const char *scope_prefix(struct symbols *s, struct module *m, const struct cu_scope *scope)
{
    if (!scope || !scope->outer)
        return NULL;
    Dwarf_Die die = scope->die;
    const char *name;
    switch (dwarf_tag(&die)) {
    case DW_TAG_namespace:
        name = die_name(&die);
        name = name ? name : "(anonymous namespace)";
        break;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_module: name = die_name(&die); break;
    default: return scope_prefix(s, m, scope->outer);
    }
    const char *outer = scope_prefix(s, m, scope->outer);
    if (!name)
        return outer;
    return outer ? sym_intern_printf(s, "%s::%s", outer, name) : name;
}

const char *cu_qualified_name(struct symbols *s, struct module *m, Dwarf_Die *die)
{
    Dwarf_Die decl = *die;
    follow_declaration(&decl);
    const char *name = die_name(die);
    if (!name)
        return NULL;
    struct cu *cu = module_cu_of(s, m, &decl);
    /* C has no scopes for names; Go's names are whole as they stand. */
    if (!cu || cu->lang == DW_LANG_C89 || cu->lang == DW_LANG_C99 || cu->lang == DW_LANG_C11 ||
        cu->lang == DW_LANG_C || cu->lang == DW_LANG_Go)
        return sym_intern(s, name);
    const char *prefix = scope_prefix(s, m, cu_scope_of(s, m, &decl));
    return prefix ? sym_intern_printf(s, "%s::%s", prefix, name) : sym_intern(s, name);
}

/* ---- blocks ---- */

static void descend(Dwarf_Die *die, uint64_t vaddr, struct scope_chain *ret)
{
    Dwarf_Die at;
    if (ret->n == MAX_SCOPES || dwarf_child(die, &at) != 0)
        return;
    do {
        int tag = dwarf_tag(&at);
        if (tag != DW_TAG_lexical_block && tag != DW_TAG_inlined_subroutine && tag != DW_TAG_try_block &&
            tag != DW_TAG_catch_block)
            continue;
        int has = dwarf_haspc(&at, vaddr);
        if (has > 0) {
            ret->dies[ret->n++] = at;
            descend(&at, vaddr, ret);
            return;
        }
        /* A block without addresses is as if its children were outside it. */
        if (tag == DW_TAG_lexical_block && !dwarf_hasattr(&at, DW_AT_low_pc) &&
            !dwarf_hasattr(&at, DW_AT_ranges)) {
            size_t n = ret->n;
            descend(&at, vaddr, ret);
            if (ret->n > n)
                return;
        }
    } while (dwarf_siblingof(&at, &at) == 0);
}

void function_scopes(const struct cu_function *f, uint64_t vaddr, struct scope_chain *ret)
{
    ret->n = 1;
    ret->dies[0] = f->die;
    descend(&ret->dies[0], vaddr, ret);
}
