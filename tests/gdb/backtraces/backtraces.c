/* Backtraces at random moments of a recording: ours as text, and for each moment a core file for gdb.
 *     backtraces RECORDING N SEED OUT_DIR
 * writes OUT_DIR/core.I for I from 0 to N - 1, and OUT_DIR/frames:
 *     interpreter BASE PATH   (once, where there is one)
 *     = I T TID
 *     PC SURE NAME        for each frame; SURE: 1 if found by unwind information alone, else 0; then i if it is inlined
 *
 * A core file holds what the process could have written (of large mappings only what is around the stack pointer), and registers, auxv and
 * the list of mapped files; code and constants gdb takes from the files. It is written from registers and memory as the
 * database has them: nothing of symbols/ is in it. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"
#include "db/db.h"
#include "symbols/symbols.h"
#include "symbols/view_db.h"

#define PAGE 4096u
#define WHOLE_MAX (2u << 20)      /* larger mappings are cut */
#define WINDOW (256u << 10)       /* to this much above the stack pointer */
#define CONSTANTS_MAX (64u << 10) /* of a mapping that cannot be written, but was relocated */
#define AUXV_MAX 1024
#define FRAMES_MAX 2000

struct run {
    struct odb_db *db;
    struct view_db *views;
    struct symbols *symbols;
    const char *out;
    uint8_t auxv[AUXV_MAX];
    size_t n_auxv;
};

/* ---- notes ---- */

struct notes {
    uint8_t *bytes; /* owned */
    size_t n;
};

static void add(struct notes *to, const void *p, size_t n)
{
    size_t room = (n + 3) & ~(size_t)3;
    to->bytes = realloc(to->bytes, to->n + room + 1);
    odb_assert(to->bytes);
    memset(to->bytes + to->n, 0, room);
    memcpy(to->bytes + to->n, p, n);
    to->n += room;
}

static void add_note(struct notes *to, uint32_t type, const void *p, size_t n)
{
    const Elf64_Nhdr head = {.n_namesz = 5, .n_descsz = (uint32_t)n, .n_type = type};
    add(to, &head, sizeof(head));
    add(to, "CORE", 5);
    add(to, p, n);
}

static void add_registers(struct notes *to, const struct db_regs *r)
{
    struct elf_prstatus status = {.pr_pid = (int)r->tid};
    const uint64_t *g = r->regs.scalar;
    /* struct user_regs_struct */
    const uint64_t regs[] = {
        g[ODB_R15],        g[ODB_R14], g[ODB_R13], g[ODB_R12],         g[ODB_RBP],         g[ODB_RBX],
        g[ODB_R11],        g[ODB_R10], g[ODB_R9],  g[ODB_R8],          g[ODB_RAX],         g[ODB_RCX],
        g[ODB_RDX],        g[ODB_RSI], g[ODB_RDI], ~UINT64_C(0),       g[ODB_REG_RIP],     0x33,
        g[ODB_REG_RFLAGS], g[ODB_RSP], 0x2b,       g[ODB_REG_FS_BASE], g[ODB_REG_GS_BASE],
    };
    memcpy(status.pr_reg, regs, sizeof(regs));
    add_note(to, NT_PRSTATUS, &status, sizeof(status));
    struct elf_prpsinfo info = {.pr_pid = (int)r->pid};
    add_note(to, NT_PRPSINFO, &info, sizeof(info));
}

static void add_files(struct notes *to, const struct sym_view *v)
{
    struct notes head = {0}, names = {0};
    uint64_t n = 0;
    for (size_t i = 0; i < v->n_maps; i++)
        n += v->maps[i].file_id != 0;
    add(&head, &n, 8);
    add(&head, &(uint64_t){PAGE}, 8);
    for (size_t i = 0; i < v->n_maps; i++) {
        const struct sym_map *m = &v->maps[i];
        if (!m->file_id)
            continue;
        add(&head, (uint64_t[]){m->start, m->end, m->offset / PAGE}, 24);
        size_t len = strlen(m->name) + 1;
        names.bytes = realloc(names.bytes, names.n + len);
        odb_assert(names.bytes);
        memcpy(names.bytes + names.n, m->name, len);
        names.n += len;
    }
    if (names.n)
        add(&head, names.bytes, names.n);
    add_note(to, NT_FILE, head.bytes, head.n);
    free(head.bytes);
    free(names.bytes);
}

/* ---- the core file ---- */

