/* What the files of symbols/ share. Not for others.
 *
 *     symbols ── set_view ──> instances     a file mapped at a bias, found from the maps of this view
 *        │                        │
 *        └── modules <────────────┘         a file, parsed once for all views: ELF, DWARF, symbol table
 *               └── cus                     compilation units, each indexed when it is first needed
 *
 * Addresses: "vaddr" is an address as the file has it, gaddr in the process; gaddr = vaddr + bias.
 * Memory for names and types comes from the arena of struct symbols and lives as long as it. Out of memory
 * there is the end (odb_assert): nothing in this folder is large. */
#ifndef ODB_SYMBOLS_INTERNAL_H
#define ODB_SYMBOLS_INTERNAL_H

#include <elfutils/libdw.h>
#include <gelf.h>

#include "symbols/symbols.h"
#include "symbols/table.h"

/* ---- modules (module.c) ---- */

struct segment {
    uint64_t vaddr, mem_bytes, offset, file_bytes;
    bool executable;
};

/* An ELF symbol with an address. name points into the file's string table. */
struct elf_symbol {
    uint64_t vaddr, n_bytes;
    const char *name;
    uint16_t section;
    uint8_t type; /* STT_FUNC, STT_OBJECT, STT_NOTYPE, STT_GNU_IFUNC */
    uint8_t bind;
    bool of_debug_file;
    bool is_slot; /* made up: a slot of the GOT, "puts@got.plt" as gdb has it */
};

struct plt_entry {
    uint64_t vaddr, n_bytes;
    const char *name; /* "memcpy@plt" */
};

struct code_range {
    uint64_t low, high, max_high; /* max_high: largest high of this and those before */
    struct cu *cu;
};

struct module {
    const char *path; /* in the recorded system, or "[vdso]" */
    uint32_t file_id;
    uint64_t hash; /* of a vdso's bytes */
    int fd;
    Elf *elf; /* NULL: could not be had or is no ELF file */
    uint16_t elf_type;
    struct segment *segments;
    size_t n_segments;

    bool symbols_done;
    struct elf_symbol *symbols; /* by vaddr */
    size_t n_symbols;
    struct plt_entry *plt; /* by vaddr */
    size_t n_plt;

    bool debug_done;
    int debug_fd;
    Elf *debug_elf; /* separate debug file, or NULL */
    Dwarf *dwarf;   /* of debug_elf or of elf; NULL: none */

    bool cus_done;
    struct cu **cus;
    size_t n_cus;
    struct code_range *ranges; /* by low */
    size_t n_ranges;
    struct ptr_map cu_by_die; /* addr of the CU's DIE -> struct cu */
    struct name_map globals;  /* name -> struct global list */
    bool globals_done;

    bool cfi_done;
    Dwarf_CFI *eh_cfi, *debug_cfi; /* eh_cfi is owned, debug_cfi the Dwarf's */
};

/* A module where the view has it. */
struct instance {
    gaddr start, end;
    const struct sym_map *map; /* the first */
    bool has_code;
    bool tried;
    struct module *module; /* NULL: not looked at yet, or nothing usable */
    gaddr bias;
};

struct symbols {
    struct sym_files files;
    struct sym_view view;
    bool has_view;
    struct arena arena;
    struct module **modules;
    size_t n_modules;
    struct instance *instances; /* of the view, by address */
    size_t n_instances;
    bool frames_done; /* of the view, for location_caller.c: */
    struct sym_frame *frames;
    size_t n_frames;
    struct ptr_map types;      /* addr of a DIE -> struct sym_type */
    struct name_map strings;   /* interned */
    struct unwinder *unwinder; /* owned; NULL: nothing was unwound yet (unwind.h) */
};

/* The module whose mapping holds addr. *ret NULL: none, or no usable file. */
struct odb_err *sym_module_at(struct symbols *s, gaddr addr, struct module **ret, gaddr *ret_bias)
    ODB_MUST_CHECK;
/* The module of an instance; *ret NULL where there is no usable file. */
struct odb_err *sym_instance_module(struct symbols *s, struct instance *in, struct module **ret)
    ODB_MUST_CHECK;
