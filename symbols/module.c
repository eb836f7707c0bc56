/* struct symbols, the files behind the maps of a view, and where they are loaded.
 *
 * An instance is a run of neighbouring maps of one file with rising offsets: how a loader maps it. The bias
 * is what the instance's first map says: the segment that its file offset lies in should be at start.
 * Instances are made anew for each view, and look for their module (which is parsed once) only when an
 * address in them is asked about. The vdso has no file: its image is read from memory, and known by a hash
 * of its bytes. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/hash.h"
#include "common/layout.h"
#include "symbols/internal.h"
#include "symbols/unwind.h"

#define VDSO_MAX_BYTES (256 << 10)

struct odb_err *symbols_create(const struct sym_files *files, struct symbols **ret)
{
    if (elf_version(EV_CURRENT) == EV_NONE)
        return odb_err("libelf is older than its header");
    struct symbols *s = calloc(1, sizeof(*s));
    if (!s)
        return odb_err("out of memory");
    s->files = *files;
    *ret = s;
    return NULL;
}

static void cu_free(struct cu *cu)
{
    free(cu->functions);
    ptr_map_deinit(&cu->scopes);
    free(cu);
}

static void module_free(struct module *m)
{
    for (size_t i = 0; i < m->n_cus; i++)
        cu_free(m->cus[i]);
    free(m->cus);
    free(m->ranges);
    ptr_map_deinit(&m->cu_by_die);
    name_map_deinit(&m->globals);
    if (m->eh_cfi)
        dwarf_cfi_end(m->eh_cfi);
    dwarf_end(m->dwarf);
    elf_end(m->debug_elf);
    if (m->debug_fd >= 0)
        close(m->debug_fd);
    elf_end(m->elf);
    if (m->fd >= 0)
        close(m->fd);
    free(m->segments);
    free(m->symbols);
    free(m->plt);
    free(m);
}

void symbols_destroy(struct symbols *s)
{
    if (!s)
        return;
    unwinder_destroy(s->unwinder);
    for (size_t i = 0; i < s->n_modules; i++)
        module_free(s->modules[i]);
    free(s->modules);
    free(s->instances);
    free(s->frames);
    ptr_map_deinit(&s->types);
    name_map_deinit(&s->strings);
    arena_deinit(&s->arena);
    free(s);
}

/* ---- strings ---- */

const char *sym_intern(struct symbols *s, const char *text)
{
    void **at = name_map_at(&s->strings, text, false);
    if (at)
        return *at;
    char *copy = arena_strndup(&s->arena, text, strlen(text));
    *name_map_at(&s->strings, copy, true) = copy;
    return copy;
}

const char *sym_intern_printf(struct symbols *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = NULL;
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    odb_assert(n >= 0);
    return sym_intern(s, text);
}

/* ---- memory and maps ---- */

const struct sym_map *sym_map_at(const struct symbols *s, gaddr addr)
{
    size_t low = 0, high = s->view.n_maps;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->view.maps[mid].end <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    return low < s->view.n_maps && s->view.maps[low].start <= addr ? &s->view.maps[low] : NULL;
}

bool sym_read(struct symbols *s, gaddr addr, void *to, size_t n_bytes)
{
    if (!s->has_view || !s->view.read)
        return false;
    if (!n_bytes)
        return true;
    size_t n = 0;
    _cleanup_err_ struct odb_err *e = s->view.read(s->view.ctx, addr, to, n_bytes, &n);
    return !e && n == n_bytes;
}

static bool is_vdso(const struct sym_map *map) { return map->name && strcmp(map->name, "[vdso]") == 0; }