/* What of a mapping is worth writing; false: nothing. */
static bool part_of(const struct db_map *m, gaddr rsp, gaddr *ret_start, gaddr *ret_end)
{
    uint64_t n = m->end - m->start;
    bool writable = m->prot & 2, executable = m->prot & 4;
    *ret_start = m->start;
    *ret_end = m->end;
    if (!m->prot)
        return false;
    if (m->file_id && !writable)
        return !executable && n <= CONSTANTS_MAX;
    if (n <= WHOLE_MAX)
        return true;
    if (rsp < m->start || rsp >= m->end)
        return false;
    *ret_start = rsp - m->start > PAGE ? (rsp & ~(gaddr)(PAGE - 1)) - PAGE : m->start;
    *ret_end = m->end - *ret_start > WINDOW ? *ret_start + WINDOW : m->end;
    return true;
}

static struct odb_err *write_memory(struct run *r, uint64_t t, uint32_t pid, gaddr start, gaddr end, FILE *f)
{
    static uint8_t page[PAGE];
    static const uint8_t zeros[PAGE];
    size_t n;
    for (gaddr at = start; at < end; at += PAGE) {
        ODB_TRY(db_memory(r->db, t, pid, at, PAGE, page, NULL, &n));
        if (!memcmp(page, zeros, PAGE) && at + PAGE < end)
            fseek(f, PAGE, SEEK_CUR);
        else
            fwrite(page, PAGE, 1, f);
    }
    return NULL;
}

static struct odb_err *write_core(struct run *r, uint64_t t, const struct db_regs *regs,
                                  const struct sym_view *v, FILE *f)
{
    struct db_map *maps;
    size_t n_maps, n = 1;
    struct notes notes = {0};
    ODB_TRY(db_maps(r->db, t, regs->pid, &maps, &n_maps));
    Elf64_Phdr *ph = calloc(n_maps + 1, sizeof(*ph));
    odb_assert(ph);
    add_registers(&notes, regs);
    add_note(&notes, NT_AUXV, r->auxv, r->n_auxv);
    add_files(&notes, v);
    for (size_t i = 0; i < n_maps; i++) {
        gaddr start, end;
        if (!part_of(&maps[i], regs->regs.scalar[ODB_RSP], &start, &end))
            continue;
        ph[n++] = (Elf64_Phdr){.p_type = PT_LOAD,
                               .p_vaddr = start,
                               .p_filesz = end - start,
                               .p_memsz = end - start,
                               .p_align = PAGE,
                               .p_flags = (maps[i].prot & 1 ? PF_R : 0) | (maps[i].prot & 2 ? PF_W : 0) |
                                          (maps[i].prot & 4 ? PF_X : 0)};
    }
    Elf64_Ehdr eh = {.e_type = ET_CORE,
                     .e_machine = EM_X86_64,
                     .e_version = 1,
                     .e_phoff = sizeof(eh),
                     .e_ehsize = sizeof(eh),
                     .e_phentsize = sizeof(*ph),
                     .e_phnum = (uint16_t)n,
                     .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}};
    ph[0] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = sizeof(eh) + n * sizeof(*ph), .p_filesz = notes.n};
    uint64_t at = (ph[0].p_offset + notes.n + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    for (size_t i = 1; i < n; i++) {
        ph[i].p_offset = at;
        at += ph[i].p_filesz;
    }
    fwrite(&eh, sizeof(eh), 1, f);
    fwrite(ph, sizeof(*ph), n, f);
    fwrite(notes.bytes, notes.n, 1, f);
    struct odb_err *e = NULL;
    for (size_t i = 1; i < n && !e; i++) {
        fseek(f, (long)ph[i].p_offset, SEEK_SET);
        e = write_memory(r, t, regs->pid, ph[i].p_vaddr, ph[i].p_vaddr + ph[i].p_filesz, f);
    }
    free(ph);
    free(notes.bytes);
    db_maps_free(maps, n_maps);
    return e;
}

/* ---- our frames ---- */

static struct odb_err *show_frames(struct run *r, FILE *to)
{
    struct sym_frame *frames = NULL;
    size_t n = 0;
    const char *end;
    ODB_TRY(symbols_backtrace(r->symbols, FRAMES_MAX, &frames, &n, &end));
    bool sure = true;
    for (size_t i = 0; i < n; i++) {
        struct sym_place place;
        struct odb_err *e = symbols_place(r->symbols, frames[i].lookup_pc, &place);
        if (e) {
            free(frames);
            return e;
        }
        sure &= frames[i].how < SYM_FRAME_POINTER;
        bool trampoline = i + 1 < n && frames[i + 1].how == SYM_FRAME_SIGNAL;
        size_t n_scopes = trampoline ? 1 : sym_frame_scopes(&frames[i], &place);
        for (size_t k = 0; k < n_scopes; k++) {
            const char *name = place.scopes[k].function;
            fprintf(to, "%llx %d%s %s\n", (unsigned long long)frames[i].pc, sure && place.has_cfi,
                    k + 1 < n_scopes || frames[i].how == SYM_FRAME_TAIL_CALL ? "i" : "",
                    trampoline ? "<signal handler called>"
                    : name     ? name
                               : "??");
        }
    }
    fprintf(to, "end %s\n", end);
    free(frames);
    return NULL;
}

