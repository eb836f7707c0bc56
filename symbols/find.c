/* Functions by name, and all functions.
 *
 * A name is sought in symbol tables first (they name every function with code, and need no walk through
 * DWARF); DWARF only says which of the clones ("f.constprop.0") are parts of which function, and is walked
 * where there is no symbol table. */
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/internal.h"

/* ---- does a full name answer to an asked one? ---- */

/* Behind template arguments that begin at p. */
static const char *skip_arguments(const char *p)
{
    int depth = 0;
    for (; *p; p++) {
        depth += *p == '<';
        depth -= *p == '>';
        if (!depth)
            return p + 1;
    }
    return p;
}

/* full is "ns::C<int>::f<long>"; asked may leave out leading scopes and the last template arguments. */
static bool answers_to(const char *full, const char *asked)
{
    size_t n = strlen(asked);
    for (const char *at = strstr(full, asked); at; at = strstr(at + 1, asked)) {
        if (at > full && !(at - full >= 2 && at[-1] == ':' && at[-2] == ':'))
            continue;
        const char *rest = at + n;
        if (*rest == '<' && !strstr(asked, "operator"))
            rest = skip_arguments(rest);
        if (!*rest)
            return true;
    }
    return false;
}

/* Where "(int)" begins in "ns::(anonymous namespace)::f<int (*)()>(int)"; the end where there are no
 * parameters. */
static size_t parameters_at(const char *name)
{
    static const char hidden[] = "(anonymous namespace)";
    const char *call = strstr(name, "operator()");
    int depth = 0;
    for (const char *p = name; *p; p++) {
        depth += *p == '<';
        depth -= *p == '>';
        if (strncmp(p, hidden, sizeof(hidden) - 1) == 0)
            p += sizeof(hidden) - 2;
        else if (*p == '(' && !depth && !(call && p == call + 8))
            return (size_t)(p - name);
    }
    return strlen(name);
}

/* The identifier at the end of a name, which is in the mangled name, too. */
static void last_identifier(const char *name, const char **ret, size_t *ret_n)
{
    size_t n = parameters_at(name);
    const char *arguments = strstr(name, "operator") ? NULL : memchr(name, '<', n);
    const char *end = arguments && arguments > name ? arguments : name + n, *p = end;
    while (p > name && p[-1] != ':' && p[-1] != ' ' && p[-1] != '~')
        p--;
    *ret = p;
    *ret_n = (size_t)(end - p);
}

/* ".constprop.0", ".isra.0", ".part.1": a body of the function; ".cold" is a piece of one. */
static bool is_clone_suffix(const char *p)
{
    return strncmp(p, ".constprop.", 11) == 0 || strncmp(p, ".isra.", 6) == 0 || strncmp(p, ".part.", 6) == 0;
}

static bool symbol_answers(struct symbols *s, const struct elf_symbol *sym, const char *asked,
                           const char *last, size_t n_last)
{
    if (sym->type != STT_FUNC && sym->type != STT_GNU_IFUNC && sym->type != STT_NOTYPE)
        return false;
    size_t n_bare = parameters_at(asked);
    if (strcmp(sym->name, asked) == 0 ||
        (n_bare == strlen(sym->name) && memcmp(sym->name, asked, n_bare) == 0))
        return true;
    if (!memmem(sym->name, strlen(sym->name), last, n_last) && !strstr(asked, "operator"))
        return false;
    const char *dot = strchr(sym->name, '.');
    _cleanup_free_ char *bare = NULL;
    if (dot && dot > sym->name && is_clone_suffix(dot))
        bare = strndup(sym->name, (size_t)(dot - sym->name));
    else if (dot && strstr(dot, ".cold"))
        return false;
    const char *name = bare ? bare : sym->name;
    if (strcmp(name, asked) == 0)
        return true;
    const char *full = sym_demangle(s, name, asked[n_bare] != 0);
    return full != name && answers_to(full, asked);
}

/* ---- find ---- */

struct addrs {
    gaddr *at; /* owned */
    size_t n;
};

static void addrs_add(struct addrs *a, gaddr addr)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->at[i] == addr)
            return;
    GROW(a->at, a->n);
    a->at[a->n++] = addr;
}

static void find_in_dwarf(struct symbols *s, struct module *m, gaddr bias, const char *name,
                          struct addrs *ret)
{
    const char *last;
    size_t n_last;
    last_identifier(name, &last, &n_last);
    module_read_cus(s, m);
    for (size_t i = 0; i < m->n_cus; i++) {
        struct cu *cu = m->cus[i];
        if (!cu->is_whole)
            continue;
        cu_read_functions(s, cu);
        for (size_t j = 0; j < cu->n_functions; j++) {
            const char *bare = die_name(&cu->functions[j].die);
            if (!bare || !memmem(bare, strlen(bare), last, n_last))
                continue;
            const char *full = cu_qualified_name(s, m, &cu->functions[j].die);
            if (full && (strcmp(full, name) == 0 || answers_to(full, name)))
                addrs_add(ret, cu->functions[j].entry + bias);
        }
    }
}

