#include "tests/db/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/layout.h"
#include "preload/control.h"
#include "trace/format.h"

uint64_t synth_random(struct synth *s)
{
    s->seed ^= s->seed << 13;
    s->seed ^= s->seed >> 7;
    s->seed ^= s->seed << 17;
    return s->seed;
}

uint64_t synth_below(struct synth *s, uint64_t n) { return (synth_random(s) >> 16) % n; }

uint8_t synth_file_byte(uint32_t id, uint64_t offset)
{
    if (offset >= SYNTH_FILE_BYTES || (offset >= 65536 && offset < 131072))
        return 0;
    return (uint8_t)(offset * 7 + offset / 251 + id * 13);
}

/* ---- the oracle ---- */

static struct synth_op *add_op(struct synth *s, enum synth_op_kind kind)
{
    if (s->n_ops == s->cap_ops) {
        s->cap_ops = s->cap_ops ? s->cap_ops * 2 : 1024;
        s->ops = realloc(s->ops, s->cap_ops * sizeof(*s->ops));
    }
    struct synth_op *op = &s->ops[s->n_ops++];
    *op = (struct synth_op){.kind = kind, .count = s->count};
    return op;
}

static struct synth_page *page_of(struct synth_state *st, uint64_t addr)
{
    return &st->pages[(addr - SYNTH_BASE) / 4096];
}

static void fill_page(struct synth_page *p)
{
    for (int i = 0; i < 4096; i++)
        p->data[i] = p->file_id ? synth_file_byte(p->file_id, p->offset + (uint64_t)i) : 0;
}

static void apply(const struct synth *s, struct synth_state *st, const struct synth_op *op)
{
    static struct synth_page moved[SYNTH_PAGES];
    if (op->kind == OP_REG) {
        regfile_set(&st->regs[op->tid - SYNTH_PID], op->reg, s->bytes.p + op->bytes, op->len);
        return;
    }
    if (op->kind == OP_THREAD) {
        st->tid = op->tid;
        return;
    }
    if (op->kind == OP_WRITE) {
        for (uint64_t i = 0; i < op->len; i++)
            page_of(st, op->addr + i)->data[(op->addr + i) % 4096] = s->bytes.p[op->bytes + i];
        return;
    }
    if (op->kind == OP_MOVE) {
        memcpy(moved, page_of(st, op->src), op->len);
        for (uint64_t i = 0; i < op->len / 4096; i++)
            moved[i] = *page_of(st, op->src + 4096 * i), page_of(st, op->src + 4096 * i)->mapped = false;
        for (uint64_t i = 0; i < op->len / 4096; i++)
            *page_of(st, op->addr + 4096 * i) = moved[i];
        return;
    }
    for (uint64_t a = op->addr; a < op->addr + op->len; a += 4096) {
        struct synth_page *p = page_of(st, a);
        if (op->kind == OP_MAP) {
            p->file_id = op->file_id;
            p->offset = op->offset + (a - op->addr);
        }
        if (op->kind != OP_DROP)
            p->mapped = op->kind == OP_MAP;
        fill_page(p);
    }
}

void synth_replay(const struct synth *s, struct synth_state *st, size_t *i, uint64_t t)
{
    for (; *i < s->n_ops && s->ops[*i].count <= t; ++*i)
        apply(s, st, &s->ops[*i]);
}

/* ---- the log ---- */

static void put(struct synth *s, unsigned kind, unsigned reg, uint32_t n, uint64_t arg, const void *body,
                size_t body_bytes)
{
    static const uint8_t zeros[8];
    struct odb_log r = {.kind = (uint16_t)kind, .reg = (uint16_t)reg, .n = n, .arg = arg};
    bytes_append(&s->log, &r, sizeof(r));
    bytes_append(&s->log, body, body_bytes);
    bytes_append(&s->log, zeros, (8 - body_bytes % 8) % 8);
}

static bool is_mapped(struct synth *s, uint64_t addr, uint64_t len)
{
    for (uint64_t a = addr & ~4095ull; a < addr + len; a += 4096)
        if (a >= SYNTH_BASE + SYNTH_PAGES * 4096 || !page_of(s->now, a)->mapped)
            return false;
    return true;
}

