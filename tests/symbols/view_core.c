/* Memory is the PT_LOAD segments, and the files of NT_FILE where those have nothing (gcore leaves out what
 * it thinks can be had from the files); maps the same, registers the first NT_PRSTATUS and NT_X86_XSTATE. */
#include "view_core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/procfs.h>
#include <sys/stat.h>
#include <sys/user.h>
#include <unistd.h>

#include "common/cleanup.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE 0x202
#endif

struct view_core {
    uint8_t *bytes;
    size_t n_bytes;
    struct area {
        gaddr start, end;
        const uint8_t *bytes; /* as many as n_bytes; zeros behind */
        size_t n_bytes;
        struct sym_map map;
    } areas[4096];
    struct sym_map maps[4096];
    size_t n_maps;
    const char *names[1024]; /* file_id - 1 -> path */
    size_t n_names;
    gaddr vdso;
    struct sym_view view;
};

static struct odb_err *core_read(void *ctx, gaddr addr, void *to, size_t n_bytes, size_t *ret_n)
{
    const struct view_core *v = ctx;
    size_t n = 0;
    for (size_t i = 0; i < v->n_maps && n < n_bytes; i++) {
        const struct area *a = &v->areas[i];
        gaddr at = addr + n;
        if (at < a->start || at >= a->end)
            continue;
        size_t left = a->end - at, skip = at - a->start;
        size_t take = left < n_bytes - n ? left : n_bytes - n;
        memset((uint8_t *)to + n, 0, take);
        if (skip < a->n_bytes)
            memcpy((uint8_t *)to + n, a->bytes + skip, take < a->n_bytes - skip ? take : a->n_bytes - skip);
        n += take;
    }
    *ret_n = n;
    return NULL;
}

static struct odb_err *core_open_file(void *ctx, uint32_t file_id, const char *path, int *ret_fd)
{
    (void)ctx, (void)file_id;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return NULL;
}

static uint32_t name_id(struct view_core *v, const char *name)
{
    for (size_t i = 0; i < v->n_names; i++)
        if (strcmp(v->names[i], name) == 0)
            return (uint32_t)i + 1;
    v->names[v->n_names++] = name;
    return (uint32_t)v->n_names;
}

/* A range of a file that the core has nothing of. */
static void add_file(struct view_core *v, const char *name, const uint64_t row[3], uint64_t offset)
{
    _cleanup_close_ int fd = open(name, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || v->n_maps == sizeof(v->maps) / sizeof(*v->maps))
        return;
    const uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    odb_assert(bytes != MAP_FAILED);
    struct area *a = &v->areas[v->n_maps++];
    size_t left = offset < (uint64_t)st.st_size ? (size_t)st.st_size - offset : 0;
    *a = (struct area){.start = row[0], .end = row[1], .bytes = bytes + offset};
    a->n_bytes = left < row[1] - row[0] ? left : row[1] - row[0];
    a->map = (struct sym_map){
        .start = row[0], .end = row[1], .offset = offset, .name = name, .file_id = name_id(v, name)};
    const Elf64_Ehdr *eh = (const void *)bytes;
    const Elf64_Phdr *ph = (const void *)(bytes + eh->e_phoff);
    for (size_t i = 0; memcmp(bytes, ELFMAG, SELFMAG) == 0 && i < eh->e_phnum; i++)
        if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X) && offset >= (ph[i].p_offset & ~4095UL) &&
            offset < ph[i].p_offset + ph[i].p_filesz)
            a->map.executable = true;
}

/* NT_FILE: count, page size, {start, end, offset in pages}..., names. */
static void take_files(struct view_core *v, const uint8_t *desc)
{
    uint64_t n, page, row[3];
    memcpy(&n, desc, 8);
    memcpy(&page, desc + 8, 8);
    const char *name = (const char *)desc + 16 + n * 24;
    for (uint64_t i = 0; i < n; i++, name += strlen(name) + 1) {
        bool there = false;
        memcpy(row, desc + 16 + i * 24, 24);
        for (size_t j = 0; j < v->n_maps; j++) {
            struct sym_map *map = &v->areas[j].map;
            if (map->start < row[0] || map->start >= row[1])
                continue;
            there = true;
            map->name = name;
            map->file_id = name_id(v, name);
            map->offset = row[2] * page + (map->start - row[0]);
        }
        if (!there)
            add_file(v, name, row, row[2] * page);
    }
}

