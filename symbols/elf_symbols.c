/* Symbol tables and the names of PLT entries.
 *
 * .symtab of the file or of its debug file, and .dynsym. The choice among symbols that cover an address is
 * gdb's: the last one at or below it that has a size; among those of one address the one whose name sorts
 * last, of those of the file itself before those of its debug file.
 * A PLT entry is known by the GOT slot that it jumps through, and a slot by its relocation. */
#include <stdlib.h>
#include <string.h>

#include "symbols/internal.h"

static bool wanted(const GElf_Sym *sym, const char *name)
{
    unsigned type = GELF_ST_TYPE(sym->st_info);
    if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE && type != STT_GNU_IFUNC)
        return false;
    return sym->st_shndx != SHN_UNDEF && sym->st_shndx < SHN_LORESERVE && name && *name;
}

/* gdb names the slots of the GOT that PLT entries jump through. */
static void add_slots(struct symbols *s, struct module *m, Elf_Data *data, Elf_Data *syms, size_t names)
{
    for (int i = 0;; i++) {
        GElf_Rela rela;
        GElf_Sym sym;
        if (!gelf_getrela(data, i, &rela))
            return;
        if (GELF_R_TYPE(rela.r_info) != R_X86_64_JUMP_SLOT ||
            !gelf_getsym(syms, (int)GELF_R_SYM(rela.r_info), &sym))
            continue;
        const char *name = elf_strptr(m->elf, names, sym.st_name);
        if (!name || !*name)
            continue;
        GROW(m->symbols, m->n_symbols);
        m->symbols[m->n_symbols++] = (struct elf_symbol){.vaddr = rela.r_offset,
                                                         .n_bytes = 8,
                                                         .name = sym_intern_printf(s, "%s@got.plt", name),
                                                         .section = SHN_ABS,
                                                         .type = STT_OBJECT,
                                                         .is_slot = true};
    }
}

static void read_slot_symbols(struct symbols *s, struct module *m)
{
    for (Elf_Scn *scn = elf_nextscn(m->elf, NULL); scn; scn = elf_nextscn(m->elf, scn)) {
        GElf_Shdr shdr, symtab;
        if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_RELA || !(shdr.sh_flags & SHF_ALLOC) ||
            !shdr.sh_link)
            continue;
        Elf_Scn *symscn = elf_getscn(m->elf, shdr.sh_link);
        Elf_Data *data = elf_getdata(scn, NULL), *syms = symscn ? elf_getdata(symscn, NULL) : NULL;
        if (data && syms && gelf_getshdr(symscn, &symtab))
            add_slots(s, m, data, syms, symtab.sh_link);
    }
}

static void read_table(struct module *m, Elf *elf, unsigned section_type)
{
    for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
        GElf_Shdr shdr;
        if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != section_type || !shdr.sh_entsize)
            continue;
        Elf_Data *data = elf_getdata(scn, NULL);
        size_t n = data ? data->d_size / sizeof(Elf64_Sym) : 0;
        for (size_t i = 1; i < n; i++) {
            GElf_Sym sym;
            if (!gelf_getsym(data, (int)i, &sym))
                break;
            const char *name = elf_strptr(elf, shdr.sh_link, sym.st_name);
            if (!wanted(&sym, name))
                continue;
            GROW(m->symbols, m->n_symbols);
            m->symbols[m->n_symbols++] = (struct elf_symbol){.vaddr = sym.st_value,
                                                             .n_bytes = sym.st_size,
                                                             .name = name,
                                                             .section = sym.st_shndx,
                                                             .of_debug_file = elf != m->elf,
                                                             .type = GELF_ST_TYPE(sym.st_info),
                                                             .bind = GELF_ST_BIND(sym.st_info)};
        }
    }
}

static int compare_symbols(const void *a, const void *b)
{
    const struct elf_symbol *x = a, *y = b;
    if (x->vaddr != y->vaddr)
        return x->vaddr < y->vaddr ? -1 : 1;
    if (x->of_debug_file != y->of_debug_file)
        return x->of_debug_file ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* ---- PLT ---- */

struct slot {
    uint64_t vaddr;
    const char *name;
};

static int compare_slots(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static const char *slot_name(struct symbols *s, Elf *elf, const GElf_Rela *rela, const GElf_Shdr *symtab,
                             Elf_Data *syms)
{
    GElf_Sym sym;
    unsigned type = GELF_R_TYPE(rela->r_info);
    if (type == R_X86_64_IRELATIVE)
        return sym_intern_printf(s, "*ABS*+0x%llx@plt", (unsigned long long)rela->r_addend);
    if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || !syms ||
        !gelf_getsym(syms, (int)GELF_R_SYM(rela->r_info), &sym))
        return NULL;
    const char *name = elf_strptr(elf, symtab->sh_link, sym.st_name);
    return name && *name ? sym_intern_printf(s, "%s@plt", sym_demangle(s, name, false)) : NULL;
}

static struct slot *read_slots(struct symbols *s, Elf *elf, size_t *ret_n)
{
    struct slot *slots = NULL;
    size_t n_slots = 0;
    for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
        GElf_Shdr shdr, symtab = {0};
        if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_RELA || !(shdr.sh_flags & SHF_ALLOC))
            continue;
        Elf_Data *data = elf_getdata(scn, NULL), *syms = NULL;
        Elf_Scn *symscn = shdr.sh_link ? elf_getscn(elf, shdr.sh_link) : NULL;
        if (symscn && gelf_getshdr(symscn, &symtab))
            syms = elf_getdata(symscn, NULL);
        size_t n = data ? data->d_size / sizeof(Elf64_Rela) : 0;
        for (size_t i = 0; i < n; i++) {
            GElf_Rela rela;
            if (!gelf_getrela(data, (int)i, &rela))
                break;
            const char *name = slot_name(s, elf, &rela, &symtab, syms);
            if (!name)
                continue;
            GROW(slots, n_slots);
            slots[n_slots++] = (struct slot){rela.r_offset, name};
        }
    }
    if (n_slots)
        qsort(slots, n_slots, sizeof(*slots), compare_slots);
    *ret_n = n_slots;
    return slots;
}