static void find_in_module(struct symbols *s, struct module *m, gaddr bias, const char *name,
                           struct addrs *ret)
{
    const char *last;
    size_t n_last, n_before = ret->n;
    last_identifier(name, &last, &n_last);
    module_read_symbols(s, m);
    for (size_t i = 0; i < m->n_symbols; i++) {
        const struct elf_symbol *sym = &m->symbols[i];
        if (symbol_answers(s, sym, name, last, n_last) && module_in_code(m, sym->vaddr))
            addrs_add(ret, sym->vaddr + bias);
    }
    if (ret->n == n_before && module_dwarf(s, m))
        find_in_dwarf(s, m, bias, name, ret);
}

struct odb_err *symbols_find_function(struct symbols *s, const char *name, gaddr **ret, size_t *ret_n)
{
    struct addrs found = {0};
    for (size_t i = 0; i < s->n_instances && *name; i++) {
        struct module *m;
        if (!s->instances[i].has_code)
            continue;
        struct odb_err *e = sym_instance_module(s, &s->instances[i], &m);
        if (e) {
            free(found.at);
            return e;
        }
        if (m)
            find_in_module(s, m, s->instances[i].bias, name, &found);
    }
    *ret = found.at;
    *ret_n = found.n;
    return NULL;
}

/* ---- all of them ---- */

static struct odb_err *each_of_unit(struct symbols *s, struct cu *cu, gaddr bias,
                                    struct odb_err *(*fn)(void *ctx, const struct sym_function *f), void *ctx)
{
    cu_read_functions(s, cu);
    for (size_t i = 0; i < cu->n_functions; i++) {
        struct cu_function *f = &cu->functions[i];
        Dwarf_Attribute at;
        const char *linkage = die_attr(&f->die, DW_AT_linkage_name, &at) ? dwarf_formstring(&at) : NULL;
        const char *file = dwarf_decl_file(&f->die);
        struct sym_function out = {.name = cu_qualified_name(s, cu->module, &f->die),
                                   .module = cu->module->path,
                                   .file = file ? sym_intern(s, file) : NULL,
                                   .low = f->low + bias,
                                   .high = f->high + bias};
        out.linkage = linkage ? sym_intern(s, linkage) : out.name;
        dwarf_decl_line(&f->die, &out.line);
        if (out.name)
            ODB_TRY(fn(ctx, &out));
    }
    return NULL;
}

static struct odb_err *each_of_module(struct symbols *s, struct module *m, gaddr bias,
                                      struct odb_err *(*fn)(void *ctx, const struct sym_function *f),
                                      void *ctx)
{
    module_read_cus(s, m);
    for (size_t i = 0; i < m->n_cus; i++)
        if (m->cus[i]->is_whole)
            ODB_TRY(each_of_unit(s, m->cus[i], bias, fn, ctx));
    module_read_symbols(s, m);
    for (size_t i = 0; i < m->n_symbols; i++) {
        const struct elf_symbol *sym = &m->symbols[i];
        if ((sym->type != STT_FUNC && sym->type != STT_GNU_IFUNC) || !module_in_code(m, sym->vaddr))
            continue;
        /* Of aliases symbols_place() takes the last one, but where DWARF describes the function. */
        struct cu *cu = module_cu_at(s, m, sym->vaddr);
        struct sym_function out = {.name = sym_demangle(s, sym->name, false),
                                   .linkage = sym->name,
                                   .module = m->path,
                                   .is_alias =
                                       (i + 1 < m->n_symbols && m->symbols[i + 1].vaddr == sym->vaddr) ||
                                       (cu && cu_function_at(s, cu, sym->vaddr)),
                                   .low = sym->vaddr + bias,
                                   .high = sym->vaddr + sym->n_bytes + bias};
        ODB_TRY(fn(ctx, &out));
    }
    return NULL;
}

struct odb_err *symbols_each_function(struct symbols *s,
                                      struct odb_err *(*fn)(void *ctx, const struct sym_function *f),
                                      void *ctx)
{
    for (size_t i = 0; i < s->n_instances; i++) {
        struct module *m;
        if (!s->instances[i].has_code)
            continue;
        ODB_TRY(sym_instance_module(s, &s->instances[i], &m));
        if (m)
            ODB_TRY(each_of_module(s, m, s->instances[i].bias, fn, ctx));
    }
    return NULL;
}
