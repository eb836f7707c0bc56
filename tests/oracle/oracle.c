/* oracle INDEX_DB PROGRAM [ARG...]: steps PROGRAM natively and holds the database of its recording against it.
 *
 * For every instruction t: executions has its rip; every register that changed is in reg_writes with its new value,
 * and everything reg_writes says is what the register holds; every byte of memory that changed is in mem_writes with
 * its old and new value, every store that decoding promises is there, and nothing else.
 *
 * The recording must have been made with the same arguments, environment and without ASLR. Explained differences:
 * TF in r11 after a system call (the stepper's own); memory written by a signal's frame. */
#include <inttypes.h>
#include <stdarg.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "db/db.h"
#include "tests/oracle/step.h"

#define MAX_REPORTS 20

struct oracle {
    struct odb_db *db;
    sqlite3_stmt *exec, *reg, *mem;
    bool have_exec, have_reg, have_mem; /* the statement stands on a row */
    struct stepper step;
    uint64_t t, n_reg, n_mem, n_syscalls, n_signals;
    uint8_t *covered; /* bytes of the ranges that mem_writes explained, STEP_RANGE_BYTES per range */
    int n_reports;
};

static void report(struct oracle *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void report(struct oracle *o, const char *fmt, ...)
{
    if (o->n_reports++ >= MAX_REPORTS)
        return;
    printf("t %" PRIu64 " rip %#" PRIx64 " %s: ", o->t, o->step.last.rip, o->step.text);
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void print_hex(char *to, size_t n_to, const uint8_t *v, unsigned n)
{
    size_t at = 0;
    to[0] = 0;
    while (n > 1 && v[n - 1] == 0)
        n--;
    for (unsigned i = n; i-- > 0 && at + 3 < n_to;)
        at += (size_t)snprintf(to + at, n_to - at, "%02x", v[i]);
}

/* A value column, integer or blob, as little-endian bytes; zero-padded to n. Returns its own size. */
static unsigned column_bytes(sqlite3_stmt *st, int col, uint8_t *to, unsigned n)
{
    memset(to, 0, n);
    if (sqlite3_column_type(st, col) == SQLITE_INTEGER) {
        int64_t v = sqlite3_column_int64(st, col);
        memcpy(to, &v, n < 8 ? n : 8);
        return 8;
    }
    unsigned bytes = (unsigned)sqlite3_column_bytes(st, col);
    if (bytes)
        memcpy(to, sqlite3_column_blob(st, col), bytes < n ? bytes : n);
    return bytes;
}

static void check_reg_row(struct oracle *o, bool seen[ODB_N_REG], const char *name)
{
    int reg = -1;
    for (unsigned i = 0; i < ODB_N_REG && reg < 0; i++) {
        const char *n = db_reg_name(i, 32);
        if (n && !strcmp(n, name))
            reg = (int)i;
    }
    if (reg < 0) {
        report(o, "reg_writes names %s", name);
        return;
    }
    seen[reg] = true;
    o->n_reg++;
    if (reg == ODB_REG_FTW || (reg >= ODB_REG_K0 && reg < ODB_REG_ST0))
        return;
    uint8_t found[STEP_REG_BYTES], want[STEP_REG_BYTES];
    unsigned n = step_reg_bytes((unsigned)reg);
    column_bytes(o->reg, 2, found, n);
    memcpy(want, o->step.now.value[reg], n);
    if (reg == ODB_REG_RFLAGS)
        found[0] &= 0xd5, found[1] &= 0x0c, found[2] = 0;
    if (o->step.is_syscall && reg == ODB_R11)
        want[1] &= (uint8_t)~1, found[1] &= (uint8_t)~1;
    if (memcmp(found, want, n) != 0) {
        char a[80], b[80];
        print_hex(a, sizeof(a), found, n);
        print_hex(b, sizeof(b), want, n);
        report(o, "%s is %s in the database, %s in the native run", name, a, b);
    }
}

static void check_registers(struct oracle *o)
{
    bool seen[ODB_N_REG] = {false};
    while (o->have_reg && (uint64_t)sqlite3_column_int64(o->reg, 0) <= o->t) {
        check_reg_row(o, seen, (const char *)sqlite3_column_text(o->reg, 1));
        o->have_reg = sqlite3_step(o->reg) == SQLITE_ROW;
    }
    for (unsigned reg = 0; reg < ODB_N_REG; reg++)
        if (!seen[reg] && memcmp(o->step.last.value[reg], o->step.now.value[reg], STEP_REG_BYTES) != 0) {
            char a[80];
            print_hex(a, sizeof(a), o->step.now.value[reg], step_reg_bytes(reg));
            report(o, "the database has no write of %s (now %s)", db_reg_name(reg, 32), a);
        }
}

/* One row of mem_writes against the native memory. */
static void check_mem_row(struct oracle *o, uint64_t addr, uint64_t size, bool by_kernel)
{
    static uint8_t found[STEP_RANGE_BYTES], old[STEP_RANGE_BYTES], now[STEP_RANGE_BYTES];
    o->n_mem++;
    if (size > STEP_RANGE_BYTES)
        return;
    column_bytes(o->mem, 3, found, (unsigned)size);
    column_bytes(o->mem, 4, old, (unsigned)size);
    stepper_read(&o->step, addr, now, size);
    if (memcmp(found, now, size) != 0)
        report(o, "%s%" PRIu64 " bytes at %#" PRIx64 ": the database's value is not what memory holds",
               by_kernel ? "system call's " : "", size, addr);
    if (by_kernel)
        return;
    for (uint64_t i = 0; i < size; i++) {
        bool inside = false;
        for (int r = 0; r < o->step.n_ranges; r++) {
            const struct step_range *range = &o->step.range[r];
            if (addr + i < range->addr || addr + i >= range->addr + range->len_bytes)
                continue;
            inside = true;
            uint64_t at = addr + i - range->addr;
            if (old[i] != range->before[at] && !o->covered[(uint64_t)r * STEP_RANGE_BYTES + at])
                report(o, "old value at %#" PRIx64 " is %02x in the database, was %02x", addr + i, old[i],
                       range->before[at]);
            o->covered[(uint64_t)r * STEP_RANGE_BYTES + at] = 1;
        }
        if (!inside) {
            report(o, "a write to %#" PRIx64 " (%" PRIu64 " bytes) that the instruction does not make", addr,
                   size);
            return;
        }
    }
}

static void check_memory(struct oracle *o)
{
    for (int r = 0; r < o->step.n_ranges; r++)
        memset(o->covered + (uint64_t)r * STEP_RANGE_BYTES, 0, o->step.range[r].len_bytes);
    while (o->have_mem && (uint64_t)sqlite3_column_int64(o->mem, 0) <= o->t) {
        check_mem_row(o, (uint64_t)sqlite3_column_int64(o->mem, 1), (uint64_t)sqlite3_column_int64(o->mem, 2),
                      sqlite3_column_type(o->mem, 5) != SQLITE_NULL);
        o->have_mem = sqlite3_step(o->mem) == SQLITE_ROW;
    }
    for (int r = 0; r < o->step.n_ranges; r++) {
        const struct step_range *range = &o->step.range[r];
        for (uint64_t i = 0; i < range->len_bytes; i++)
            if (!o->covered[(uint64_t)r * STEP_RANGE_BYTES + i] &&
                (range->certain || range->before[i] != range->after[i])) {
                report(o, "the database has no write of the byte at %#" PRIx64, range->addr + i);
                break;
            }
    }
}

static struct odb_err *prepare(struct oracle *o, const char *sql, sqlite3_stmt **ret, bool *ret_row)
{
    if (sqlite3_prepare_v2(db_sqlite(o->db), sql, -1, ret, NULL) != SQLITE_OK)
        return odb_err("oracle: %s: %s", sql, sqlite3_errmsg(db_sqlite(o->db)));
    *ret_row = sqlite3_step(*ret) == SQLITE_ROW;
    return NULL;
}

static struct odb_err *run(struct oracle *o)
{
    ODB_TRY(prepare(o, "SELECT t, rip FROM executions ORDER BY t", &o->exec, &o->have_exec));
    ODB_TRY(prepare(o, "SELECT t, reg, value FROM reg_writes ORDER BY t", &o->reg, &o->have_reg));
    ODB_TRY(prepare(o, "SELECT t, addr, size, value, old_value, syscall FROM mem_writes ORDER BY t", &o->mem,
                    &o->have_mem));
    for (o->t = 0;;) {
        enum step_event event;
        ODB_TRY(stepper_step(&o->step, &event));
        if (event == STEP_EXITED)
            break;
        if (event == STEP_SIGNAL) {
            o->n_signals++;
            continue;
        }
        if (!o->have_exec) {
            report(o, "the database ends here");
            break;
        }
        uint64_t rip = (uint64_t)sqlite3_column_int64(o->exec, 1);
        if (rip != o->step.last.rip) {
            report(o, "the database executes %#" PRIx64, rip);
            break;
        }
        o->have_exec = sqlite3_step(o->exec) == SQLITE_ROW;
        check_registers(o);
        check_memory(o);
        o->n_syscalls += o->step.is_syscall;
        if (o->n_reports > MAX_REPORTS)
            break;
        o->t++;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    static struct oracle o;
    if (argc < 3) {
        fprintf(stderr, "usage: oracle INDEX_DB PROGRAM [ARG...]\n");
        return 2;
    }
    o.covered = malloc((size_t)STEP_RANGE_BYTES * STEP_MAX_RANGES);
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct odb_err *e = db_open(argv[1], &o.db);
    if (!e)
        e = stepper_init(&o.step, argv + 2);
    if (!e)
        e = run(&o);
    if (e) {
        printf("%s\n", odb_err_text(e));
        return 1;
    }
    if (o.step.pid > 0 && !o.step.exit_status)
        kill(o.step.pid, SIGKILL);
    printf("oracle: %" PRIu64 " instructions, %" PRIu64 " register writes, %" PRIu64
           " memory writes, %" PRIu64 " system calls, %" PRIu64 " signal stops, %d differences\n",
           o.t, o.n_reg, o.n_mem, o.n_syscalls, o.n_signals, o.n_reports);
    sqlite3_finalize(o.exec);
    sqlite3_finalize(o.reg);
    sqlite3_finalize(o.mem);
    db_close(o.db);
    stepper_deinit(&o.step);
    free(o.covered);
    return o.n_reports != 0;
}