static void do_write(struct synth *s, uint64_t addr, uint32_t len, unsigned flags, bool base)
{
    if (!is_mapped(s, addr, len))
        return;
    uint64_t at = s->bytes.n;
    bool same = !synth_below(s, 8); /* sometimes a write of the old value */
    bytes_reserve(&s->bytes, 2 * (size_t)len);
    for (uint32_t i = 0; i < len; i++) {
        uint8_t old = page_of(s->now, addr + i)->data[(addr + i) % 4096];
        s->bytes.p[at + i] = same ? old : (uint8_t)synth_random(s);
        s->bytes.p[at + len + i] = old;
    }
    s->bytes.n += 2 * (size_t)len;
    struct synth_op *op = add_op(s, OP_WRITE);
    op->addr = addr, op->len = len, op->bytes = at, op->flags = flags, op->base = base;
    apply(s, s->now, op);
    if (base) {
        put(s, ODB_LOG_PAGES, 0, len, addr, s->bytes.p + at, len);
        return;
    }
    put(s, ODB_LOG_MEM, flags ? ODB_LOG_KERNEL : 0, len, addr, s->bytes.p + at + len, len);
    bytes_append(&s->log, s->bytes.p + at, len);
    bytes_append(&s->log, "\0\0\0\0\0\0\0", (8 - len % 8) % 8);
}

static void do_map(struct synth *s, enum synth_op_kind kind, uint64_t addr, uint64_t len, uint64_t src,
                   uint32_t file_id, uint64_t offset)
{
    static const uint32_t ops[] = {[OP_MAP] = ODB_MAP_ADD,
                                   [OP_UNMAP] = ODB_MAP_REMOVE,
                                   [OP_DROP] = ODB_MAP_ZERO,
                                   [OP_MOVE] = ODB_MAP_MOVE};
    struct odb_log_map m = {
        .start = addr,
        .end = addr + len,
        .op = ops[kind],
        .prot = PROT_READ | PROT_WRITE,
        .map_flags = MAP_PRIVATE,
        .file_id = file_id,
        .offset = offset,
        .old_start = src,
    };
    struct synth_op *op = add_op(s, kind);
    op->addr = addr, op->len = len, op->src = src, op->file_id = file_id, op->offset = offset;
    apply(s, s->now, op);
    put(s, ODB_LOG_MAP, 0, sizeof(m), 0, &m, sizeof(m));
}

static void random_map(struct synth *s)
{
    uint64_t n = 1 + synth_below(s, 6), page = synth_below(s, SYNTH_PAGES - n),
             addr = SYNTH_BASE + page * 4096;
    uint64_t to = synth_below(s, SYNTH_PAGES - n);
    switch (synth_below(s, 6)) {
    case 0: do_map(s, OP_MAP, addr, n * 4096, 0, 0, 0); break;
    case 1:
        do_map(s, OP_MAP, addr, n * 4096, 0, 1 + (uint32_t)synth_below(s, 2), synth_below(s, 52) * 4096);
        break;
    case 2: do_map(s, OP_UNMAP, addr, n * 4096, 0, 0, 0); break;
    case 3: do_map(s, OP_DROP, addr, n * 4096, 0, 0, 0); break;
    case 4: { /* a move needs one mapping at its source: make one, let it live, move it */
        if (to + n <= page || page + n <= to) {
            if (!is_mapped(s, addr, n * 4096))
                do_map(s, OP_MAP, addr, n * 4096, 0, 0, 0);
            else
                do_map(s, OP_MOVE, SYNTH_BASE + to * 4096, 4096, addr, 0, 0);
        }
        break;
    }
    default: do_write(s, addr, (uint32_t)(4096 * n < 5000 ? 4096 * n : 5000), 1, true); break;
    }
}

static void do_reg(struct synth *s)
{
    static const uint16_t regs[] = {0,
                                    1,
                                    2,
                                    3,
                                    4,
                                    5,
                                    6,
                                    7,
                                    8,
                                    15,
                                    ODB_REG_RFLAGS,
                                    ODB_REG_RFLAGS,
                                    ODB_REG_FS_BASE,
                                    ODB_REG_VEC0,
                                    ODB_REG_VEC0 + 15};
    uint16_t reg = regs[synth_below(s, sizeof(regs) / sizeof(*regs))];
    uint64_t v[4] = {synth_random(s) >> synth_below(s, 64), synth_random(s), 0, synth_random(s)};
    uint32_t n = regfile_wide(reg) < 0 ? 8 : 32;
    struct synth_op *op = add_op(s, OP_REG);
    op->reg = reg, op->len = n, op->bytes = s->bytes.n, op->tid = s->now->tid;
    bytes_append(&s->bytes, v, n);
    apply(s, s->now, op);
    put(s, ODB_LOG_REG, reg, n, 0, v, n);
}