const struct sym_map *sym_map_at(const struct symbols *s, gaddr addr);
/* All of n bytes or false. */
bool sym_read(struct symbols *s, gaddr addr, void *to, size_t n_bytes);
/* The module's DWARF, opened when first asked for; NULL: none. */
Dwarf *module_dwarf(struct symbols *s, struct module *m);
/* Call frame information; either may be NULL. */
void module_cfi(struct symbols *s, struct module *m);
/* Copies into the arena; equal strings are the same pointer. */
const char *sym_intern(struct symbols *s, const char *text);
const char *sym_intern_printf(struct symbols *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- separate debug files (debug_file.c) ---- */

/* Opens the separate debug file of an ELF file; -1: there is none here. */
int debug_file_open(Elf *elf, const char *path);

/* ---- symbol tables (elf_symbols.c) ---- */

void module_read_symbols(struct symbols *s, struct module *m);
/* The symbol that covers vaddr, as gdb chooses it; NULL: none. */
const struct elf_symbol *module_symbol_at(struct symbols *s, struct module *m, uint64_t vaddr);
/* Is this one of the names of vaddr, without its version? */
bool module_has_symbol(struct symbols *s, struct module *m, uint64_t vaddr, const char *name);
const struct plt_entry *module_plt_at(struct symbols *s, struct module *m, uint64_t vaddr);

/* ---- names (demangle.c) ---- */

/* C++ and Rust; the name itself where it is not mangled. with_parameters: "f(int)", else "f". Interned. */
const char *sym_demangle(struct symbols *s, const char *name, bool with_parameters);

/* ---- compilation units (cu.c) ---- */

struct cu_function {
    uint64_t low, high, entry; /* one range of the function, and where it begins */
    Dwarf_Die die;
};
/* A DIE that names lie in, and the one around it. */
struct cu_scope {
    Dwarf_Die die;
    const struct cu_scope *outer; /* NULL: die is the unit's */
};
struct cu {
    struct module *module;
    Dwarf_Die die;
    int lang;
    bool is_whole; /* no partial unit, type unit, unit of a dwz file */
    bool functions_done;
    struct cu_function *functions; /* by low */
    size_t n_functions;
    struct ptr_map scopes; /* addr of a DIE -> struct cu_scope that it lies in */
    bool lines_done;
    Dwarf_Lines *lines;
    size_t n_lines;
};

void module_read_cus(struct symbols *s, struct module *m);
/* Does an executable segment cover it? */
bool module_in_code(const struct module *m, uint64_t vaddr);
struct cu *module_cu_at(struct symbols *s, struct module *m, uint64_t vaddr);
/* The unit a DIE lies in: also partial units and those of a dwz file. */
struct cu *module_cu_of(struct symbols *s, struct module *m, Dwarf_Die *die);
void cu_read_functions(struct symbols *s, struct cu *cu);
const struct cu_function *cu_function_at(struct symbols *s, struct cu *cu, uint64_t vaddr);
/* The scope around a DIE; NULL: not known. */
const struct cu_scope *cu_scope_of(struct symbols *s, struct module *m, Dwarf_Die *die);
/* "ns::Class::f<int>", without parameters; NULL: no name. */
const char *cu_qualified_name(struct symbols *s, struct module *m, Dwarf_Die *die);
/* [low, high) of each range of a DIE: 0 when there are no more. Begin with *state 0. */
int die_next_range(Dwarf_Die *die, ptrdiff_t *state, Dwarf_Addr *base, uint64_t *low, uint64_t *high);
bool die_entry(Dwarf_Die *die, uint64_t *ret);
/* Follows DW_AT_abstract_origin and DW_AT_specification. */
Dwarf_Attribute *die_attr(Dwarf_Die *die, unsigned name, Dwarf_Attribute *ret);
const char *die_name(Dwarf_Die *die);
bool die_flag(Dwarf_Die *die, unsigned name);
bool die_uint(Dwarf_Die *die, unsigned name, uint64_t *ret);

/* Inlined functions and blocks around vaddr: outermost (the function itself) first. */
#define MAX_SCOPES 128
struct scope_chain {
    Dwarf_Die dies[MAX_SCOPES];
    size_t n;
};
void function_scopes(const struct cu_function *f, uint64_t vaddr, struct scope_chain *ret);

/* ---- lines (line.c) ---- */

struct line_at {
    const char *file; /* of libdw, lives with the module */
    int line, column;
    uint64_t low; /* of its row */
};
void cu_read_lines(struct cu *cu);
/* false: no line. */
bool cu_line_at(struct cu *cu, uint64_t vaddr, struct line_at *ret);

#endif
