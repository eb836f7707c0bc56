/* A filter in front of each store (with READ watches: of each load, too) of fast translations.
 *
 * The address is computed with lea, and its 8-byte granule, modulo 2^16, is looked up in a table of bytes: anything but 0 is
 * suspicious. Nothing here touches the flags. rcx waits in a register
 * whose value is not needed soon, and that one in memory: no value that the program waits for takes the way through memory. Accesses
 * of more than 8 bytes have a table of their own, in which everything is marked that the longest of them could reach.
 * What the table holds against an access is looked at more closely by watch_check.S, so that the neighbours of what is
 * watched cost little; only what it cannot tell goes to C.
 *
 * Instructions whose accesses are more than one address (strings, scatters, saved images) always lead to C. */
#include "preload/watch.h"

#include "preload/access.h"
#include "preload/debug.h"
#include "preload/replay.h"

#define ENTRIES 65536u
#define GRANULE_SHIFT 3
#define NARROW_BYTES 8
#define WIDE_BYTES 64

static uint8_t narrow[ENTRIES], wide[ENTRIES];
/* Known to watch_check.S. */
uint64_t watch_spill[4], watch_check_save[7], watch_cache_base = ODB_CACHE_ADDR;
struct watch_range watch_ranges[WATCH_MAX_RANGES];
uint32_t watch_n_ranges, watch_counting;
struct watch_counted watch_counted;
_Static_assert(sizeof(struct exit_rec) == 16 && offsetof(struct exit_rec, aux) == 2 &&
                   offsetof(struct exit_rec, patch) == 4 && offsetof(struct exit_rec, target) == 8,
               "watch_check.S knows these");
_Static_assert(sizeof(struct watch_range) == 24 && offsetof(struct watch_counted, before_rip) == 32 &&
                   offsetof(struct watch_counted, same) == 56,
               "watch_check.S knows these");
static bool have_rdfsbase;

static void mark_range(uint8_t *table, gaddr start, gaddr end, uint64_t access_bytes)
{
    gaddr first = (start < access_bytes ? 0 : start - (access_bytes - 1)) >> GRANULE_SHIFT;
    gaddr last = (end - 1) >> GRANULE_SHIFT;
    if (last - first >= ENTRIES)
        last = first + ENTRIES - 1;
    for (gaddr g = first; g <= last; g++)
        table[g & (ENTRIES - 1)] = 1;
}

void watch_set(void)
{
    uint64_t probe;
    have_rdfsbase = guard_rdfsbase(&probe) == 0;
    memset(narrow, 0, sizeof(narrow));
    memset(wide, 0, sizeof(wide));
    for (uint32_t i = 0; i < WORLD->n_watches; i++) {
        const struct odb_world_watch *w = &WORLD->watches[i];
        gaddr end = w->addr + w->n_bytes < w->addr ? UINT64_MAX : w->addr + w->n_bytes;
        mark_range(narrow, w->addr, end, NARROW_BYTES);
        mark_range(wide, w->addr, end, WIDE_BYTES);
    }
}

void watch_choose(uint32_t pid, bool counting)
{
    uint32_t n = 0;
    bool all = true;
    for (uint32_t i = 0; i < WORLD->n_watches; i++) {
        const struct odb_world_watch *w = &WORLD->watches[i];
        gaddr end = w->addr + w->n_bytes < w->addr ? UINT64_MAX : w->addr + w->n_bytes;
        if (w->pid && w->pid != pid)
            continue;
        if (n == WATCH_MAX_RANGES) { /* the first one takes everything to C */
            watch_ranges[0] = (struct watch_range){0, UINT64_MAX, MEM_RW};
            n = 1;
            all = false;
            break;
        }
        uint64_t kind = (w->kind & WORLD_WATCH_WRITE ? (uint64_t)MEM_WRITE : 0) |
                        (w->kind & WORLD_WATCH_READ ? (uint64_t)MEM_READ : 0);
        watch_ranges[n++] = (struct watch_range){w->addr, end, kind};
    }
    watch_n_ranges = n;
    watch_counting = counting && all;
}

/* ---- emitting ---- */

static uint8_t *put(uint8_t *p, const void *bytes, unsigned n)
{
    __builtin_memcpy(p, bytes, n);
    return p + n;
}

static uint8_t *put_rel32(uint8_t *p, const void *to)
{
    int32_t rel = (int32_t)((const uint8_t *)to - (p + 4));
    return put(p, &rel, 4);
}

/* 0x89: store, 0x8b: load, 0x8d: lea */
static uint8_t *put_slot(uint8_t *p, uint8_t op, uint8_t reg, const void *slot)
{
    const uint8_t head[] = {(uint8_t)(reg >= 8 ? 0x4c : 0x48), op, (uint8_t)(0x05 | (reg & 7) << 3)};
    return put_rel32(put(p, head, 3), slot);
}

