/* block_gen RUNNER SEED OUT [--quiet] [--wide]: writes OUT, a copy of the program RUNNER (block_runner.c) with random blocks inside.
 *
 * A block is a sequence of items: a random instruction with what it needs, or a piece of control flow around
 * some: conditional jumps, counted loops, calls of local functions, indirect jumps. The same seed gives the same
 * program. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "tests/engine/block_gen.h"

#define BLOCKS 60

uint64_t gen_random(struct gen *g)
{
    g->rng = g->rng * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = g->rng;
    return (x ^ x >> 29) * 0xbf58476d1ce4e5b9ull >> 3;
}

uint32_t gen_below(struct gen *g, uint32_t n) { return (uint32_t)((gen_random(g) >> 20) % n); }

void gen_insn(struct gen *g, const uint8_t *bytes, uint32_t n_bytes)
{
    struct blob *b = (void *)g->blob;
    if (b->n_starts == MAX_STARTS || g->at + n_bytes > BLOB_BYTES) {
        fprintf(stderr, "block_gen: blob is full\n");
        exit(1);
    }
    b->starts[b->n_starts++] = g->at;
    memcpy(g->blob + g->at, bytes, n_bytes);
    g->at += n_bytes;
}

/* Opcode bytes in hex, then an optional 32-bit field. */
static void emit(struct gen *g, const char *hex)
{
    uint8_t bytes[16];
    uint32_t n = 0;
    for (; hex[0]; hex += hex[1] == ' ' || !hex[1] ? 1 : 2) {
        while (*hex == ' ')
            hex++;
        unsigned v;
        if (sscanf(hex, "%2x", &v) != 1)
            break;
        bytes[n++] = (uint8_t)v;
    }
    gen_insn(g, bytes, n);
}

static void emit32(struct gen *g, const char *hex, uint32_t v)
{
    char text[128];
    snprintf(text, sizeof(text), "%.60s %02x %02x %02x %02x", hex, v & 255, v >> 8 & 255, v >> 16 & 255,
             v >> 24);
    emit(g, text);
}

void gen_mov(struct gen *g, unsigned reg, int32_t value)
{
    char op[16];
    if (value >= 0 && gen_below(g, 2))
        snprintf(op, sizeof(op), reg >= 8 ? "41 %02x" : "%02x", 0xb8 + (reg & 7));
    else
        snprintf(op, sizeof(op), "%02x c7 %02x", reg >= 8 ? 0x49 : 0x48, 0xc0 + (reg & 7));
    emit32(g, op, (uint32_t)value);
}

static uint32_t new_cell(struct gen *g) { return WINDOW_ADDR + COUNTER_CELLS + 8 * g->n_cells++; }

/* mov dword [cell], value; the upper half is zero from the start. */
static void store_cell(struct gen *g, uint32_t cell, uint32_t value)
{
    char op[64];
    snprintf(op, sizeof(op), "c7 04 25 %02x %02x %02x %02x", cell & 255, cell >> 8 & 255, cell >> 16 & 255,
             cell >> 24);
    emit32(g, op, value);
}

static void patch32(struct gen *g, uint32_t at, uint32_t v) { memcpy(g->blob + at, &v, 4); }

static void items(struct gen *g, uint32_t n, int depth);

/* Before what may go backwards by a changed return address: after 300 rounds the block ends. */
static void burn_fuel(struct gen *g)
{
    emit32(g, "ff 0c 25", WINDOW_ADDR + COUNTER_CELLS);
    emit(g, "75 07");
    emit32(g, "ff 24 25", WINDOW_ADDR + EXIT_CELL);
}

/* A jump over some items, of every kind. */
static void item_forward(struct gen *g, int depth)
{
    char op[32];
    uint32_t field, kind = gen_below(g, 8);
    bool absolute = true;
    switch (kind) {
    case 0: gen_mov(g, 1, 0x11111111), field = g->at - 4, emit(g, "ff e1"); break;     /* jmp *%rcx */
    case 1: gen_mov(g, 15, 0x11111111), field = g->at - 4, emit(g, "41 ff e7"); break; /* jmp *%r15 */
    case 2:
        burn_fuel(g), emit32(g, "68", 0x11111111), field = g->at - 4, emit(g, "c3");
        break; /* push; ret */
    case 3: {
        uint32_t cell = new_cell(g);
        store_cell(g, cell, 0x11111111), field = g->at - 4, emit32(g, "ff 24 25", cell); /* jmp *cell */
        break;
    }
    case 4: emit32(g, "e9", 0), field = g->at - 4, absolute = false; break;
    default:
        snprintf(op, sizeof(op), "0f %02x", 0x80 + gen_below(g, 16));
        emit32(g, op, 0), field = g->at - 4, absolute = false;
    }
    uint32_t from = g->at;
    items(g, 1 + gen_below(g, 3), depth);
    patch32(g, field, absolute ? BLOB_ADDR + g->at : g->at - from);
}