/* The auxiliary vector lies above the arguments and the environment on the first stack. */
static struct odb_err *read_auxv(struct run *r)
{
    struct db_regs regs;
    size_t n;
    uint64_t word, nulls = 0;
    ODB_TRY(db_registers(r->db, 0, 0, &regs));
    gaddr at = regs.regs.scalar[ODB_RSP] + 8;
    while (nulls < 2) {
        ODB_TRY(db_memory(r->db, 0, regs.pid, at, 8, (uint8_t *)&word, NULL, &n));
        if (!n)
            return odb_err("no auxv");
        nulls += !word;
        at += 8;
    }
    do {
        ODB_TRY(db_memory(r->db, 0, regs.pid, at, 16, r->auxv + r->n_auxv, NULL, &n));
        memcpy(&word, r->auxv + r->n_auxv, 8);
        r->n_auxv += 16;
        at += 16;
    } while (word && r->n_auxv + 16 <= sizeof(r->auxv));
    return NULL;
}

/* Where the dynamic loader was mapped, and its file. */
static struct odb_err *show_interpreter(struct run *r, FILE *to)
{
    struct db_map *maps;
    struct db_regs regs;
    size_t n;
    uint64_t base = 0, pair[2];
    for (size_t i = 0; i + 16 <= r->n_auxv; i += 16) {
        memcpy(pair, r->auxv + i, 16);
        if (pair[0] == AT_BASE)
            base = pair[1];
    }
    ODB_TRY(db_registers(r->db, 0, 0, &regs));
    ODB_TRY(db_maps(r->db, 0, regs.pid, &maps, &n));
    for (size_t i = 0; i < n; i++)
        if (base && maps[i].start == base)
            fprintf(to, "interpreter %llx %s\n", (unsigned long long)base, maps[i].name);
    db_maps_free(maps, n);
    return NULL;
}

static struct odb_err *one(struct run *r, unsigned i, uint64_t t, FILE *frames)
{
    const struct sym_view *view;
    struct db_regs regs;
    char path[4096];
    ODB_TRY(db_registers(r->db, t, 0, &regs));
    ODB_TRY(view_db_at(r->views, t, 0, 0, &view));
    ODB_TRY(symbols_set_view(r->symbols, view));
    fprintf(frames, "= %u %llu %u\n", i, (unsigned long long)t, regs.tid);
    ODB_TRY(show_frames(r, frames));
    snprintf(path, sizeof(path), "%s/core.%u", r->out, i);
    _cleanup_fclose_ FILE *f = fopen(path, "w");
    if (!f)
        return odb_err("cannot write %s", path);
    return write_core(r, t, &regs, view, f);
}

static struct odb_err *all(struct run *r, const char *dir, unsigned n, unsigned seed)
{
    _cleanup_free_ char *path = NULL, *text = NULL;
    ODB_TRY(fs_join(dir, "index.db", &path));
    ODB_TRY(fs_join(r->out, "frames", &text));
    _cleanup_fclose_ FILE *frames = fopen(text, "w");
    if (!frames)
        return odb_err("cannot write %s", text);
    ODB_TRY(db_open(path, &r->db));
    ODB_TRY(view_db_create(r->db, dir, &r->views));
    ODB_TRY(symbols_create(view_db_files(r->views), &r->symbols));
    ODB_TRY(read_auxv(r));
    ODB_TRY(show_interpreter(r, frames));
    uint64_t x = 0x9e3779b97f4a7c15u * (seed + 1), end = db_end_t(r->db);
    for (unsigned i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        ODB_TRY(one(r, i, x % (end + 1), frames));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: backtraces RECORDING N SEED OUT_DIR\n");
        return 2;
    }
    struct run r = {.out = argv[4]};
    _cleanup_err_ struct odb_err *e = all(&r, argv[1], (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
    symbols_destroy(r.symbols);
    view_db_destroy(r.views);
    db_close(r.db);
    if (e)
        fprintf(stderr, "backtraces: %s\n", odb_err_text(e));
    return e ? 1 : 0;
}
