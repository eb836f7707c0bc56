/* Frame descriptions in an ELF file (or the vDSO's image).
 *
 * Three sources are asked in this order: .eh_frame through the sorted table of .eh_frame_hdr, which needs program headers only, so that it works
 * in the recording's own copies, which may hold no more than what was mapped; .eh_frame by a table of our own where there is no such table;
 * .debug_frame likewise, of the file or of its separate debug file, perhaps compressed (Go).
 *
 * Files may be a stranger's: every read is checked against the section, and libdw checks the entries' structure. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "symbols/unwind.h"

/* One FDE of a section that has no sorted table of its own. */
struct fde_at {
    gaddr start, end;
    uint64_t offset;
};

struct section {
    Elf_Data data; /* d_buf NULL: there is no such section */
    gaddr vaddr;
    bool is_eh;
    /* sorted, made when first needed; owned */
    bool indexed;
    struct fde_at *index;
    size_t n_index;
};

struct unwind_file {
    const uint8_t *image; /* borrowed from the module's ELF */
    size_t n_image;
    GElf_Phdr *phdrs; /* owned */
    size_t n_phdrs;
    unsigned char ident[EI_NIDENT];
    struct section eh, frame, debug_frame;
    /* .eh_frame_hdr's table: pairs of int32, relative to hdr_vaddr; borrowed from image */
    const uint8_t *table;
    size_t n_table;
    gaddr hdr_vaddr;
};

/* ---- reading ---- */

struct cursor {
    const struct section *s;
    const uint8_t *at, *end;
    bool bad;
};

static uint64_t take(struct cursor *c, size_t n)
{
    uint64_t v = 0;
    if (c->bad || (size_t)(c->end - c->at) < n) {
        c->bad = true;
        return 0;
    }
    memcpy(&v, c->at, n);
    c->at += n;
    return v;
}

static uint64_t take_leb(struct cursor *c, bool is_signed)
{
    uint64_t v = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)take(c, 1);
        if (shift < 64)
            v |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (!c->bad && byte & 0x80);
    if (is_signed && shift < 64 && byte & 0x40)
        v |= ~UINT64_C(0) << shift;
    return v;
}

/* A pointer as .eh_frame encodes it, without base. */
static uint64_t take_plain(struct cursor *c, unsigned encoding)
{
    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8: return take(c, 8);
    case DW_EH_PE_uleb128: return take_leb(c, false);
    case DW_EH_PE_sleb128: return take_leb(c, true);
    case DW_EH_PE_udata2: return take(c, 2);
    case DW_EH_PE_sdata2: return (uint64_t)(int16_t)take(c, 2);
    case DW_EH_PE_udata4: return take(c, 4);
    case DW_EH_PE_sdata4: return (uint64_t)(int32_t)take(c, 4);
    default: c->bad = true; return 0;
    }
}

static uint64_t take_pointer(struct cursor *c, unsigned encoding)
{
    gaddr here = c->s->vaddr + (uint64_t)(c->at - (const uint8_t *)c->s->data.d_buf);
    uint64_t v = take_plain(c, encoding);
    switch (encoding & 0x70) {
    case DW_EH_PE_absptr: break;
    case DW_EH_PE_pcrel: v += here; break;
    default: c->bad = true; /* textrel, datarel, funcrel: nobody makes them on x86-64 */
    }
    if (encoding & DW_EH_PE_indirect)
        c->bad = true;
    return v;
}

/* ---- entries ---- */

/* What a CIE's augmentation says. false: not understood. */
static bool read_augmentation(const struct section *s, const Dwarf_CIE *cie, uint8_t *ret_encoding,
                              bool *ret_signal, bool *ret_sized)
{
    const char *a = cie->augmentation;
    struct cursor c = {.s = s,
                       .at = cie->augmentation_data,
                       .end = cie->augmentation_data +
                              (cie->augmentation_data ? cie->augmentation_data_size : 0)};
    *ret_encoding = DW_EH_PE_absptr;
    *ret_signal = false;
    *ret_sized = *a == 'z';
    if (*a && *a != 'z')
        return false;
    for (a += *a == 'z'; *a; a++) {
        unsigned encoding;
        switch (*a) {
        case 'R': *ret_encoding = (uint8_t)take(&c, 1); break;
        case 'P':
            encoding = (unsigned)take(&c, 1);
            take_plain(&c, encoding);
            break;
        case 'L': take(&c, 1); break;
        case 'S': *ret_signal = true; break;
        case 'B': break;
        default: return false;
        }
    }
    return !c.bad;
}