struct odb_err *symbols_set_view(struct symbols *s, const struct sym_view *view)
{
    s->view = *view;
    s->has_view = true;
    s->n_instances = 0;
    free(s->frames);
    s->frames = NULL;
    s->n_frames = 0;
    s->frames_done = false;
    struct instance *in = NULL;
    for (size_t i = 0; i < view->n_maps; i++) {
        const struct sym_map *map = &view->maps[i], *last = i ? map - 1 : NULL;
        if (!map->file_id && !is_vdso(map)) {
            /* The end of a program's zeros is between its file's maps or behind them; all else ends an
             * instance. */
            if (in && (map->start != in->end || map->executable))
                in = NULL;
            continue;
        }
        bool joins = in && map->file_id && in->map->file_id == map->file_id && last &&
                     (last->file_id != map->file_id || map->offset >= last->offset);
        if (!joins) {
            GROW(s->instances, s->n_instances);
            in = &s->instances[s->n_instances++];
            *in = (struct instance){.start = map->start, .map = map};
        }
        in->end = map->end;
        in->has_code |= map->executable;
    }
    return NULL;
}

/* ---- opening a module ---- */

static bool module_read_segments(struct module *m)
{
    GElf_Ehdr ehdr;
    size_t n = 0;
    if (elf_kind(m->elf) != ELF_K_ELF || !gelf_getehdr(m->elf, &ehdr) || ehdr.e_machine != EM_X86_64 ||
        gelf_getclass(m->elf) != ELFCLASS64 || elf_getphdrnum(m->elf, &n) < 0)
        return false;
    m->elf_type = ehdr.e_type;
    m->segments = calloc(n ? n : 1, sizeof(*m->segments));
    odb_assert(m->segments);
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr ph;
        if (!gelf_getphdr(m->elf, (int)i, &ph) || ph.p_type != PT_LOAD)
            continue;
        m->segments[m->n_segments++] = (struct segment){.vaddr = ph.p_vaddr,
                                                        .mem_bytes = ph.p_memsz,
                                                        .offset = ph.p_offset,
                                                        .file_bytes = ph.p_filesz,
                                                        .executable = ph.p_flags & PF_X};
    }
    return m->n_segments > 0;
}

static void module_open(struct module *m)
{
    if (m->fd < 0)
        return;
    m->elf = elf_begin(m->fd, ELF_C_READ_MMAP, NULL);
    if (m->elf && !module_read_segments(m)) {
        elf_end(m->elf);
        m->elf = NULL;
    }
}

static struct module *module_add(struct symbols *s, const char *path, uint32_t file_id, uint64_t hash, int fd)
{
    struct module *m = calloc(1, sizeof(*m));
    odb_assert(m);
    m->path = sym_intern(s, path ? path : "");
    m->file_id = file_id;
    m->hash = hash;
    m->fd = fd;
    m->debug_fd = -1;
    module_open(m);
    GROW(s->modules, s->n_modules);
    s->modules[s->n_modules++] = m;
    return m;
}

static struct odb_err *file_module(struct symbols *s, const struct sym_map *map, struct module **ret)
{
    for (size_t i = 0; i < s->n_modules; i++) {
        if (s->modules[i]->file_id == map->file_id) {
            *ret = s->modules[i];
            return NULL;
        }
    }
    int fd = -1;
    if (s->files.open)
        ODB_TRY(s->files.open(s->files.ctx, map->file_id, map->name, &fd));
    *ret = module_add(s, map->name, map->file_id, 0, fd);
    return NULL;
}

