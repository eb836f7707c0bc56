/* Names at the top of units and in their namespaces: one index for each module, made when a name is first
 * sought that the current function does not have. A key is the bare name ("C" of "ns::C<int>"); the
 * qualified one is compared when found. */
#include <dwarf.h>
#include <stdio.h>
#include <string.h>

#include "symbols/type.h"

static void add_global(struct symbols *s, struct module *m, struct cu *cu, Dwarf_Die *die,
                       const Dwarf_Die *enumeration)
{
    const char *name = die_name(die);
    if (!name || !*name)
        return;
    struct global *g = arena_alloc(&s->arena, sizeof(*g));
    *g = (struct global){.die = *die, .cu = cu};
    if (enumeration)
        g->enumeration = *enumeration;
    void **at = name_map_at(&m->globals, name, true);
    g->next = *at;
    *at = g;
}

static void add_enumerators(struct symbols *s, struct module *m, struct cu *cu, Dwarf_Die *die)
{
    Dwarf_Die at;
    for (int got = dwarf_child(die, &at); got == 0; got = dwarf_siblingof(&at, &at))
        if (dwarf_tag(&at) == DW_TAG_enumerator)
            add_global(s, m, cu, &at, die);
}

static void walk_globals(struct symbols *s, struct module *m, struct cu *cu, Dwarf_Die *scope, int depth)
{
    Dwarf_Die at;
    if (depth > 60 || dwarf_child(scope, &at) != 0)
        return;
    do {
        switch (dwarf_tag(&at)) {
        case DW_TAG_namespace: walk_globals(s, m, cu, &at, depth + 1); break;
        case DW_TAG_structure_type:
        case DW_TAG_class_type:
        case DW_TAG_union_type:
            if (!dwarf_hasattr(&at, DW_AT_declaration))
                add_global(s, m, cu, &at, NULL);
            /* Types and static members within classes; methods are found by the symbol table. */
            if (lang_is_cplus(cu->lang))
                walk_globals(s, m, cu, &at, depth + 1);
            break;
        case DW_TAG_enumeration_type:
            add_enumerators(s, m, cu, &at);
            if (!dwarf_hasattr(&at, DW_AT_declaration))
                add_global(s, m, cu, &at, NULL);
            break;
        case DW_TAG_variable:
        case DW_TAG_subprogram:
            if (dwarf_hasattr(&at, DW_AT_declaration))
                break;
            add_global(s, m, cu, &at, NULL);
            break;
        case DW_TAG_base_type:
        case DW_TAG_typedef:
        case DW_TAG_constant: add_global(s, m, cu, &at, NULL); break;
        default: break;
        }
    } while (dwarf_siblingof(&at, &at) == 0);
}

static void read_globals(struct symbols *s, struct module *m, Dwarf *dw)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die, sub;
    uint8_t type;
    while (dw && dwarf_get_units(dw, unit, &unit, NULL, &type, &die, &sub) == 0) {
        if (type == DW_UT_skeleton && sub.addr)
            die = sub;
        struct cu *cu = module_cu_of(s, m, &die);
        if (cu)
            walk_globals(s, m, cu, &die, 0);
    }
}

const struct global *module_globals(struct symbols *s, struct module *m, const char *bare_name)
{
    Dwarf *dw = module_dwarf(s, m);
    if (!m->globals_done && dw) {
        m->globals_done = true;
        module_read_cus(s, m);
        read_globals(s, m, dw);
        read_globals(s, m, dwarf_getalt(dw));
    }
    void **at = name_map_at(&m->globals, bare_name, false);
    return at ? *at : NULL;
}

/* ---- types ---- */

static bool is_class(Dwarf_Die *die, enum name_class what)
{
    switch (dwarf_tag(die)) {
    case DW_TAG_structure_type:
    case DW_TAG_class_type: return what == NAME_STRUCT || what == NAME_TYPE;
    case DW_TAG_union_type: return what == NAME_UNION || what == NAME_TYPE;
    case DW_TAG_enumeration_type: return what == NAME_ENUM || what == NAME_TYPE;
    case DW_TAG_base_type:
    case DW_TAG_typedef: return what == NAME_TYPE;
    default: return false;
    }
}

/* In C a tag is no type name by itself. */
static bool needs_tag(const struct cu *cu, Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag != DW_TAG_base_type && tag != DW_TAG_typedef && tag != DW_TAG_class_type &&
           !lang_is_cplus(cu->lang) && cu->lang != DW_LANG_Rust && cu->lang != DW_LANG_Go;
}

const char *name_bare(const char *name)
{
    const char *bare = name;
    int depth = 0;
    for (const char *p = name; *p; p++) {
        depth += *p == '<';
        depth -= *p == '>';
        if (!depth && p[0] == ':' && p[1] == ':')
            bare = p + 2;
    }
    return bare;
}

int name_matches(const char *full, const char *asked)
{
    static const char hidden[] = "(anonymous namespace)::";
    char short_name[512];
    if (strcmp(full, asked) == 0)
        return 2;
    const char *at = strstr(full, hidden);
    if (at && !strstr(asked, hidden) && strlen(full) < sizeof(short_name)) {
        /* "ns::(anonymous namespace)::x" is "ns::x". */
        snprintf(short_name, sizeof(short_name), "%.*s%s", (int)(at - full), full, at + sizeof(hidden) - 1);
        return name_matches(short_name, asked);
    }
    size_t n = strlen(full), n_asked = strlen(asked);
    return n > n_asked + 2 && strcmp(full + n - n_asked, asked) == 0 && full[n - n_asked - 1] == ':';
}

static const struct sym_type *find_in_module(struct symbols *s, struct module *m, const struct cu *first,
                                             const char *name, enum name_class what)
{
    const struct global *best = NULL;
    const char *bare = name_bare(name);
    int best_score = -1;
    for (const struct global *g = module_globals(s, m, bare); g; g = g->next) {
        Dwarf_Die die = g->die;
        if (!is_class(&die, what) || (what == NAME_TYPE && needs_tag(g->cu, &die)))
            continue;
        const char *full = cu_qualified_name(s, m, &die);
        int how = full ? name_matches(full, name) : 0;
        if (!how)
            continue;
        int score = how * 2 + (g->cu == first ? 1 : 0);
        if (score > best_score) {
            best = g;
            best_score = score;
        }
    }
    if (!best)
        return NULL;
    Dwarf_Die die = best->die;
    return type_from_die(s, m, &die);
}

/* Names that C has however no unit may use them. */
static const struct sym_type *find_own(const char *name)
{
    for (int i = 0; i < OWN_N; i++) {
        const char *own = type_own((enum own_type)i)->name;
        if (own && own[0] != '<' && strcmp(own, name) == 0)
            return type_own((enum own_type)i);
    }
    return NULL;
}

const struct sym_type *type_find(struct symbols *s, struct cu *cu, const char *name, enum name_class what)
{
    const struct sym_type *t = cu ? find_in_module(s, cu->module, cu, name, what) : NULL;
    for (size_t i = 0; i < s->n_instances && !t; i++) {
        struct module *m = NULL;
        if (!s->instances[i].has_code)
            continue;
        _cleanup_err_ struct odb_err *e = sym_instance_module(s, &s->instances[i], &m);
        if (!e && m && (!cu || m != cu->module))
            t = find_in_module(s, m, NULL, name, what);
    }
    return t || what != NAME_TYPE ? t : find_own(name);
}