static uint8_t *put_move(uint8_t *p, uint8_t to, uint8_t from)
{
    const uint8_t code[] = {(uint8_t)(0x48 | (from >= 8 ? 4 : 0) | (to >= 8 ? 1 : 0)), 0x89,
                            (uint8_t)(0xc0 | (from & 7) << 3 | (to & 7))};
    return put(p, code, 3);
}

static uint8_t *put_imm64(uint8_t *p, uint8_t reg, uint64_t v)
{
    const uint8_t head[] = {(uint8_t)(reg >= 8 ? 0x49 : 0x48), (uint8_t)(0xb8 + (reg & 7))};
    return put(put(p, head, 2), &v, 8);
}

/* lea reg, [base + index << scale + disp] */
static uint8_t *put_lea(uint8_t *p, uint8_t reg, uint8_t base, uint8_t index, uint8_t scale, int32_t disp)
{
    bool has_base = base != GPR_NONE, has_index = index != GPR_NONE;
    uint8_t rex = (uint8_t)(0x48 | (reg >= 8 ? 4 : 0) | (has_index && index >= 8 ? 2 : 0) |
                            (has_base && base >= 8 ? 1 : 0));
    uint8_t mod = has_base ? 0x80 : 0;
    uint8_t sib = (uint8_t)(scale << 6 | (has_index ? index & 7 : 4) << 3 | (has_base ? base & 7 : 5));
    const uint8_t code[] = {rex, 0x8d, (uint8_t)(mod | (reg & 7) << 3 | 4), sib};
    return put(put(p, code, 4), &disp, 4);
}

static uint8_t *put_exit(uint8_t *p, gaddr at)
{
    uint32_t x = exit_new(EXIT_WATCH, VARIANT_FAST, at, 0);
    *p++ = 0xe9;
    p = put_rel32(p, CACHE + stub_emit(x));
    exits[x].patch = (uint32_t)(p - CACHE);
    return p;
}

/* rcx = the address of the access; `other` may be lost, all else has the program's values. */
static uint8_t *put_address(uint8_t *p, const struct insn *in, gaddr at, bool stack, uint8_t other)
{
    if (stack) {
        uint8_t base = in->special == SP_LEAVE ? ODB_RBP : ODB_RSP;
        bool writes = in->stack_access & MEM_WRITE;
        return put_lea(p, ODB_RCX, base, GPR_NONE, 0, writes ? -(int32_t)in->stack_bytes : 0);
    }
    bool segment = in->seg == SEG_FS || in->seg == SEG_GS;
    uint8_t reg = segment ? other : ODB_RCX;
    if (in->is_moffs)
        p = put_imm64(p, reg, (uint64_t)in->imm);
    else if (in->base == GPR_RIP)
        p = put_imm64(p, reg, at + in->len + (uint64_t)(int64_t)in->disp);
    else
        p = put_lea(p, reg, in->base, in->index, in->scale_log2, in->disp);
    if (!segment)
        return p;
    const uint8_t base[] = {0xf3, 0x48, 0x0f, 0xae, in->seg == SEG_FS ? 0xc1 : 0xc9}; /* rdfsbase rcx */
    return put_lea(put(p, base, 5), ODB_RCX, ODB_RCX, other, 0, 0);
}

/* ecx = what the table says of the address in rcx. */
static uint8_t *put_look_up(uint8_t *p, uint64_t n_bytes, uint8_t table)
{
    static const uint8_t granule[] = {
        0xc4, 0xe3, 0xfb, 0xf0, 0xc9, GRANULE_SHIFT, /* rorx rcx, rcx, 3 */
        0x0f, 0xb7, 0xc9,                            /* movzx ecx, cx */
    };
    p = put_slot(p, 0x8d, table, n_bytes <= NARROW_BYTES ? narrow : wide);
    p = put(p, granule, sizeof(granule));
    if (table >= 8)
        *p++ = 0x41;
    const uint8_t load[] = {0x0f, 0xb6, 0x0c,
                            (uint8_t)(ODB_RCX << 3 | (table & 7))}; /* movzx ecx, [table + rcx] */
    return put(p, load, sizeof(load));
}

/* Two registers whose values are needed late: through the program's way they would have to wait for memory. `in` and n: the
 * instruction and those behind it in the block. */