static struct odb_err *vdso_module(struct symbols *s, const struct instance *in, struct module **ret)
{
    size_t n = in->end - in->start;
    *ret = NULL;
    if (n > VDSO_MAX_BYTES)
        return NULL;
    _cleanup_free_ uint8_t *bytes = malloc(n);
    if (!bytes)
        return odb_err("out of memory");
    if (!sym_read(s, in->start, bytes, n))
        return NULL;
    uint64_t hash = odb_hash64(bytes, n, 0);
    for (size_t i = 0; i < s->n_modules; i++) {
        if (!s->modules[i]->file_id && s->modules[i]->hash == hash) {
            *ret = s->modules[i];
            return NULL;
        }
    }
    _cleanup_close_ int fd = memfd_create("odb-vdso", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        return odb_err_errno(errno, "could not keep a copy of the vdso");
    *ret = module_add(s, "[vdso]", 0, hash, take_fd(fd));
    return NULL;
}

static uint64_t page_down(uint64_t x) { return x & ~(uint64_t)(ODB_PAGE_BYTES - 1); }

/* The bias that puts a segment where a map of the file is. */
static bool map_bias(const struct module *m, const struct sym_map *map, gaddr *ret)
{
    for (int strict = 1; strict >= 0; strict--) {
        for (size_t i = 0; i < m->n_segments; i++) {
            const struct segment *g = &m->segments[i];
            if ((strict && g->executable != map->executable) || map->offset < page_down(g->offset) ||
                map->offset >= g->offset + g->file_bytes)
                continue;
            *ret = map->start - (page_down(g->vaddr) + (map->offset - page_down(g->offset)));
            return true;
        }
    }
    return false;
}

struct odb_err *sym_instance_module(struct symbols *s, struct instance *in, struct module **ret)
{
    if (!in->tried) {
        struct module *m = NULL;
        if (is_vdso(in->map))
            ODB_TRY(vdso_module(s, in, &m));
        else
            ODB_TRY(file_module(s, in->map, &m));
        in->tried = true;
        if (m && m->elf && map_bias(m, in->map, &in->bias))
            in->module = m;
    }
    *ret = in->module;
    return NULL;
}

struct odb_err *sym_module_at(struct symbols *s, gaddr addr, struct module **ret, gaddr *ret_bias)
{
    size_t low = 0, high = s->n_instances;
    *ret = NULL;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (s->instances[mid].start <= addr)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low)
        return NULL;
    struct instance *in = &s->instances[low - 1];
    struct module *m;
    ODB_TRY(sym_instance_module(s, in, &m));
    if (!m)
        return NULL;
    /* Zeros behind the file's last map belong to it, too. */
    for (size_t i = 0; addr >= in->end; i++) {
        if (i == m->n_segments)
            return NULL;
        uint64_t start = m->segments[i].vaddr + in->bias;
        if (addr >= start && addr < start + m->segments[i].mem_bytes)
            break;
    }
    *ret = m;
    *ret_bias = in->bias;
    return NULL;
}

/* ---- DWARF ---- */

static bool has_section(Elf *elf, const char *name)
{
    size_t names;
    if (!elf || elf_getshdrstrndx(elf, &names) < 0)
        return false;
    for (Elf_Scn *scn = elf_nextscn(elf, NULL); scn; scn = elf_nextscn(elf, scn)) {
        GElf_Shdr shdr;
        const char *found = gelf_getshdr(scn, &shdr) ? elf_strptr(elf, names, shdr.sh_name) : NULL;
        if (found && strcmp(found, name) == 0 && shdr.sh_type != SHT_NOBITS)
            return true;
    }
    return false;
}

Dwarf *module_dwarf(struct symbols *s, struct module *m)
{
    (void)s;
    if (m->debug_done)
        return m->dwarf;
    m->debug_done = true;
    if (!m->elf)
        return NULL;
    bool own = has_section(m->elf, ".debug_info") || has_section(m->elf, ".zdebug_info");
    if (!own) {
        m->debug_fd = debug_file_open(m->elf, m->path);
        if (m->debug_fd >= 0)
            m->debug_elf = elf_begin(m->debug_fd, ELF_C_READ_MMAP, NULL);
    }
    /* Alternate files of dwz are found by libdw, by build-id and beside the file. */
    m->dwarf = dwarf_begin_elf(m->debug_elf ? m->debug_elf : m->elf, DWARF_C_READ, NULL);
    return m->dwarf;
}

void module_cfi(struct symbols *s, struct module *m)
{
    if (m->cfi_done)
        return;
    m->cfi_done = true;
    if (!m->elf)
        return;
    m->eh_cfi = dwarf_getcfi_elf(m->elf);
    Dwarf *dw = module_dwarf(s, m);
    m->debug_cfi = dw ? dwarf_getcfi(dw) : NULL;
}
