/* The index of a recording against a plain replay of it: at the end, all registers and
 * every byte of mapped memory must be the same. Makes the index if there is none.
 *
 *     test_db_end REC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/layout.h"
#include "db/db.h"
#include "indexer/index.h"
#include "replayer/replay.h"

static void must(struct odb_err *e)
{
    if (e) {
        fprintf(stderr, "%s\n", odb_err_text(e));
        exit(1);
    }
}

static unsigned n_bad;

static void compare_registers(struct replay *r, const struct odb_stop *stop, const struct db_regs *regs)
{
    for (unsigned i = 0; i < ODB_N_GPR; i++)
        if (regs->regs.scalar[i] != stop->regs.gpr[i]) {
            fprintf(stderr, "%s: index 0x%lx, replay 0x%lx\n", db_reg_name(i, 32), regs->regs.scalar[i],
                    stop->regs.gpr[i]);
            n_bad++;
        }
    const uint64_t flags = 0xcd5,
                   db_rest[3] = {regs->regs.scalar[ODB_REG_RIP], regs->regs.scalar[ODB_REG_FS_BASE],
                                 regs->regs.scalar[ODB_REG_RFLAGS] & flags};
    const uint64_t replay_rest[3] = {stop->regs.rip, stop->regs.fs_base, stop->regs.rflags & flags};
    static const char *const names[3] = {"rip", "fs_base", "rflags"};
    for (int i = 0; i < 3; i++)
        if (db_rest[i] != replay_rest[i]) {
            fprintf(stderr, "%s: index 0x%lx, replay 0x%lx\n", names[i], db_rest[i], replay_rest[i]);
            n_bad++;
        }
    const struct odb_xstate *x;
    must(replay_vectors(r, &x));
    uint32_t mxcsr;
    memcpy(&mxcsr, x->image + 24, 4);
    if (regs->regs.scalar[ODB_REG_MXCSR] != mxcsr) {
        fprintf(stderr, "mxcsr: index 0x%lx, replay 0x%x\n", regs->regs.scalar[ODB_REG_MXCSR], mxcsr);
        n_bad++;
    }
    for (int i = 0; i < 8; i++)
        if (memcmp(regs->regs.wide[32 + i], x->image + 32 + 16 * i, 10) != 0) {
            fprintf(stderr, "st%d differs\n", i);
            n_bad++;
        }
    for (int i = 0; i < 16; i++)
        if (memcmp(regs->regs.wide[i], x->image + 160 + 16 * i, 16) ||
            memcmp(regs->regs.wide[i] + 16, x->image + 576 + 16 * i, 16)) {
            fprintf(stderr, "ymm%d differs\n", i);
            n_bad++;
        }
}

/* Returns the bytes compared. */
static uint64_t compare_map(struct replay *r, struct odb_db *db, const struct db_map *m)
{
    static uint8_t a[1 << 16], b[1 << 16];
    static bool valid[1 << 16];
    uint64_t done = 0;
    for (gaddr at = m->start; at < m->end; at += sizeof(a)) {
        size_t n = m->end - at < sizeof(a) ? (size_t)(m->end - at) : sizeof(a), got, n_valid;
        must(replay_read(r, at, a, n, &got));
        must(db_memory(db, db_end_t(db), 0, at, n, b, valid, &n_valid));
        if (n_valid != n) {
            fprintf(stderr, "0x%lx: %zu of %zu bytes in the index (%s)\n", at, n_valid, n, m->name);
            n_bad++;
        }
        for (size_t i = 0; i < got; i++)
            if (a[i] != b[i]) {
                fprintf(stderr, "0x%lx: index %02x, replay %02x (%s)\n", at + i, b[i], a[i], m->name);
                n_bad++;
                break;
            }
        done += got;
        if (got < n)
            break; /* not readable, or behind the file's end */
    }
    return done;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_db_end REC\n");
        return 2;
    }
    char path[4096];
    snprintf(path, sizeof(path), "%s/index.db", argv[1]);
    if (access(path, F_OK))
        must(odb_index(argv[1], NULL, NULL));
    struct odb_db *db;
    struct replay *r;
    const struct odb_stop *stop;
    must(db_open(path, &db));
    must(replay_open(argv[1], &(struct replay_options){.out_fd = {-1, -1, -1}}, &r));
    must(replay_run(r, NULL, &stop));
    struct db_regs regs;
    must(db_registers(db, db_end_t(db), 0, &regs));
    compare_registers(r, stop, &regs);
    struct db_map *maps;
    size_t n;
    uint64_t bytes = 0;
    must(db_maps(db, db_end_t(db), 0, &maps, &n));
    for (size_t i = 0; i < n; i++)
        bytes += compare_map(r, db, &maps[i]);
    printf("%lu instructions, %zu mappings, %lu bytes compared, %u differences\n", db_end_t(db), n, bytes,
           n_bad);
    db_maps_free(maps, n);
    db_close(db);
    replay_close(r);
    return n_bad != 0;
}