static void choose_registers(const struct insn *in, int n, uint8_t *ret_keep, uint8_t *ret_table)
{
    int best[2] = {-1, -1};
    uint8_t chosen[2] = {0, 0};
    for (int r = 0; r < ODB_N_GPR; r++) {
        int late = 0;
        if (r == ODB_RCX || r == ODB_RSP || (r & 7) == ODB_RBP || r == in->base || r == in->index)
            continue;
        while (late < n && !(in[late].gpr_read >> r & 1)) {
            if (in[late].gpr_written >> r & 1) {
                late = n + 8;
                break;
            }
            late++;
        }
        int at = late > best[0] ? 0 : late > best[1] ? 1 : 2;
        if (at == 0)
            best[1] = best[0], chosen[1] = chosen[0];
        if (at < 2)
            best[at] = late, chosen[at] = (uint8_t)r;
    }
    *ret_keep = chosen[0];
    *ret_table = chosen[1];
}

/* The closer look, out of the way: registers as they were, the address once more, and to watch_check. It goes on at the
 * end of this. */
static uint32_t put_closer(const struct insn *in, gaddr at, bool stack, uint32_t x, uint8_t keep,
                           uint8_t table, uint8_t **ret_back)
{
    uint8_t blank[112] = {0}, *p;
    uint8_t *to = CACHE + pool_bytes(blank, sizeof(blank));
    p = put_move(to, ODB_RCX, keep);
    p = put_slot(p, 0x8b, keep, &watch_spill[2]);
    p = put_slot(p, 0x8b, table, &watch_spill[3]);
    p = put_slot(p, 0x89, ODB_RCX, &watch_spill[0]);
    p = put_slot(p, 0x89, ODB_RDX, &watch_spill[1]);
    p = put_address(p, in, at, stack, ODB_RDX);
    p = put_slot(p, 0x89, ODB_RAX, &ctx.gpr[ODB_RAX]);
    *p++ = 0xb8;
    p = put(p, &x, 4);
    *p++ = 0xe9;
    p = put_rel32(p, watch_check);
    exits[x].patch = (uint32_t)(p - CACHE);
    p = put_slot(p, 0x8b, ODB_RCX, &watch_spill[0]);
    *p++ = 0xe9;
    *ret_back = p;
    return (uint32_t)(to - CACHE);
}

static uint8_t *put_check(uint8_t *p, const struct insn *in, int n, gaddr at, bool stack)
{
    uint64_t n_bytes = stack ? in->stack_bytes : in->mem_bytes;
    unsigned kind = (stack ? in->stack_access : in->mem_access) & MEM_RW;
    uint8_t keep, table, *back;
    choose_registers(in, n, &keep, &table);
    uint32_t x = exit_new(EXIT_WATCH, VARIANT_FAST, at, 0);
    exits[x].aux = (uint16_t)(n_bytes | kind << 8);
    p = put_slot(p, 0x89, keep, &watch_spill[2]);
    p = put_slot(p, 0x89, table, &watch_spill[3]);
    p = put_move(p, keep, ODB_RCX);
    p = put_address(p, in, at, stack, table);
    p = put_look_up(p, n_bytes, table);
    const uint8_t jrcxz_jmp[] = {0xe3, 5, 0xe9};
    p = put(p, jrcxz_jmp, 3);
    p = put_rel32(p, CACHE + put_closer(in, at, stack, x, keep, table, &back));
    p = put_move(p, ODB_RCX, keep);
    p = put_slot(p, 0x8b, keep, &watch_spill[2]);
    p = put_slot(p, 0x8b, table, &watch_spill[3]);
    put_rel32(back, p);
    return p;
}

static unsigned wanted(unsigned access) { return access & (debug_watching & 2 ? MEM_RW : MEM_WRITE); }

/* One address, which lea can compute. */
static bool is_simple(const struct insn *in)
{
    bool segment = in->seg == SEG_FS || in->seg == SEG_GS;
    if (in->special != SP_NONE && in->special != SP_LEAVE)
        return false;
    if (in->string_src || in->string_dst || in->is_vsib || in->bit_string || in->pfx_67)
        return false;
    if (in->mem_access && (in->mem_bytes == 0 || in->mem_bytes > WIDE_BYTES || (segment && !have_rdfsbase)))
        return false;
    return !(in->stack_access & MEM_READ && in->mem_access) && in->stack_bytes <= NARROW_BYTES;
}

uint8_t *watch_emit(uint8_t *p, const struct insn *in, int n, gaddr at)
{
    unsigned operand = (in->has_mem || in->is_moffs) ? wanted(in->mem_access) : 0;
    if (!access_any(in))
        return p;
    if (!is_simple(in)) {
        bool reads_only = !(in->mem_access & MEM_WRITE) && !(in->stack_access & MEM_WRITE) &&
                          !(in->string_dst & MEM_WRITE) && in->special != SP_MASKMOV &&
                          in->special != SP_SCATTER;
        return reads_only && !(debug_watching & 2) ? p : put_exit(p, at);
    }
    if (operand)
        p = put_check(p, in, n, at, false);
    if (wanted(in->stack_access))
        p = put_check(p, in, n, at, true);
    return p;
}