/* The FDE at an offset of the section. */
static bool read_fde(const struct unwind_file *f, struct section *s, uint64_t offset, struct unwind_fde *ret)
{
    Dwarf_Off next;
    Dwarf_CFI_Entry fde, cie;
    bool sized;
    if (offset >= s->data.d_size || dwarf_next_cfi(f->ident, &s->data, s->is_eh, offset, &next, &fde) != 0 ||
        dwarf_cfi_cie_p(&fde) || fde.fde.CIE_pointer >= s->data.d_size ||
        dwarf_next_cfi(f->ident, &s->data, s->is_eh, fde.fde.CIE_pointer, &next, &cie) != 0 ||
        !dwarf_cfi_cie_p(&cie))
        return false;
    struct unwind_fde r = {
        .code_align = cie.cie.code_alignment_factor,
        .data_align = cie.cie.data_alignment_factor,
        .ra_reg = cie.cie.return_address_register,
        .initial = cie.cie.initial_instructions,
        .initial_end = cie.cie.initial_instructions_end,
        .insns_end = fde.fde.end,
    };
    if (!read_augmentation(s, &cie.cie, &r.encoding, &r.is_signal, &sized))
        return false;
    struct cursor c = {.s = s, .at = fde.fde.start, .end = fde.fde.end};
    r.start = take_pointer(&c, r.encoding);
    r.end = r.start + take_plain(&c, r.encoding);
    if (sized) {
        uint64_t n = take_leb(&c, false);
        if (c.bad || n > (uint64_t)(c.end - c.at))
            return false;
        c.at += n;
    }
    r.insns = c.at;
    if (c.bad)
        return false;
    *ret = r;
    return true;
}