/* jmp *disp(%rip) anywhere in a section, and the entries they lie in. */
static void read_plt(struct module *m, const GElf_Shdr *shdr, const Elf_Data *data, uint64_t entry_bytes,
                     const struct slot *slots, size_t n_slots)
{
    const uint8_t *p = data->d_buf;
    for (size_t i = 0; p && i + 6 <= data->d_size; i++) {
        if (p[i] != 0xff || p[i + 1] != 0x25)
            continue;
        int32_t disp;
        memcpy(&disp, p + i + 2, 4);
        struct slot key = {.vaddr = shdr->sh_addr + i + 6 + (uint64_t)(int64_t)disp};
        const struct slot *slot = n_slots ? bsearch(&key, slots, n_slots, sizeof(key), compare_slots) : NULL;
        if (!slot)
            continue;
        GROW(m->plt, m->n_plt);
        m->plt[m->n_plt++] =
            (struct plt_entry){shdr->sh_addr + i / entry_bytes * entry_bytes, entry_bytes, slot->name};
    }
}

static int compare_plt(const void *a, const void *b)
{
    const struct plt_entry *x = a, *y = b;
    return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

static void module_read_plt(struct symbols *s, struct module *m)
{
    size_t n_slots, names;
    struct slot *slots = read_slots(s, m->elf, &n_slots);
    for (Elf_Scn *scn = n_slots && elf_getshdrstrndx(m->elf, &names) == 0 ? elf_nextscn(m->elf, NULL) : NULL;
         scn; scn = elf_nextscn(m->elf, scn)) {
        GElf_Shdr shdr;
        const char *name = gelf_getshdr(scn, &shdr) ? elf_strptr(m->elf, names, shdr.sh_name) : NULL;
        if (!name || strncmp(name, ".plt", 4) != 0 || shdr.sh_type != SHT_PROGBITS)
            continue;
        Elf_Data *data = elf_getdata(scn, NULL);
        if (data)
            read_plt(m, &shdr, data, shdr.sh_entsize == 8 ? 8 : 16, slots, n_slots);
    }
    if (m->n_plt)
        qsort(m->plt, m->n_plt, sizeof(*m->plt), compare_plt);
    free(slots);
}

void module_read_symbols(struct symbols *s, struct module *m)
{
    if (m->symbols_done)
        return;
    m->symbols_done = true;
    module_dwarf(s, m);
    if (!m->elf)
        return;
    read_table(m, m->elf, SHT_SYMTAB);
    if (!m->n_symbols && m->debug_elf)
        read_table(m, m->debug_elf, SHT_SYMTAB);
    read_table(m, m->elf, SHT_DYNSYM);
    read_slot_symbols(s, m);
    if (m->n_symbols)
        qsort(m->symbols, m->n_symbols, sizeof(*m->symbols), compare_symbols);
    module_read_plt(s, m);
}

/* ---- look-up ---- */

/* The number of symbols at or below vaddr. */
static size_t symbols_below(const struct module *m, uint64_t vaddr)
{
    size_t low = 0, high = m->n_symbols;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->symbols[mid].vaddr <= vaddr)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool in_section(struct module *m, unsigned section, uint64_t vaddr)
{
    if (section == SHN_ABS)
        return true;
    GElf_Shdr shdr;
    Elf_Scn *scn = elf_getscn(m->elf, section);
    return !scn || !gelf_getshdr(scn, &shdr) ||
           (vaddr >= shdr.sh_addr && vaddr < shdr.sh_addr + shdr.sh_size);
}

const struct elf_symbol *module_symbol_at(struct symbols *s, struct module *m, uint64_t vaddr)
{
    module_read_symbols(s, m);
    const struct elf_symbol *unsized = NULL;
    for (size_t i = symbols_below(m, vaddr); i > 0; i--) {
        const struct elf_symbol *sym = &m->symbols[i - 1];
        if (!in_section(m, sym->section, vaddr))
            break;
        if (!sym->n_bytes) {
            unsized = unsized ? unsized : sym;
            continue;
        }
        if (vaddr < sym->vaddr + sym->n_bytes)
            return sym;
        if (i > 1 && vaddr < sym[-1].vaddr + sym[-1].n_bytes)
            continue;
        break;
    }
    return unsized;
}

bool module_has_symbol(struct symbols *s, struct module *m, uint64_t vaddr, const char *name)
{
    module_read_symbols(s, m);
    for (size_t i = symbols_below(m, vaddr); i > 0 && m->symbols[i - 1].vaddr == vaddr; i--) {
        const char *its = m->symbols[i - 1].name;
        size_t n = strcspn(its, "@");
        if (strlen(name) == n && memcmp(its, name, n) == 0)
            return true;
    }
    return false;
}

const struct plt_entry *module_plt_at(struct symbols *s, struct module *m, uint64_t vaddr)
{
    module_read_symbols(s, m);
    size_t low = 0, high = m->n_plt;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (m->plt[mid].vaddr <= vaddr)
            low = mid + 1;
        else
            high = mid;
    }
    const struct plt_entry *e = low ? &m->plt[low - 1] : NULL;
    return e && vaddr < e->vaddr + e->n_bytes ? e : NULL;
}
