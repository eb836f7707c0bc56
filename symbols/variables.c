/* Variables: those of a frame's scope, and names looked up the way the language does.
 *
 * The order of a look-up: blocks from the innermost out, members of *this, enumerators and globals of the
 * unit (namespaces of the function first), those of other units and modules, at last the symbol tables,
 * which know an address but no type. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/type.h"

struct odb_err *frame_scopes_at(struct symbols *s, const struct sym_frame *frame, size_t scope,
                                struct frame_scopes *ret)
{
    *ret = (struct frame_scopes){.ctx = {.s = s, .frame = frame}};
    gaddr pc = frame ? frame->lookup_pc : s->view.rip;
    struct module *m;
    gaddr bias;
    ODB_TRY(sym_module_at(s, pc, &m, &bias));
    if (!m)
        return NULL;
    ret->ctx.module = m;
    ret->ctx.bias = bias;
    ret->ctx.cu = module_cu_at(s, m, pc - bias);
    ret->function = ret->ctx.cu ? cu_function_at(s, ret->ctx.cu, pc - bias) : NULL;
    if (!ret->function)
        return NULL;
    ret->ctx.function = (Dwarf_Die *)(uintptr_t)&ret->function->die;
    function_scopes(ret->function, pc - bias, &ret->chain);
    ret->to = ret->chain.n;
    for (size_t i = ret->chain.n; i-- > 0;) {
        ret->from = i;
        if (i && dwarf_tag(&ret->chain.dies[i]) != DW_TAG_inlined_subroutine)
            continue;
        if (!scope--)
            break;
        if (!i)
            return odb_err("this frame has not so many inlined functions");
        ret->to = i;
    }
    return NULL;
}

/* ---- the variables of one block ---- */

struct found {
    struct sym_variable *vars; /* owned */
    size_t n;
};

static bool is_variable(Dwarf_Die *die)
{
    int tag = dwarf_tag(die);
    return tag == DW_TAG_formal_parameter || tag == DW_TAG_variable || tag == DW_TAG_constant;
}

static bool is_declared_elsewhere(Dwarf_Die *die)
{
    Dwarf_Attribute at;
    bool set = false;
    return dwarf_attr(die, DW_AT_declaration, &at) && dwarf_formflag(&at, &set) == 0 && set;
}

static struct odb_err *add_variable(const struct loc_ctx *c, Dwarf_Die *die, int depth, struct found *ret)
{
    const char *name = die_name(die);
    /* Variables without a name are the compiler's: lengths of arrays. */
    if (!name || is_declared_elsewhere(die))
        return NULL;
    GROW(ret->vars, ret->n);
    struct sym_variable *v = &ret->vars[ret->n];
    *v = (struct sym_variable){.name = sym_intern(c->s, name),
                               .is_parameter = dwarf_tag(die) == DW_TAG_formal_parameter,
                               .depth = depth};
    dwarf_decl_line(die, &v->line);
    ODB_TRY(location_value(c, die, type_of_die(c->s, c->module, die), &v->value));
    ret->n++;
    /* What cannot be read is shown as that when it is printed. */
    odb_err_free(value_load(c->s, &v->value));
    return NULL;
}

static void enumerator_value(struct symbols *s, struct module *m, Dwarf_Die *enumeration, Dwarf_Die *die,
                             struct sym_value *ret)
{
    Dwarf_Attribute at;
    Dwarf_Word word = 0;
    Dwarf_Sword sword = 0;
    if (dwarf_attr(die, DW_AT_const_value, &at)) {
        dwarf_formudata(&at, &word);
        if (dwarf_whatform(&at) == DW_FORM_sdata && dwarf_formsdata(&at, &sword) == 0)
            word = (Dwarf_Word)sword;
    }
    value_of_int(ret, type_from_die(s, m, enumeration), word);
}