static int by_start(const void *a, const void *b)
{
    const struct fde_at *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void index_section(const struct unwind_file *f, struct section *s)
{
    size_t max = 0;
    s->indexed = true;
    for (Dwarf_Off at = 0, next; at < s->data.d_size; at = next) {
        Dwarf_CFI_Entry entry;
        struct unwind_fde fde;
        next = (Dwarf_Off)-1;
        int rc = dwarf_next_cfi(f->ident, &s->data, s->is_eh, at, &next, &entry);
        if (rc > 0 || next == (Dwarf_Off)-1 || next <= at)
            break;
        /* start 0: code that the linker left out */
        if (rc < 0 || dwarf_cfi_cie_p(&entry) || !read_fde(f, s, at, &fde) || !fde.start ||
            fde.end <= fde.start)
            continue;
        if (s->n_index == max) {
            max = max ? 2 * max : 256;
            struct fde_at *more = realloc(s->index, max * sizeof(*more));
            if (!more)
                break;
            s->index = more;
        }
        s->index[s->n_index++] = (struct fde_at){fde.start, fde.end, at};
    }
    if (s->n_index)
        qsort(s->index, s->n_index, sizeof(*s->index), by_start);
}

static bool find_in_index(const struct unwind_file *f, struct section *s, gaddr vaddr, struct unwind_fde *ret)
{
    if (!s->data.d_buf)
        return false;
    if (!s->indexed)
        index_section(f, s);
    size_t lo = 0, hi = s->n_index;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->index[mid].start <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo && vaddr < s->index[lo - 1].end && read_fde(f, s, s->index[lo - 1].offset, ret);
}

static int32_t table_word(const struct unwind_file *f, size_t i)
{
    int32_t v;
    memcpy(&v, f->table + 4 * i, 4);
    return v;
}

static bool find_in_table(struct unwind_file *f, gaddr vaddr, struct unwind_fde *ret)
{
    size_t lo = 0, hi = f->n_table;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (f->hdr_vaddr + (uint64_t)(int64_t)table_word(f, 2 * mid) <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!lo)
        return false;
    gaddr at = f->hdr_vaddr + (uint64_t)(int64_t)table_word(f, 2 * lo - 1);
    return at >= f->eh.vaddr && read_fde(f, &f->eh, at - f->eh.vaddr, ret) && ret->start <= vaddr &&
           vaddr < ret->end;
}

bool unwind_file_find(struct unwind_file *f, gaddr vaddr, struct unwind_fde *ret)
{
    if (f->n_table ? find_in_table(f, vaddr, ret) : find_in_index(f, &f->eh, vaddr, ret))
        return true;
    return find_in_index(f, &f->frame, vaddr, ret) || find_in_index(f, &f->debug_frame, vaddr, ret);
}

/* ---- opening ---- */

/* The rest of the segment from a link-time address on. */
static const uint8_t *segment_bytes(const struct unwind_file *f, gaddr vaddr, size_t *ret_n)
{
    for (size_t i = 0; i < f->n_phdrs; i++) {
        const GElf_Phdr *p = &f->phdrs[i];
        if (p->p_type != PT_LOAD || vaddr < p->p_vaddr || vaddr - p->p_vaddr >= p->p_filesz)
            continue;
        uint64_t into = vaddr - p->p_vaddr;
        if (p->p_offset > f->n_image || into >= f->n_image - p->p_offset)
            return NULL;
        size_t there = f->n_image - p->p_offset - into;
        *ret_n = p->p_filesz - into < there ? p->p_filesz - into : there;
        return f->image + p->p_offset + into;
    }
    return NULL;
}

/* .eh_frame by way of its header, which the program header names. */
static void open_header(struct unwind_file *f)
{
    for (size_t i = 0; i < f->n_phdrs; i++) {
        const GElf_Phdr *p = &f->phdrs[i];
        size_t n, n_eh;
        const uint8_t *hdr;
        if (p->p_type != PT_GNU_EH_FRAME || !(hdr = segment_bytes(f, p->p_vaddr, &n)) || n < 12 ||
            hdr[0] != 1)
            continue;
        struct section s = {.data.d_buf = (void *)(uintptr_t)hdr, .data.d_size = n, .vaddr = p->p_vaddr};
        struct cursor c = {.s = &s, .at = hdr + 4, .end = hdr + n};
        gaddr eh = take_pointer(&c, hdr[1]);
        const uint8_t *bytes = c.bad ? NULL : segment_bytes(f, eh, &n_eh);
        if (!bytes)
            continue;
        f->eh = (struct section){.vaddr = eh, .is_eh = true};
        f->eh.data = (Elf_Data){.d_buf = (void *)(uintptr_t)bytes, .d_size = n_eh, .d_type = ELF_T_BYTE};
        uint64_t count = hdr[2] == DW_EH_PE_omit ? 0 : take_plain(&c, hdr[2]);
        if (!c.bad && hdr[3] == (DW_EH_PE_datarel | DW_EH_PE_sdata4) &&
            count <= (uint64_t)(c.end - c.at) / 8) {
            f->table = c.at;
            f->n_table = count;
            f->hdr_vaddr = p->p_vaddr;
        }
        return;
    }
}

/* A section by name, unpacked. */
static void open_section(Elf *elf, const char *name, bool is_eh, struct section *ret)
{
    size_t names;
    Elf_Scn *scn = NULL;
    if (elf_getshdrstrndx(elf, &names) < 0)
        return;
    while ((scn = elf_nextscn(elf, scn))) {
        GElf_Shdr sh;
        const char *is;
        if (!gelf_getshdr(scn, &sh) || sh.sh_type == SHT_NOBITS || !(is = elf_strptr(elf, names, sh.sh_name)))
            continue;
        bool old = !strncmp(is, ".z", 2) && !strcmp(is + 2, name + 1);
        if (!old && strcmp(is, name) != 0)
            continue;
        if (old ? elf_compress_gnu(scn, 0, 0) < 0
                : sh.sh_flags & SHF_COMPRESSED && elf_compress(scn, 0, 0) < 0)
            continue;
        Elf_Data *d = elf_getdata(scn, NULL);
        if (!d || !d->d_buf || !d->d_size)
            continue;
        *ret = (struct section){.data = *d, .vaddr = sh.sh_addr, .is_eh = is_eh};
        return;
    }
}

struct unwind_file *unwind_file_create(Elf *elf, Elf *debug_elf)
{
    GElf_Ehdr eh;
    size_t n;
    struct unwind_file *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->image = (const uint8_t *)elf_rawfile(elf, &f->n_image);
    if (!f->image || !gelf_getehdr(elf, &eh) || elf_getphdrnum(elf, &n) < 0 ||
        !(f->phdrs = calloc(n + 1, sizeof(*f->phdrs)))) {
        unwind_file_destroy(f);
        return NULL;
    }
    memcpy(f->ident, eh.e_ident, sizeof(f->ident));
    for (size_t i = 0; i < n; i++)
        if (gelf_getphdr(elf, (int)i, &f->phdrs[f->n_phdrs]))
            f->n_phdrs++;
    open_header(f);
    if (!f->eh.data.d_buf)
        open_section(elf, ".eh_frame", true, &f->eh);
    open_section(elf, ".debug_frame", false, &f->frame);
    if (debug_elf)
        open_section(debug_elf, ".debug_frame", false, &f->debug_frame);
    return f;
}

void unwind_file_destroy(struct unwind_file *f)
{
    if (!f)
        return;
    free(f->eh.index);
    free(f->frame.index);
    free(f->debug_frame.index);
    free(f->phdrs);
    free(f);
}
