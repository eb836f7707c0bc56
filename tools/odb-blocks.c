/* odb-blocks DIR [ADDRESS...]: replays a recording to its end and shows what the engine translated: each block's
 * entries, and the program's instructions beside the code that stands for them in the cache. With addresses, only the
 * blocks that contain one. For people who work on the engine; not installed.
 *
 *     block 0x401000-0x40101b  tick 0x6f0020000340  main 0x6f0020000346  pad 0x6f0020000300
 *       0x401000  mov edi, 1                  | 0x6f0020000346  mov edi, 1
 *
 * The vessel stays alive at its last stop; its memory is read through /proc/PID/mem, and the engine's variables are
 * found by the symbol table of the embedded engine.elf. */
#include <capstone/capstone.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "preload/core.h"
#include "replayer/replay.h"

extern const unsigned char odb_engine_elf_start[], odb_engine_elf_end[];

static int mem_fd = -1;
static csh cs;

static struct odb_err *read_engine(uint64_t addr, void *to, size_t n_bytes)
{
    ssize_t n = pread(mem_fd, to, n_bytes, (off_t)addr);
    return n == (ssize_t)n_bytes
               ? NULL
               : odb_err("cannot read %zu bytes at 0x%" PRIx64 " of the vessel", n_bytes, addr);
}

static struct odb_err *find_symbol(const char *name, uint64_t *ret)
{
    const Elf64_Ehdr *eh = (const void *)odb_engine_elf_start;
    const Elf64_Shdr *sh = (const void *)(odb_engine_elf_start + eh->e_shoff);
    for (int i = 0; i < eh->e_shnum; i++) {
        if (sh[i].sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Sym *sym = (const void *)(odb_engine_elf_start + sh[i].sh_offset);
        const char *names = (const char *)odb_engine_elf_start + sh[sh[i].sh_link].sh_offset;
        for (size_t k = 0; k < sh[i].sh_size / sizeof(*sym); k++)
            if (strcmp(names + sym[k].st_name, name) == 0) {
                *ret = sym[k].st_value;
                return NULL;
            }
    }
    return odb_err("the engine has no symbol %s", name);
}

static struct odb_err *read_pointer(const char *name, uint64_t *ret)
{
    uint64_t at;
    ODB_TRY(find_symbol(name, &at));
    return read_engine(at, ret, sizeof(*ret));
}

static void print_code(const uint8_t *bytes, size_t n_bytes, uint64_t addr, const char *indent)
{
    cs_insn *insn;
    size_t n = cs_disasm(cs, bytes, n_bytes, addr, 0, &insn);
    for (size_t i = 0; i < n; i++)
        printf("%s0x%" PRIx64 "  %s %s\n", indent, insn[i].address, insn[i].mnemonic, insn[i].op_str);
    if (!n)
        printf("%s(%zu bytes that are no instruction)\n", indent, n_bytes);
    else
        cs_free(insn, n);
}

static struct odb_err *show_block(struct replay *r, const struct block *b, uint64_t marks_at)
{
    printf("block 0x%" PRIx64 "-0x%" PRIx64 "%s%s  tick 0x%" PRIx64 "  main 0x%" PRIx64 "  pad 0x%" PRIx64
           "\n",
           b->start, b->start + b->len_bytes, b->variant == VARIANT_HOOK ? " hook" : "",
           b->flags & BLOCK_DEAD ? " dead" : "", (uint64_t)ODB_CACHE_ADDR + b->tick_entry,
           (uint64_t)ODB_CACHE_ADDR + b->main_entry, b->pad ? (uint64_t)ODB_CACHE_ADDR + b->pad : 0);
    for (unsigned i = 0; i < b->n_marks; i++) {
        struct insn_mark m[2];
        ODB_TRY(read_engine(marks_at + (b->marks + i) * sizeof(*m), m, sizeof(m)));
        uint32_t from = b->cache_begin + m[0].cache_off;
        uint32_t to = i + 1 < b->n_marks ? b->cache_begin + m[1].cache_off : b->cache_end;
        uint8_t app[16], code[4096];
        size_t n_app;
        ODB_TRY(replay_read(r, b->start + m[0].app_off, app, sizeof(app), &n_app));
        cs_insn *insn;
        if (m[0].fix == MARK_NONE && cs_disasm(cs, app, n_app, b->start + m[0].app_off, 1, &insn) == 1) {
            printf("  0x%" PRIx64 "  %s %s\n", insn->address, insn->mnemonic, insn->op_str);
            cs_free(insn, 1);
        } else if (m[0].fix != MARK_NONE) {
            printf("  (a fault here restores %s)\n", m[0].fix == MARK_RCX ? "rcx" : "the scratch register");
        }
        if (from < to && to - from <= sizeof(code)) {
            ODB_TRY(read_engine(ODB_CACHE_ADDR + from, code, to - from));
            print_code(code, to - from, ODB_CACHE_ADDR + from, "        | ");
        }
    }
    return NULL;
}

static bool wanted(const struct block *b, int n_addr, char **addr)
{
    for (int i = 0; i < n_addr; i++) {
        uint64_t a = strtoull(addr[i], NULL, 0);
        if (a >= b->start && a < b->start + b->len_bytes)
            return true;
    }
    return n_addr == 0;
}

static struct odb_err *show_all(const char *dir, int n_addr, char **addr)
{
    struct replay *r;
    const struct odb_stop *stop;
    char path[64];
    uint64_t blocks_at, marks_at;
    ODB_TRY(replay_open(dir, &(struct replay_options){.out_fd = {-1, -1, -1}}, &r));
    ODB_TRY(replay_run(r, NULL, &stop));
    snprintf(path, sizeof(path), "/proc/%d/mem", (int)replay_pid(r));
    mem_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (mem_fd < 0)
        return odb_err_errno(errno, "cannot open %s", path);
    ODB_TRY(read_pointer("blocks", &blocks_at));
    ODB_TRY(read_pointer("marks", &marks_at));
    for (uint32_t i = 1; i < MAX_BLOCKS; i++) {
        struct block b;
        ODB_TRY(read_engine(blocks_at + i * sizeof(b), &b, sizeof(b)));
        if (!b.cache_end)
            break;
        if (wanted(&b, n_addr, addr))
            ODB_TRY(show_block(r, &b, marks_at));
    }
    replay_close(r);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: odb-blocks DIR [ADDRESS...]\n");
        return 2;
    }
    if (cs_open(CS_ARCH_X86, CS_MODE_64, &cs) != CS_ERR_OK)
        return 1;
    _cleanup_err_ struct odb_err *e = show_all(argv[1], argc - 2, argv + 2);
    if (e)
        fprintf(stderr, "odb-blocks: %s\n", odb_err_text(e));
    cs_close(&cs);
    return e ? 1 : 0;
}