static void do_syscall(struct synth *s)
{
    struct odb_log_syscall c = {
        .nr = 0, .args = {3, SYNTH_BASE, 100}, .result = 100, .tid = s->now->tid, .event = s->n_calls};
    put(s, ODB_LOG_SYSCALL, 0, sizeof(c), 0, &c, sizeof(c));
    if (!synth_below(s, 2))
        random_map(s);
    for (uint64_t k = synth_below(s, 3); k; k--)
        do_write(s, SYNTH_BASE + synth_below(s, SYNTH_PAGES * 4096 - 9000),
                 1 + (uint32_t)synth_below(s, 9000), 1, false);
    if (s->n_calls == s->cap_calls) {
        s->cap_calls = s->cap_calls ? s->cap_calls * 2 : 64;
        s->call_t = realloc(s->call_t, s->cap_calls * sizeof(*s->call_t));
    }
    s->call_t[s->n_calls++] = s->count - 1;
    if (synth_below(s, 2))
        do_reg(s);
    if (!synth_below(s, 4))
        put(s, ODB_LOG_OUTPUT, 1, 6, 1, "hello\n", 6);
}

/* The other thread goes on (or the first begins). */
static void switch_thread(struct synth *s, uint32_t tid)
{
    struct odb_regs regs = {0};
    const struct regfile *f = &s->now->regs[tid - SYNTH_PID];
    memcpy(regs.gpr, f->scalar, sizeof(regs.gpr));
    regs.rflags = f->scalar[ODB_REG_RFLAGS];
    regs.fs_base = f->scalar[ODB_REG_FS_BASE];
    struct odb_xstate *x = calloc(1, sizeof(*x));
    x->bytes = 832;
    for (int i = 0; i < 16; i++) {
        memcpy(x->image + 160 + 16 * i, f->wide[i], 16);
        memcpy(x->image + 576 + 16 * i, f->wide[i] + 16, 16);
    }
    uint8_t *body = malloc(sizeof(regs) + sizeof(*x));
    memcpy(body, &regs, sizeof(regs));
    memcpy(body + sizeof(regs), x, sizeof(*x));
    put(s, ODB_LOG_START, 0, sizeof(regs) + sizeof(*x), tid, body, sizeof(regs) + sizeof(*x));
    free(body);
    free(x);
    struct synth_op *op = add_op(s, OP_THREAD);
    op->tid = tid;
    s->now->tid = tid;
}

static void do_insn(struct synth *s)
{
    static const uint8_t sizes[] = {1, 2, 4, 8, 8, 8, 16, 32, 3, 7};
    uint64_t rip = SYNTH_CODE + synth_below(s, 300) * 5 + (synth_below(s, 50) ? 0 : 0x3000);
    s->rip[s->count] = rip;
    s->tid[s->count++] = s->now->tid;
    put(s, ODB_LOG_INSN, 0, 0, rip, NULL, 0);
    for (uint64_t k = synth_below(s, 3); k; k--)
        do_reg(s);
    uint64_t what = synth_below(s, 1000), size = sizes[synth_below(s, sizeof(sizes))];
    if (what < 300) /* hot: a few lines */
        do_write(s, SYNTH_BASE + 4096 * 3 - 32 + synth_below(s, 256), (uint32_t)size, 0, false);
    else if (what < 330)
        do_write(s, SYNTH_BASE + synth_below(s, SYNTH_PAGES * 4096 - 64), (uint32_t)size, 0, false);
    else if (what < 340)
        do_syscall(s);
}

static void write_files(const char *dir)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/files", dir);
    mkdir(path, 0755);
    for (uint32_t id = 1; id <= 2; id++) {
        snprintf(path, sizeof(path), "%s/files/%u", dir, id);
        FILE *f = fopen(path, "w");
        for (uint64_t i = 0; f && i < SYNTH_FILE_BYTES; i++)
            fputc(synth_file_byte(id, i), f);
        if (f)
            fclose(f);
    }
}

void synth_make(struct synth *s, const char *dir, uint64_t n, uint64_t seed, unsigned turn)
{
    *s = (struct synth){.seed = seed * 0x9e3779b97f4a7c15u + 1};
    s->rip = calloc(n, sizeof(*s->rip));
    s->tid = calloc(n, sizeof(*s->tid));
    s->now = calloc(1, sizeof(*s->now));
    write_files(dir);
    do_map(s, OP_MAP, SYNTH_BASE, 40 * 4096, 0, 0, 0);
    do_map(s, OP_MAP, SYNTH_BASE + 60 * 4096, 30 * 4096, 0, 1, 8192);
    for (int i = 0; i < 10; i++)
        do_write(s, SYNTH_BASE + synth_below(s, 39 * 4096), 1 + (uint32_t)synth_below(s, 3000), 1, true);
    switch_thread(s, SYNTH_PID);
    for (uint64_t next = synth_below(s, 2 * turn); s->count < n;) {
        if (!next--) {
            switch_thread(s, SYNTH_PID + (uint32_t)synth_below(s, 2));
            next = synth_below(s, 2 * turn);
        }
        do_insn(s);
    }
}

void synth_free(struct synth *s)
{
    free(s->rip);
    free(s->tid);
    free(s->ops);
    free(s->call_t);
    free(s->now);
    bytes_deinit(&s->bytes);
    bytes_deinit(&s->log);
}