/* jrcxz, loop, loope, loopne as forward jumps over one short instruction. */
static void item_loop_forward(struct gen *g)
{
    char op[32];
    gen_mov(g, 1, (int32_t)gen_below(g, 3));
    snprintf(op, sizeof(op), "%s%02x 02", gen_below(g, 3) ? "" : "67 ", 0xe0 + gen_below(g, 4));
    emit(g, op);
    emit(g, gen_below(g, 2) ? "ff c0" : "f7 d2");
}

static void item_counted_loop(struct gen *g, int depth)
{
    uint32_t cell = new_cell(g);
    store_cell(g, cell, 1 + gen_below(g, 6));
    uint32_t start = g->at;
    items(g, 1 + gen_below(g, 4), depth);
    emit32(g, "ff 0c 25", cell); /* decl cell */
    emit32(g, "0f 85", start - (g->at + 6));
}

static void item_control_word(struct gen *g)
{
    uint32_t cell = new_cell(g);
    switch (gen_below(g, 3)) {
    case 0: /* popf with random arithmetic flags and direction */
        emit32(g, "68", 0x202 | ((uint32_t)gen_random(g) & 0x8d5) | (gen_below(g, 4) ? 0 : 0x400));
        emit(g, "9d");
        break;
    case 1:
        store_cell(g, cell,
                   0x3f | 0x40 | (uint32_t[]){0, 0x200, 0x300}[gen_below(g, 3)] | gen_below(g, 4) << 10);
        emit32(g, "d9 2c 25", cell);
        break;
    default:
        store_cell(g, cell, 0x1f80 | gen_below(g, 4) << 13 | (gen_below(g, 4) ? 0 : 0x8040));
        emit32(g, "0f ae 14 25", cell);
    }
}

/* A call over a function that lies in line: jmp over; function; ret; over: call. */
static void item_call(struct gen *g, int depth)
{
    emit32(g, "e9", 0);
    uint32_t field = g->at - 4, function = g->at, back = 0;
    bool plain = gen_below(g, 4) == 0, immediate = gen_below(g, 4) == 0;
    if (plain) { /* nothing in it touches the stack */
        gen_mov(g, gen_below(g, 4), (int32_t)gen_random(g));
        item_control_word(g);
        item_loop_forward(g);
    } else {
        items(g, 1 + gen_below(g, 4), depth);
        burn_fuel(g);
        /* whatever was pushed, popped and overwritten: go back to where the call came from */
        emit32(g, "c7 04 24", 0), back = g->at - 4;
        emit32(g, "c7 44 24 04", 0);
    }
    emit(g, immediate ? "c2 10 00" : gen_below(g, 5) ? "c3" : "f3 c3");
    patch32(g, field, g->at - (field + 4));
    uint32_t target = BLOB_ADDR + function, cell;
    if (immediate)
        emit(g, "6a 55"), emit(g, "6a 66");
    switch (gen_below(g, 5)) {
    case 0: gen_mov(g, 0, (int32_t)target), emit(g, "ff d0"); break;
    case 1: gen_mov(g, 12, (int32_t)target), emit(g, "41 ff d4"); break;
    case 2: cell = new_cell(g), store_cell(g, cell, target), emit32(g, "ff 14 25", cell); break;
    case 3: /* push; call *(%rsp); lea */
        emit32(g, "68", target), emit(g, "ff 14 24");
        if (back)
            patch32(g, back, BLOB_ADDR + g->at);
        back = 0;
        emit(g, "48 8d 64 24 08");
        break;
    default: emit32(g, "e8", function - (g->at + 5));
    }
    if (back)
        patch32(g, back, BLOB_ADDR + g->at);
}

