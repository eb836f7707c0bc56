/* The kernel's vDSO in a program that has already resolved its functions (LD_PRELOAD start).
 *
 * ld.so and libc hold pointers into it, so it cannot be moved. Its functions read clock data from pages that
 * change by themselves, which no recording can follow. So the image is replaced by a private copy in
 * which every function is `mov $nr, %eax; syscall; ret`, and the data pages are unmapped. */
#include "preload/kernel_vdso.h"

#include <elf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>

#include "preload/procmaps.h"
#include "preload/raw.h"

struct found {
    gaddr vdso, vdso_end;
    gaddr data[4][2];
    int n_data;
};

static long find(const struct procmap *m, const char *line, size_t n_bytes, void *arg)
{
    (void)line;
    (void)n_bytes;
    struct found *f = arg;
    if (strcmp(m->name, "[vdso]") == 0) {
        f->vdso = m->start;
        f->vdso_end = m->end;
    } else if (m->name[0] == '[' && m->name[1] == 'v' && m->name[2] == 'v' && f->n_data < 4) {
        f->data[f->n_data][0] = m->start;
        f->data[f->n_data++][1] = m->end;
    }
    return 0;
}

static long number_of(const char *name)
{
    static const struct {
        const char *name;
        long nr;
    } table[] = {
        {"__vdso_clock_gettime", __NR_clock_gettime},
        {"__vdso_clock_getres", __NR_clock_getres},
        {"__vdso_gettimeofday", __NR_gettimeofday},
        {"__vdso_time", __NR_time},
        {"__vdso_getcpu", __NR_getcpu},
        {"__vdso_getrandom", -1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].nr;
    return -2;
}

static void patch_function(uint8_t *at, long nr)
{
    static const uint8_t enosys[] = {0x48, 0xc7, 0xc0, 0xda,
                                     0xff, 0xff, 0xff, 0xc3}; /* mov $-38, %rax; ret */
    uint8_t code[8] = {0xb8, (uint8_t)nr, (uint8_t)(nr >> 8), 0, 0, 0x0f, 0x05, 0xc3};
    memcpy(at, nr < 0 ? enosys : code, 8);
}

/* base: the copy, already at its address. */
static void patch_functions(uint8_t *base, size_t n_bytes)
{
    const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)base;
    const Elf64_Phdr *phdr = (const Elf64_Phdr *)(base + ehdr->e_phoff);
    const Elf64_Dyn *dyn = NULL;
    uint64_t bias = 0;
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    for (int i = 0; i < ehdr->e_phnum; i++) {
        if (phdr[i].p_type == PT_LOAD && phdr[i].p_offset == 0)
            bias = phdr[i].p_vaddr;
        if (phdr[i].p_type == PT_DYNAMIC)
            dyn = (const Elf64_Dyn *)(base + phdr[i].p_offset);
    }
    for (; dyn && dyn->d_tag != DT_NULL; dyn++) {
        if (dyn->d_tag == DT_SYMTAB)
            symbols = (const Elf64_Sym *)(base + (dyn->d_un.d_ptr - bias));
        if (dyn->d_tag == DT_STRTAB)
            strings = (const char *)(base + (dyn->d_un.d_ptr - bias));
    }
    /* the string table follows the symbols: binutils' layout, as in every kernel so far */
    for (const Elf64_Sym *s = symbols; symbols && strings && (const char *)(s + 1) <= strings; s++) {
        long nr = (s->st_info & 0xf) == STT_FUNC ? number_of(strings + s->st_name) : -2;
        if (nr > -2 && s->st_value - bias + 8 <= n_bytes)
            patch_function(base + (s->st_value - bias), nr);
    }
}

void kernel_vdso_patch(void)
{
    struct found f = {0};
    long fd = raw4(__NR_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return;
    procmaps_each((int)fd, find, &f);
    raw1(__NR_close, fd);
    for (int i = 0; i < f.n_data; i++)
        raw2(__NR_munmap, f.data[i][0], f.data[i][1] - f.data[i][0]);
    size_t n_bytes = f.vdso_end - f.vdso;
    if (!n_bytes)
        return;
    void *copy = engine_alloc(n_bytes);
    memcpy(copy, (const void *)f.vdso, n_bytes);
    raw6(__NR_mmap, f.vdso, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memcpy((void *)f.vdso, copy, n_bytes);
    patch_functions((uint8_t *)f.vdso, n_bytes);
    raw3(__NR_mprotect, f.vdso, n_bytes, PROT_READ | PROT_EXEC);
}