/* Enumerators of a block's own enum are names of the block, too. */
static void add_enumerators(const struct loc_ctx *c, Dwarf_Die *enumeration, int depth, struct found *ret)
{
    Dwarf_Die at;
    for (int got = dwarf_child(enumeration, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        const char *name = dwarf_tag(&at) == DW_TAG_enumerator ? die_name(&at) : NULL;
        if (!name)
            continue;
        GROW(ret->vars, ret->n);
        struct sym_variable *v = &ret->vars[ret->n++];
        *v = (struct sym_variable){.name = sym_intern(c->s, name), .depth = depth};
        enumerator_value(c->s, c->module, enumeration, &at, &v->value);
    }
}

static bool is_among(const Dwarf_Die *die, const Dwarf_Die *origins, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (origins[i].addr == die->addr)
            return true;
    return false;
}

/* What only an abstract block has was optimized out, with the blocks in it that have no counterpart. */
static struct odb_err *add_abstract(const struct loc_ctx *c, Dwarf_Die *block, int depth,
                                    const Dwarf_Die *seen, size_t n_seen, struct found *ret)
{
    Dwarf_Die at;
    for (int got = dwarf_child(block, &at); got == 0 && depth < 64; got = dwarf_siblingof(&at, &at)) {
        if (is_among(&at, seen, n_seen))
            continue;
        if (is_variable(&at))
            ODB_TRY(add_variable(c, &at, depth, ret));
        else if (dwarf_tag(&at) == DW_TAG_enumeration_type)
            add_enumerators(c, &at, depth, ret);
        else if (dwarf_tag(&at) == DW_TAG_lexical_block)
            ODB_TRY(add_abstract(c, &at, depth + 1, seen, n_seen, ret));
    }
    return NULL;
}

/* A block's own variables, then those that only its abstract origin has. */
static struct odb_err *add_block(const struct loc_ctx *c, Dwarf_Die *block, int depth, struct found *ret)
{
    Dwarf_Die at, origin, seen[256];
    Dwarf_Attribute attr;
    size_t n_seen = 0;
    for (int got = dwarf_child(block, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        int tag = dwarf_tag(&at);
        if (tag == DW_TAG_enumeration_type)
            add_enumerators(c, &at, depth, ret);
        if (tag != DW_TAG_lexical_block && !is_variable(&at))
            continue;
        if (n_seen < 256 && dwarf_attr(&at, DW_AT_abstract_origin, &attr) &&
            dwarf_formref_die(&attr, &origin))
            seen[n_seen++] = origin;
        if (tag != DW_TAG_lexical_block)
            ODB_TRY(add_variable(c, &at, depth, ret));
        else if (!dwarf_hasattr(&at, DW_AT_low_pc) && !dwarf_hasattr(&at, DW_AT_ranges))
            ODB_TRY(add_block(c, &at, depth, ret));
    }
    if (!dwarf_attr(block, DW_AT_abstract_origin, &attr) || !dwarf_formref_die(&attr, &origin))
        return NULL;
    return add_abstract(c, &origin, depth, seen, n_seen, ret);
}

struct odb_err *symbols_locals(struct symbols *s, const struct sym_frame *frame, size_t scope,
                               struct sym_variable **ret, size_t *ret_n)
{
    struct frame_scopes f;
    struct found all = {0};
    ODB_TRY(frame_scopes_at(s, frame, scope, &f));
    if (!f.function)
        return odb_err(
            "no debug information for the code at 0x%llx: install the debug package of its file, or "
            "compile it with -g",
            (unsigned long long)(frame ? frame->lookup_pc : s->view.rip));
    struct odb_err *e = NULL;
    for (size_t i = f.to; i-- > f.from && !e;)
        e = add_block(&f.ctx, &f.chain.dies[i], (int)(i - f.from), &all);
    if (e) {
        symbols_variables_free(all.vars, all.n);
        return e;
    }
    /* Parameters first, in their order; the rest from the innermost block out, as gdb has it. */
    struct sym_variable *sorted = calloc(all.n + 1, sizeof(*sorted));
    odb_assert(sorted);
    size_t n = 0;
    for (int pass = 1; pass >= 0; pass--)
        for (size_t i = 0; i < all.n; i++)
            if (all.vars[i].is_parameter == (pass == 1))
                sorted[n++] = all.vars[i];
    free(all.vars);
    *ret = sorted;
    *ret_n = n;
    return NULL;
}

void symbols_variables_free(struct sym_variable *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        symbols_value_deinit(&v[i].value);
    free(v);
}

/* ---- names ---- */

static bool find_enumerator(const struct loc_ctx *c, Dwarf_Die *enumeration, const char *name,
                            struct sym_value *ret)
{
    Dwarf_Die at;
    for (int got = dwarf_child(enumeration, &at); got == 0; got = dwarf_siblingof(&at, &at)) {
        const char *its = dwarf_tag(&at) == DW_TAG_enumerator ? die_name(&at) : NULL;
        if (its && strcmp(its, name) == 0) {
            enumerator_value(c->s, c->module, enumeration, &at, ret);
            return true;
        }
    }
    return false;
}

/* A variable, or the enum that has the enumerator, in a block that was optimized out or in its abstract
 * form. */
static bool find_in_abstract(Dwarf_Die *block, const char *name, int depth, Dwarf_Die *ret)
{
    Dwarf_Die at, inner;
    bool have = false;
    for (int got = dwarf_child(block, &at); got == 0 && depth < 16; got = dwarf_siblingof(&at, &at)) {
        int tag = dwarf_tag(&at);
        const char *its = is_variable(&at) ? die_name(&at) : NULL;
        if (its && strcmp(its, name) == 0) {
            *ret = at;
            return true;
        }
        if (tag == DW_TAG_enumeration_type)
            for (int more = dwarf_child(&at, &inner); more == 0; more = dwarf_siblingof(&inner, &inner))
                if (die_name(&inner) && strcmp(die_name(&inner), name) == 0) {
                    *ret = at;
                    return true;
                }
        if (tag == DW_TAG_lexical_block && !have)
            have = find_in_abstract(&at, name, depth + 1, ret);
    }
    return have;
}

static struct odb_err *find_in_block(const struct loc_ctx *c, Dwarf_Die *block, const char *name, int depth,
                                     struct sym_value *ret, bool *ret_found)
{
    Dwarf_Die at, best, origin;
    Dwarf_Attribute attr;
    bool have = false;
    for (int got = dwarf_child(block, &at); got == 0 && depth < 8; got = dwarf_siblingof(&at, &at)) {
        int tag = dwarf_tag(&at);
        if (tag == DW_TAG_lexical_block && !dwarf_hasattr(&at, DW_AT_low_pc) &&
            !dwarf_hasattr(&at, DW_AT_ranges)) {
            ODB_TRY(find_in_block(c, &at, name, depth + 1, ret, ret_found));
            if (*ret_found)
                return NULL;
        }
        if (tag == DW_TAG_enumeration_type && find_enumerator(c, &at, name, ret)) {
            *ret_found = true;
            return NULL;
        }
        if (!is_variable(&at))
            continue;
        const char *its = die_name(&at);
        if (its && strcmp(its, name) == 0 && !is_declared_elsewhere(&at)) {
            best = at;
            have = true;
        }
    }
    if (!have && dwarf_attr(block, DW_AT_abstract_origin, &attr) && dwarf_formref_die(&attr, &origin))
        have = find_in_abstract(&origin, name, 0, &best);
    if (have && dwarf_tag(&best) == DW_TAG_enumeration_type) {
        *ret_found = find_enumerator(c, &best, name, ret);
        return NULL;
    }
    if (!have)
        return NULL;
    *ret_found = true;
    return location_value(c, &best, type_of_die(c->s, c->module, &best), ret);
}

static bool block_has(Dwarf_Die *block, const char *name, int depth)
{
    Dwarf_Die at;
    for (int got = dwarf_child(block, &at); got == 0 && depth < 8; got = dwarf_siblingof(&at, &at)) {
        const char *its = is_variable(&at) ? die_name(&at) : NULL;
        if (its && strcmp(its, name) == 0)
            return true;
        if (dwarf_tag(&at) == DW_TAG_lexical_block && !dwarf_hasattr(&at, DW_AT_low_pc) &&
            !dwarf_hasattr(&at, DW_AT_ranges) && block_has(&at, name, depth + 1))
            return true;
    }
    return false;
}

bool variable_is_local(struct frame_scopes *f, const char *name)
{
    for (size_t i = f->to; f->function && i-- > f->from;)
        if (block_has(&f->chain.dies[i], name, 0))
            return true;
    return false;
}

static struct odb_err *find_member_of_this(struct symbols *s, const struct sym_value *object,
                                           const char *name, int depth, struct sym_value *ret,
                                           bool *ret_found)
{
    const struct sym_type *t = type_strip(s, object->type);
    if (depth > 16 || (t->kind != TYPE_STRUCT && t->kind != TYPE_UNION))
        return NULL;
    type_read_members(s, t);
    for (size_t i = 0; i < t->n_members && !*ret_found; i++) {
        const struct type_member *m = &t->members[i];
        if (m->name && !m->is_base && strcmp(m->name, name) == 0) {
            *ret_found = true;
            return value_member(s, object, m, ret);
        }
        if (m->is_base || !m->name) {
            _cleanup_value_ struct sym_value base = {0};
            ODB_TRY(value_member(s, object, m, &base));
            ODB_TRY(find_member_of_this(s, &base, name, depth + 1, ret, ret_found));
        }
    }
    return NULL;
}

/* ---- globals ---- */

static struct odb_err *global_value(struct symbols *s, struct module *m, gaddr bias, const struct global *g,
                                    struct sym_value *ret)
{
    struct loc_ctx c = {.s = s, .module = m, .bias = bias, .cu = g->cu};
    Dwarf_Die die = g->die;
    uint64_t entry;
    switch (dwarf_tag(&die)) {
    case DW_TAG_subprogram:
        if (!die_entry(&die, &entry)) {
            value_init(ret, type_from_die(s, m, &die));
            ret->optimized_out = true;
            return NULL;
        }
        value_at(ret, type_from_die(s, m, &die), entry + bias);
        return NULL;
    case DW_TAG_enumerator: {
        Dwarf_Die of = g->enumeration;
        enumerator_value(s, m, &of, &die, ret);
        return NULL;
    }
    default: return location_value(&c, &die, type_of_die(s, m, &die), ret);
    }
}

static bool is_of_file(struct cu *cu, const char *file)
{
    const char *name = file ? dwarf_diename(&cu->die) : NULL;
    if (!file)
        return true;
    size_t n = strlen(file), n_name = name ? strlen(name) : 0;
    return name && n <= n_name && strcmp(name + n_name - n, file) == 0 &&
           (n == n_name || name[n_name - n - 1] == '/');
}

static bool is_method(struct symbols *s, struct module *m, Dwarf_Die *die)
{
    Dwarf_Attribute at;
    Dwarf_Die decl = *die;
    for (int i = 0; i < 4 && (dwarf_attr(&decl, DW_AT_abstract_origin, &at) ||
                              dwarf_attr(&decl, DW_AT_specification, &at));
         i++)
        if (!dwarf_formref_die(&at, &decl))
            return false;
    const struct cu_scope *scope = cu_scope_of(s, m, &decl);
    Dwarf_Die of = scope ? scope->die : decl;
    int tag = dwarf_tag(&of);
    return tag == DW_TAG_class_type || tag == DW_TAG_structure_type || tag == DW_TAG_union_type;
}

/* How good a global is for a name in a function of `context` ("ns::C::f"): 0: not at all. */
static int score_of(struct symbols *s, struct module *m, const struct global *g, const char *name,
                    const char *context, const struct cu *cu)
{
    Dwarf_Die die = g->die;
    const char *full = cu_qualified_name(s, m, &die);
    int tag = dwarf_tag(&die), score;
    if (tag == DW_TAG_enumerator) {
        Dwarf_Die of = g->enumeration;
        full = enumerator_name(s, m, &of, die_name(&die));
    }
    if (!full || (tag != DW_TAG_variable && tag != DW_TAG_subprogram && tag != DW_TAG_enumerator &&
                  tag != DW_TAG_constant))
        return 0;
    if (*name == ':' && name[1] == ':') {
        if (strcmp(full, name + 2) != 0)
            return 0;
        name += 2;
    }
    score = name_matches(full, name);
    /* A method, and above all a constructor, is not known by its bare name. */
    if (score == 1 && tag == DW_TAG_subprogram && !strstr(name, "::") && is_method(s, m, &die))
        return 0;
    /* An enumerator of an enum class needs its class's name. */
    if (score == 1 && tag == DW_TAG_enumerator) {
        Dwarf_Die of = g->enumeration;
        if (die_flag(&of, DW_AT_enum_class) && !strstr(name, "::"))
            return 0;
    }
    size_t n = strlen(full), n_name = strlen(name);
    if (score == 1 && context && n > n_name && strncmp(full, context, n - n_name) == 0)
        score = 2 + (int)(n - n_name); /* the innermost namespace that holds it */
    return score ? score * 2 + (g->cu == cu) : 0;
}

static struct odb_err *find_global(struct symbols *s, struct frame_scopes *f, struct module *m, gaddr bias,
                                   const char *file, const char *name, struct sym_value *ret, bool *ret_found)
{
    const struct global *best = NULL;
    int best_score = 0;
    Dwarf_Die die;
    const char *context = NULL;
    if (f->function && m == f->ctx.module) {
        die = f->chain.dies[f->from];
        context = cu_qualified_name(s, m, &die);
    }
    for (const struct global *g = module_globals(s, m, name_bare(name)); g; g = g->next) {
        int score = is_of_file(g->cu, file) ? score_of(s, m, g, name, context, f->ctx.cu) : 0;
        if (score > best_score) {
            best = g;
            best_score = score;
        }
    }
    if (!best)
        return NULL;
    *ret_found = true;
    return global_value(s, m, bias, best, ret);
}

static bool find_symbol(struct symbols *s, struct module *m, gaddr bias, const char *name,
                        struct sym_value *ret)
{
    module_read_symbols(s, m);
    const struct elf_symbol *best = NULL;
    for (size_t i = 0; i < m->n_symbols; i++) {
        const struct elf_symbol *sym = &m->symbols[i];
        const char *at = strchr(sym->name, '@');
        size_t n = at ? (size_t)(at - sym->name) : strlen(sym->name);
        if (sym->is_slot)
            continue;
        bool same = strlen(name) == n && memcmp(sym->name, name, n) == 0;
        if (!same && sym->name[0] == '_' && sym->name[1] == 'Z' && strstr(name, "::"))
            same = strcmp(sym_demangle(s, sym->name, false), name) == 0;
        if (same && (!best || best->bind == STB_LOCAL))
            best = sym;
    }
    if (!best)
        return false;
    struct cu *cu = module_cu_at(s, m, best->vaddr);
    const struct cu_function *f = cu ? cu_function_at(s, cu, best->vaddr) : NULL;
    if (f && f->entry == best->vaddr) {
        Dwarf_Die die = f->die;
        value_at(ret, type_from_die(s, m, &die), best->vaddr + bias);
        return true;
    }
    bool code = best->type == STT_FUNC || best->type == STT_GNU_IFUNC || module_in_code(m, best->vaddr);
    value_at(ret, type_own(code ? OWN_CODE : OWN_DATA), best->vaddr + bias);
    return true;
}

static struct odb_err *find_anywhere(struct symbols *s, struct frame_scopes *f, const char *file,
                                     const char *name, struct sym_value *ret, bool *ret_found)
{
    if (f->ctx.module)
        ODB_TRY(find_global(s, f, f->ctx.module, f->ctx.bias, file, name, ret, ret_found));
    for (int tables = 0; tables < 2; tables++) {
        for (size_t i = 0; i < s->n_instances && !*ret_found; i++) {
            struct module *m;
            if (!s->instances[i].has_code)
                continue;
            ODB_TRY(sym_instance_module(s, &s->instances[i], &m));
            if (m && !tables && m != f->ctx.module)
                ODB_TRY(find_global(s, f, m, s->instances[i].bias, file, name, ret, ret_found));
            else if (m && tables && !file)
                *ret_found = find_symbol(s, m, s->instances[i].bias, name, ret);
        }
    }
    return NULL;
}

struct odb_err *variable_find(struct symbols *s, struct frame_scopes *f, const char *file, const char *name,
                              struct sym_value *ret, bool *ret_found)
{
    *ret_found = false;
    if (!file && f->function && !strstr(name, "::")) {
        /* A nested block sees what is around it, an inlined function its own body only. */
        for (size_t i = f->to; i-- > f->from && !*ret_found;)
            ODB_TRY(find_in_block(&f->ctx, &f->chain.dies[i], name, 0, ret, ret_found));
        _cleanup_value_ struct sym_value this = {0}, object = {0};
        bool has_this = false;
        for (size_t i = f->to; i-- > f->from && !*ret_found && !has_this && lang_is_cplus(f->ctx.cu->lang);)
            ODB_TRY(find_in_block(&f->ctx, &f->chain.dies[i], "this", 0, &this, &has_this));
        if (has_this && !this.optimized_out && !*ret_found) {
            ODB_TRY(value_deref(s, &this, &object));
            ODB_TRY(find_member_of_this(s, &object, name, 0, ret, ret_found));
        }
    }
    return *ret_found ? NULL : find_anywhere(s, f, file, name, ret, ret_found);
}