static int compare_areas(const void *a, const void *b)
{
    const struct area *x = a, *y = b;
    return x->start < y->start ? -1 : x->start > y->start;
}

static void take_prstatus(struct view_core *v, const uint8_t *desc)
{
    struct elf_prstatus st;
    struct user_regs_struct r;
    memcpy(&st, desc, sizeof(st));
    memcpy(&r, &st.pr_reg, sizeof(r));
    const uint64_t gpr[16] = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi,
                              r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
    memcpy(v->view.gpr, gpr, sizeof(gpr));
    v->view.rip = r.rip;
    v->view.rflags = r.eflags;
    v->view.fs_base = r.fs_base;
    v->view.gs_base = r.gs_base;
}

/* XSAVE, standard form: xmm at 160, the high halves of ymm at 576. */
static void take_xstate(struct view_core *v, const uint8_t *desc, size_t n)
{
    for (size_t i = 0; i < 16; i++) {
        memcpy(v->view.vec[i], desc + 160 + i * 16, 16);
        if (n >= 576 + 256)
            memcpy(v->view.vec[i] + 16, desc + 576 + i * 16, 16);
    }
}

static void take_notes(struct view_core *v, const uint8_t *p, size_t n)
{
    bool has_status = false, has_xstate = false;
    for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= n;) {
        Elf64_Nhdr nh;
        memcpy(&nh, p + at, sizeof(nh));
        const uint8_t *desc = p + at + sizeof(nh) + ((nh.n_namesz + 3) & ~3U);
        if (nh.n_type == NT_FILE)
            take_files(v, desc);
        else if (nh.n_type == NT_PRSTATUS && !has_status)
            take_prstatus(v, desc), has_status = true;
        else if (nh.n_type == NT_X86_XSTATE && !has_xstate)
            take_xstate(v, desc, nh.n_descsz), has_xstate = true;
        else if (nh.n_type == NT_AUXV)
            for (size_t i = 0; i + 16 <= nh.n_descsz; i += 16)
                if (desc[i] == AT_SYSINFO_EHDR)
                    memcpy(&v->vdso, desc + i + 8, 8);
        at = (size_t)(desc - p) + ((nh.n_descsz + 3) & ~3U);
    }
}

struct odb_err *view_core_open(const char *path, struct view_core **ret)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return odb_err_errno(errno, "%s", path);
    struct view_core *v = calloc(1, sizeof(*v));
    odb_assert(v);
    v->n_bytes = (size_t)st.st_size;
    v->bytes = mmap(NULL, v->n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    odb_assert(v->bytes != MAP_FAILED);
    const Elf64_Ehdr *eh = (const void *)v->bytes;
    const Elf64_Phdr *ph = (const void *)(v->bytes + eh->e_phoff);
    for (size_t i = 0; i < eh->e_phnum; i++) {
        if (ph[i].p_type != PT_LOAD || v->n_maps == sizeof(v->maps) / sizeof(*v->maps))
            continue;
        struct area *a = &v->areas[v->n_maps++];
        *a = (struct area){.start = ph[i].p_vaddr,
                           .end = ph[i].p_vaddr + ph[i].p_memsz,
                           .bytes = v->bytes + ph[i].p_offset,
                           .n_bytes = ph[i].p_filesz};
        a->map = (struct sym_map){
            .start = a->start, .end = a->end, .executable = ph[i].p_flags & PF_X, .name = ""};
    }
    for (size_t i = 0; i < eh->e_phnum; i++)
        if (ph[i].p_type == PT_NOTE)
            take_notes(v, v->bytes + ph[i].p_offset, ph[i].p_filesz);
    qsort(v->areas, v->n_maps, sizeof(*v->areas), compare_areas);
    for (size_t i = 0; i < v->n_maps; i++) {
        v->maps[i] = v->areas[i].map;
        if (v->vdso && v->maps[i].start == v->vdso)
            v->maps[i].name = "[vdso]";
    }
    v->view.ctx = v;
    v->view.read = core_read;
    v->view.maps = v->maps;
    v->view.n_maps = v->n_maps;
    *ret = v;
    return NULL;
}

void view_core_close(struct view_core *v)
{
    if (!v)
        return;
    munmap(v->bytes, v->n_bytes);
    free(v);
}

const struct sym_view *view_core_view(struct view_core *v) { return &v->view; }
struct sym_files view_core_files(struct view_core *v) { return (struct sym_files){v, core_open_file}; }
