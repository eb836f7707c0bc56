/* Where a module's thread-local variables are, for glibc on x86-64.
 *
 * The program's own block ends at fs_base. That of a library is found through its relocations, which the
 * loader has filled in: a TPOFF64 slot holds (offset of the symbol from fs_base), a DTPMOD64 slot the
 * module's number, by which the thread's dtv (pointer at fs_base + 8, 16 bytes an entry) has the block's
 * address. */
#include <elf.h>
#include <string.h>

#include "symbols/type.h"

static bool tls_segment(struct module *m, GElf_Phdr *ret)
{
    size_t n = 0;
    if (elf_getphdrnum(m->elf, &n) < 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (gelf_getphdr(m->elf, (int)i, ret) && ret->p_type == PT_TLS)
            return true;
    return false;
}

static bool is_program(const struct module *m)
{
    GElf_Phdr ph;
    size_t n = 0;
    if (m->elf_type == ET_EXEC)
        return true;
    /* A PIE names its interpreter; a static one has neither that nor a name to be loaded by. */
    bool has_soname = false, has_dynamic = false;
    elf_getphdrnum(m->elf, &n);
    for (size_t i = 0; i < n; i++) {
        if (!gelf_getphdr(m->elf, (int)i, &ph))
            continue;
        if (ph.p_type == PT_INTERP)
            return !strstr(m->path, "libc.so");
        has_dynamic |= ph.p_type == PT_DYNAMIC;
    }
    for (Elf_Scn *scn = elf_nextscn(m->elf, NULL); scn; scn = elf_nextscn(m->elf, scn)) {
        GElf_Shdr shdr;
        GElf_Dyn dyn;
        Elf_Data *data;
        if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_DYNAMIC || !(data = elf_getdata(scn, NULL)))
            continue;
        for (int i = 0; gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++)
            has_soname |= dyn.d_tag == DT_SONAME;
    }
    return has_dynamic && !has_soname && strstr(m->path, ".so") == NULL;
}

/* The block's address out of one relocation; false: it does not say. */
static bool block_of_slot(struct symbols *s, const GElf_Rela *rela, gaddr bias, Elf_Data *syms, gaddr *ret)
{
    GElf_Sym sym = {0};
    uint64_t slot, dtv, block;
    unsigned type = GELF_R_TYPE(rela->r_info);
    size_t index = GELF_R_SYM(rela->r_info);
    if ((type != R_X86_64_TPOFF64 && type != R_X86_64_DTPMOD64) ||
        !sym_read(s, rela->r_offset + bias, &slot, 8))
        return false;
    if (index && (!syms || !gelf_getsym(syms, (int)index, &sym) || sym.st_shndx == SHN_UNDEF))
        return false;
    if (type == R_X86_64_TPOFF64) {
        *ret = s->view.fs_base + slot - (sym.st_value + (uint64_t)rela->r_addend);
        return slot != 0;
    }
    if (!slot || slot > 4096 || !sym_read(s, s->view.fs_base + 8, &dtv, 8) ||
        !sym_read(s, dtv + slot * 16, &block, 8))
        return false;
    *ret = block;
    return block != 0 && block != ~0ULL; /* ~0: not made yet for this thread */
}

bool module_tls_address(struct symbols *s, struct module *m, gaddr bias, uint64_t offset, gaddr *ret)
{
    GElf_Phdr tls;
    gaddr block;
    if (!s->view.fs_base || !tls_segment(m, &tls))
        return false;
    if (is_program(m)) {
        uint64_t align = tls.p_align ? tls.p_align : 1;
        *ret = s->view.fs_base - ((tls.p_memsz + align - 1) / align * align) + offset;
        return true;
    }
    for (Elf_Scn *scn = elf_nextscn(m->elf, NULL); scn; scn = elf_nextscn(m->elf, scn)) {
        GElf_Shdr shdr;
        GElf_Rela rela;
        if (!gelf_getshdr(scn, &shdr) || shdr.sh_type != SHT_RELA || !(shdr.sh_flags & SHF_ALLOC))
            continue;
        Elf_Data *data = elf_getdata(scn, NULL);
        Elf_Scn *symscn = shdr.sh_link ? elf_getscn(m->elf, shdr.sh_link) : NULL;
        Elf_Data *syms = symscn ? elf_getdata(symscn, NULL) : NULL;
        for (int i = 0; data && gelf_getrela(data, i, &rela); i++) {
            if (block_of_slot(s, &rela, bias, syms, &block)) {
                *ret = block + offset;
                return true;
            }
        }
    }
    return false;
}