static void items(struct gen *g, uint32_t n, int depth)
{
    for (uint32_t i = 0; i < n; i++) {
        uint32_t kind = gen_below(g, 40);
        if (depth > 0 && kind < 4)
            item_forward(g, depth - 1);
        else if (depth > 0 && kind == 5)
            item_counted_loop(g, depth - 1);
        else if (depth > 0 && kind == 6)
            item_call(g, depth - 1);
        else if (kind == 7)
            item_loop_forward(g);
        else if (kind == 8)
            item_control_word(g);
        else
            gen_random_insn(g);
        if (depth >= 2 && i % 10 == 9)
            emit32(g, "48 c7 c4", STACK_ADDR + STACK_BYTES / 2 - 8 * gen_below(g, 8)); /* mov rsp */
    }
}

static uint64_t random_value(struct gen *g)
{
    static const uint64_t special[] = {
        0, 1, ~0ull, 0x7fffffffffffffff, 0x8000000000000000, 0x7fffffff, 0x80000000, 0xff, 0x8080};
    switch (gen_below(g, 4)) {
    case 0: return special[gen_below(g, sizeof(special) / sizeof(special[0]))];
    case 1: return gen_below(g, 100);
    case 2: return WINDOW_ADDR + 8 * gen_below(g, WINDOW_BYTES / 8);
    default: return gen_random(g) << 17 ^ gen_random(g);
    }
}

static void fill_blob(struct gen *g, uint64_t seed)
{
    struct blob *b = (void *)g->blob;
    memset(g->blob, 0xcc, BLOB_BYTES);
    memset(b, 0, sizeof(*b));
    b->magic = BLOB_MAGIC, b->seed = seed, b->n_blocks = BLOCKS;
    for (int i = 0; i < BLOCKS; i++) {
        struct block *blk = &b->blocks[i];
        for (int r = 0; r < 16; r++)
            blk->gpr[r] = random_value(g);
        blk->flags = 0x202 | (gen_random(g) & 0x8d5) | (gen_below(g, 8) ? 0 : 0x400);
        blk->mxcsr = 0x1f80 | gen_below(g, 4) << 13;
        blk->fcw = (uint16_t)(0x37f | gen_below(g, 4) << 10);
        g->at = (g->at + 63) & ~63u;
        g->at += gen_below(g, 4) ? 0 : gen_below(g, 64);
        blk->entry = g->at;
        g->n_cells = 1; /* cell 0 is the fuel */
        store_cell(g, WINDOW_ADDR + COUNTER_CELLS, 300);
        items(g, 40, 3);
        emit32(g, "ff 24 25", WINDOW_ADDR + EXIT_CELL);
    }
}

int main(int argc, char **argv)
{
    bool quiet = false, wide = false, bad = argc < 4;
    for (int i = 4; i < argc; i++) {
        quiet |= !strcmp(argv[i], "--quiet");
        wide |= !strcmp(argv[i], "--wide");
        bad |= strcmp(argv[i], "--quiet") && strcmp(argv[i], "--wide");
    }
    if (bad) {
        fprintf(stderr, "usage: block_gen RUNNER SEED OUT [--quiet] [--wide]\n");
        return 2;
    }
    _cleanup_fclose_ FILE *in = fopen(argv[1], "rb"), *out = fopen(argv[3], "wb");
    static uint8_t elf[4 << 20], blob[BLOB_BYTES];
    if (!in || !out) {
        perror("block_gen");
        return 1;
    }
    size_t n = fread(elf, 1, sizeof(elf), in);
    const Elf64_Ehdr *eh = (const void *)elf;
    struct gen g = {.rng = strtoull(argv[2], NULL, 0) * 0x9e3779b97f4a7c15 + 12345,
                    .blob = blob,
                    .at = BLOB_CODE,
                    .quiet = quiet,
                    .wide = wide};
    fill_blob(&g, strtoull(argv[2], NULL, 0));
    for (int i = 0; i < eh->e_phnum; i++) {
        const Elf64_Phdr *ph = (const void *)(elf + eh->e_phoff + (size_t)i * sizeof(*ph));
        if (ph->p_type == PT_LOAD && ph->p_vaddr == BLOB_ADDR && ph->p_offset + BLOB_BYTES <= n) {
            memcpy(elf + ph->p_offset, blob, BLOB_BYTES);
            if (fwrite(elf, 1, n, out) != n || fchmod(fileno(out), 0755) != 0)
                return 1;
            return 0;
        }
    }
    fprintf(stderr, "block_gen: %s has no blob segment\n", argv[1]);
    return 1;
}
