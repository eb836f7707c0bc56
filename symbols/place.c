/* What an address is called: function, inlined functions, file and line. */
#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/internal.h"

static void set_call_line(struct symbols *s, Dwarf_Die *inlined, struct cu *cu, struct sym_scope *outer)
{
    Dwarf_Attribute at;
    Dwarf_Files *files;
    Dwarf_Word index;
    uint64_t line = 0, column = 0;
    if (dwarf_attr(inlined, DW_AT_call_line, &at))
        die_uint(inlined, DW_AT_call_line, &line);
    if (dwarf_attr(inlined, DW_AT_call_column, &at))
        die_uint(inlined, DW_AT_call_column, &column);
    outer->line = (int)line;
    outer->column = (int)column;
    outer->file = NULL;
    if (dwarf_attr(inlined, DW_AT_call_file, &at) && dwarf_formudata(&at, &index) == 0 &&
        dwarf_getsrcfiles(&cu->die, &files, NULL) == 0) {
        const char *file = dwarf_filesrc(files, index, NULL, NULL);
        outer->file = file ? sym_intern(s, file) : NULL;
    }
}

static bool is_c(int lang)
{
    return lang == DW_LANG_C89 || lang == DW_LANG_C || lang == DW_LANG_C99 || lang == DW_LANG_C11;
}

static bool is_cxx(int lang)
{
    return lang == DW_LANG_C_plus_plus || lang == DW_LANG_C_plus_plus_03 || lang == DW_LANG_C_plus_plus_11 ||
           lang == DW_LANG_C_plus_plus_14;
}

static void set_function(struct symbols *s, struct module *m, Dwarf_Die *die, struct sym_scope *ret)
{
    Dwarf_Attribute at;
    ret->function = cu_qualified_name(s, m, die);
    const char *linkage =
        die_attr(die, DW_AT_linkage_name, &at) || die_attr(die, DW_AT_MIPS_linkage_name, &at)
            ? dwarf_formstring(&at)
            : NULL;
    /* As gdb: a function of C that was given another name by asm("...") is shown by that, and C++ as the linkage name has it,
     * which spells template arguments in one way where compilers differ. */
    const struct cu *cu = linkage ? module_cu_of(s, m, die) : NULL;
    if (cu && is_c(cu->lang))
        ret->function = sym_intern(s, linkage);
    else if (cu && is_cxx(cu->lang))
        ret->function = sym_demangle(s, linkage, false);
    linkage = linkage ? linkage : die_name(die);
    ret->linkage = linkage ? sym_intern(s, linkage) : NULL;
    if (!ret->function && ret->linkage)
        ret->function = sym_demangle(s, ret->linkage, false);
}

/* Scopes from DWARF; false: no function of DWARF covers vaddr. */
static bool place_by_dwarf(struct symbols *s, struct module *m, struct cu *cu, uint64_t vaddr, gaddr bias,
                           struct sym_place *ret)
{
    const struct cu_function *f = cu_function_at(s, cu, vaddr);
    if (!f)
        return false;
    struct scope_chain chain;
    function_scopes(f, vaddr, &chain);
    struct line_at line;
    struct sym_scope *scope = &ret->scopes[0];
    if (cu_line_at(cu, vaddr, &line)) {
        scope->file = sym_intern(s, line.file);
        scope->line = line.line;
        scope->column = line.column;
        ret->line_low = line.low ? line.low + bias : 0;
    }
    ret->n_scopes = 0;
    for (size_t i = chain.n; i-- > 0;) {
        Dwarf_Die *die = &chain.dies[i];
        int tag = dwarf_tag(die);
        if ((tag != DW_TAG_inlined_subroutine && i) || ret->n_scopes == SYM_MAX_INLINES)
            continue;
        scope = &ret->scopes[ret->n_scopes++];
        set_function(s, m, die, scope);
        uint64_t entry = f->entry;
        if (i)
            die_entry(die, &entry);
        scope->low = entry + bias;
        if (i && ret->n_scopes < SYM_MAX_INLINES)
            set_call_line(s, die, cu, scope + 1);
    }
    /* In a cold part far from the entry the offset is that from the entry all the same. */
    ret->offset = vaddr - f->entry;
    return true;
}

static void place_by_symbol(struct symbols *s, struct module *m, uint64_t vaddr, gaddr bias,
                            struct sym_place *ret)
{
    struct sym_scope *scope = &ret->scopes[0];
    const struct plt_entry *plt = module_plt_at(s, m, vaddr);
    const struct elf_symbol *sym = plt ? NULL : module_symbol_at(s, m, vaddr);
    if (plt) {
        scope->function = plt->name;
        scope->low = plt->vaddr + bias;
        ret->is_plt = true;
    } else if (sym) {
        scope->linkage = sym->name;
        scope->function = sym_demangle(s, sym->name, false);
        scope->low = sym->vaddr + bias;
    }
    ret->offset = scope->function ? vaddr + bias - scope->low : 0;
}

static bool covered_by_cfi(struct symbols *s, struct module *m, uint64_t vaddr)
{
    Dwarf_Frame *frame = NULL;
    module_cfi(s, m);
    bool has = (m->eh_cfi && dwarf_cfi_addrframe(m->eh_cfi, vaddr, &frame) == 0) ||
               (m->debug_cfi && dwarf_cfi_addrframe(m->debug_cfi, vaddr, &frame) == 0);
    free(frame);
    return has;
}

struct odb_err *symbols_place(struct symbols *s, gaddr addr, struct sym_place *ret)
{
    struct module *m;
    gaddr bias;
    *ret = (struct sym_place){.addr = addr, .n_scopes = 1};
    const struct sym_map *map = sym_map_at(s, addr);
    if (map && map->name && map->name[0] && map->file_id)
        ret->module = sym_intern(s, map->name);
    ODB_TRY(sym_module_at(s, addr, &m, &bias));
    if (!m)
        return NULL;
    ret->module = m->path;
    ret->module_base = bias;
    uint64_t vaddr = addr - bias;
    struct cu *cu = module_cu_at(s, m, vaddr);
    if (!cu || !place_by_dwarf(s, m, cu, vaddr, bias, ret)) {
        struct line_at line;
        place_by_symbol(s, m, vaddr, bias, ret);
        if (cu && cu_line_at(cu, vaddr, &line)) {
            ret->scopes[0].file = sym_intern(s, line.file);
            ret->scopes[0].line = line.line;
            ret->scopes[0].column = line.column;
            ret->line_low = line.low ? line.low + bias : 0;
        }
    }
    ret->has_cfi = covered_by_cfi(s, m, vaddr);
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct odb_err *symbols_describe(struct symbols *s, gaddr addr, char *buf, size_t n_bytes)
{
    struct sym_place p;
    ODB_TRY(symbols_place(s, addr, &p));
    const struct sym_scope *scope = &p.scopes[0];
    if (n_bytes)
        buf[0] = 0;
    /* The offset is that of the function around the inlined ones; within an inlined one it says little. */
    unsigned long long offset = p.n_scopes > 1 ? addr - scope->low : p.offset;
    char plus[32] = "", line[512] = "";
    if (offset)
        snprintf(plus, sizeof(plus), "+0x%llx", offset);
    if (scope->file)
        snprintf(line, sizeof(line), " (%s:%d)", base_name(scope->file), scope->line);
    if (scope->function)
        snprintf(buf, n_bytes, "%s%s%s", scope->function, plus, line);
    else if (p.module)
        snprintf(buf, n_bytes, "%s+0x%llx%s", base_name(p.module), (unsigned long long)(addr - p.module_base),
                 line);
    return NULL;
}
