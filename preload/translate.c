/* One block: program instructions in, code in the cache out.
 *
 * Two passes. The first decodes from the head up to the end of the block: an unconditional transfer, an
 * instruction that C must do, or the limits below; conditional branches are passed over (superblock).
 * The second emits. Most instructions are copied byte for byte. What is not:
 *   - control flow: direct transfers become jumps that are linked to the target's block; a backward one
 *     goes to the target's tick entry, a forward one to its main entry; indirect ones go through the
 *     look-up (cache.c) and always arrive at the tick entry;
 *   - RIP-relative operands: the cache is far from all code, so the address becomes an absolute 32-bit
 *     displacement where it fits, else a scratch register holds it for that one instruction;
 *   - instructions whose result is odb's to decide, which leave to C.
 *
 * Ticks are counted at the tick entry, so what a tick is never depends on where blocks begin or end.
 *
 * Exactness at faults: at every byte of a block that can fault, either all program registers are in
 * place, or the mark in force says which one is in which spill slot. */
#include "preload/core.h"
#include "preload/debug.h"
#include "preload/watch.h"

#define MAX_INSNS 64
#define MAX_BRANCHES 4

struct tr {
    uint8_t *p; /* next byte to emit */
    struct block *b;
    uint8_t variant;
    bool checked; /* on a self-modified page */
    gaddr end;    /* address after the last instruction */
    int n;
    gaddr at[MAX_INSNS];
    struct insn in[MAX_INSNS];
    uint8_t bytes[MAX_INSNS * INSN_MAX_BYTES + 16];
    uint32_t off[MAX_INSNS]; /* of each instruction's bytes */
};
static struct tr tr;

/* ---- emitting ---- */

static void e8(uint8_t v) { *tr.p++ = v; }

static void e32(uint32_t v)
{
    __builtin_memcpy(tr.p, &v, 4);
    tr.p += 4;
}

static void e64(uint64_t v)
{
    __builtin_memcpy(tr.p, &v, 8);
    tr.p += 8;
}

static void ebytes(const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        tr.p[i] = p[i];
    tr.p += n;
}

/* An instruction's bytes, at most 15, from tr.bytes: two fixed moves, the surplus is overwritten by what follows. */
static void einsn(const uint8_t *p, unsigned n)
{
    __builtin_memcpy(tr.p, p, 16);
    tr.p += n;
}

static void erel32(const void *to) { e32((uint32_t)((const uint8_t *)to - (tr.p + 4))); }

static uint32_t offset(void) { return (uint32_t)(tr.p - CACHE); }

/* op 0x89: store reg to slot, 0x8b: load. reg 0-7. */
static void ctx_mov(uint8_t op, uint8_t reg, const uint64_t *slot)
{
    e8(0x48);
    e8(op);
    e8((uint8_t)(0x05 | reg << 3));
    erel32(slot);
}

static void mov_imm64(uint8_t reg, uint64_t v)
{
    if (v <= UINT32_MAX) {
        e8((uint8_t)(0xb8 + reg));
        e32((uint32_t)v);
        return;
    }
    e8(0x48);
    e8((uint8_t)(0xb8 + reg));
    e64(v);
}

static void mark(gaddr app, uint8_t fix, uint8_t reg)
{
    struct insn_mark *m = &marks[tr.b->marks + tr.b->n_marks++];
    *m = (struct insn_mark){.cache_off = (uint16_t)(offset() - tr.b->cache_begin),
                            .app_off = (uint16_t)(app - tr.b->start),
                            .fix = fix,
                            .reg = reg};
}

/* Leave to C here; 17 bytes. Returns the exit's number. */
static uint32_t inline_exit(uint8_t kind, gaddr target)
{
    uint32_t x = exit_new(kind, tr.variant, target, 0);
    ctx_mov(0x89, ODB_RAX, &ctx.gpr[ODB_RAX]);
    e8(0xb8);
    e32(x);
    e8(0xe9);
    erel32(exit_common);
    return x;
}

/* The rel32 of a jump just begun: to the target's block if there is one, else to a linking exit. */
static void link_rel32(gaddr from, gaddr target)
{
    bool tick = target <= from;
    struct block *b = block_find(target, tr.variant);
    uint32_t at = offset();
    uint32_t to = b ? (tick ? b->tick_entry : b->main_entry)
                    : stub_emit(exit_new(tick ? EXIT_LINK_TICK : EXIT_LINK, tr.variant, target, at));
    tr.p += 4;
    cache_patch_rel32(at, to);
}

static void link_jump(gaddr from, gaddr target)
{
    e8(0xe9);
    link_rel32(from, target);
}

/* ---- pass 1 ---- */

static bool ends_block(const struct insn *in)
{
    switch (in->flow) {
    case FLOW_NONE: break;
    case FLOW_JCC:
    case FLOW_LOOP: return false;
    default: return true;
    }
    switch (in->special) {
    case SP_INVALID:
    case SP_CPUID:
    case SP_RDTSC:
    case SP_RDTSCP:
    case SP_RDRAND:
    case SP_RDSEED:
    case SP_RDPID:
    case SP_XGETBV:
    case SP_FXSAVE:
    case SP_XSAVE:
    case SP_XSAVEC:
    case SP_XSAVEOPT:
    case SP_XRSTOR:
    case SP_FNSTENV:
    case SP_FNSAVE:
    case SP_PRIVILEGED:
    case SP_TSX: return true;
    default: return false;
    }
}

static bool writes_memory(const struct insn *in)
{
    return in->mem_access & MEM_WRITE || in->stack_access & MEM_WRITE || in->string_dst & MEM_WRITE;
}

/* Bytes of the instruction at a, as many as may be fetched (0-15). */
static unsigned fetch(gaddr a, uint8_t *to)
{
    unsigned n = 0;
    while (n < INSN_MAX_BYTES) {
        const struct engine_map *m = maps_find(a + n);
        if (!m || !(m->prot & 4 /* PROT_EXEC */))
            break;
        uint64_t room = m->end - (a + n);
        unsigned want = room < INSN_MAX_BYTES - n ? (unsigned)room : INSN_MAX_BYTES - n;
        unsigned got = (unsigned)engine_peek_some(a + n, to + n, want);
        n += got;
        if (got < want)
            break;
    }
    return n;
}

/* Decodes up to the end of the block. tr.n == 0: nothing can be fetched at the head. */
static void decode_block(gaddr rip)
{
    static uint8_t window[256 + INSN_MAX_BYTES];
    gaddr window_at = 0, limit = 0;
    unsigned window_len = 0, used = 0;
    bool plain = tr.variant == VARIANT_HOOK || CONTROL->options & ODB_OPT_NO_SUPERBLOCKS;
    int branches = 0;
    gaddr last_page = (rip + INSN_MAX_BYTES) >> 12;
    tr.n = 0;
    tr.end = rip;
    const struct engine_map *m = maps_find(rip);
    if (m && m->prot & 4)
        limit = m->end;
    while (tr.n < MAX_INSNS && branches < MAX_BRANCHES) {
        struct insn *in = &tr.in[tr.n];
        uint8_t *to = &tr.bytes[used];
        gaddr page = (tr.end + INSN_MAX_BYTES) >> 12;
        if (page != last_page &&
            !tr.checked) { /* code on a page that is not guarded needs a block that checks itself */
            if (page_is_checked(page << 12))
                return;
            last_page = page;
        }
        unsigned n;
        if (limit >= tr.end + INSN_MAX_BYTES) {
            if (tr.end + INSN_MAX_BYTES > window_at + window_len) {
                uint64_t want = limit - tr.end < 256 ? limit - tr.end : 256;
                window_at = tr.end;
                window_len = (unsigned)engine_peek_some(tr.end, window, want);
            }
            n = window_at + window_len - tr.end < INSN_MAX_BYTES ? (unsigned)(window_at + window_len - tr.end)
                                                                 : INSN_MAX_BYTES;
            __builtin_memcpy(to, window + (tr.end - window_at), INSN_MAX_BYTES);
        } else {
            n = fetch(tr.end, to);
        }
        int len = n ? insn_decode(to, n, in) : 0;
        if (len == 0)
            break;
        if (len < 0) {
            __builtin_memset(in, 0, sizeof *in);
            in->special = SP_INVALID;
            in->len = 1;
        }
        if (in->needs_avx512 && CONTROL->cpu_policy == ODB_CPU_V3)
            in->special = SP_INVALID;
        tr.at[tr.n] = tr.end;
        tr.off[tr.n++] = used;
        used += in->len;
        tr.end += in->len;
        if (ends_block(in) || (tr.checked && writes_memory(in)))
            return;
        if (in->flow != FLOW_JCC && in->flow != FLOW_LOOP)
            continue;
        branches++;
        if (plain || block_find(tr.end, tr.variant))
            return;
    }
}

/* A fault shows the flags to a handler, and to the recording: what may fault is a reader of them. */
static bool may_fault(const struct insn *in)
{
    bool divides = in->map == 0 && (in->opcode & 0xfe) == 0xf6 && (in->modrm >> 3 & 7) >= 6;
    /* 3DNow! with its prefetches, XOP and FMA4 (which shares its map with others) are invalid on most CPUs */
    bool old = in->enc == INSN_XOP || in->map == 15 || (in->map == 1 && (in->opcode | 3) == 0x0f) ||
               (in->enc == INSN_VEX && in->map == 3);
    return old || in->pfx_lock /* invalid with a register */ || in->mem_access || in->stack_access ||
           in->string_src || in->string_dst || divides || in->special != SP_NONE;
}

/* and, or, xor, test: manuals call AF undefined, but every CPU clears it. */
static bool clears_af(const struct insn *in)
{
    uint8_t op = in->opcode, reg = in->modrm >> 3 & 7;
    if (in->enc != INSN_LEGACY || in->map != 0)
        return false;
    if (op < 0x40)
        return (op & 7) < 6 && ((op & 0x38) == 0x08 || (op & 0x38) == 0x20 || (op & 0x38) == 0x30);
    if (op == 0x80 || op == 0x81 || op == 0x83)
        return reg == 1 || reg == 4 || reg == 6;
    return op == 0x84 || op == 0x85 || op == 0xa8 || op == 0xa9 || ((op & 0xfe) == 0xf6 && reg < 2);
}

/* A debugger may see the flags before this instruction: they are exact there. */
static bool is_break(int i)
{
    return debug_n_breaks && tr.in[i].flow != FLOW_SYSCALL && debug_is_break(tr.at[i]);
}

/* May the arithmetic flags be destroyed at the head? Unless faults come announced (core_faults_announced), an instruction
 * that may fault reads them; so does one behind which a touched range is told. */
static bool flags_dead_at_head(void)
{
    bool announced = core_faults_announced() && !debug_watching;
    unsigned killed = 0;
    for (int i = 0; i < tr.n; i++) {
        if (tr.in[i].flags_read & FL_ARITH & ~killed || tr.in[i].flow != FLOW_NONE || ends_block(&tr.in[i]) ||
            (!announced && may_fault(&tr.in[i])) || is_break(i))
            return false;
        killed |= tr.in[i].flags_killed & ~tr.in[i].flags_undefined; /* undefined ones may survive */
        killed |= clears_af(&tr.in[i]) ? FL_AF : 0;
        if ((killed & FL_ARITH) == FL_ARITH)
            return true;
    }
    return false;
}

/* ---- pass 2: operands ---- */

/* Legacy prefixes before a REX, VEX, EVEX or XOP prefix, or before the opcode. */
static unsigned legacy_prefixes(const uint8_t *c, const struct insn *in)
{
    unsigned i = 0;
    for (; i < in->n_prefix; i++) {
        uint8_t b = c[i];
        if (b != 0x66 && b != 0x67 && b != 0xf0 && b != 0xf2 && b != 0xf3 && b != 0x2e && b != 0x36 &&
            b != 0x3e && b != 0x26 && b != 0x64 && b != 0x65)
            break;
    }
    return i;
}

static gaddr rip_target(const struct insn *in, gaddr at)
{
    gaddr a = at + in->len + (int64_t)in->disp;
    return in->pfx_67 ? (uint32_t)a : a;
}

/* Copies up to the modrm byte with the bits that extend base and index cleared, without the 67 prefix. */
static void copy_head_for_base(const uint8_t *c, const struct insn *in)
{
    unsigned n_legacy = legacy_prefixes(c, in);
    for (unsigned i = 0; i < n_legacy; i++)
        if (c[i] != 0x67)
            e8(c[i]);
    uint8_t *start = tr.p;
    ebytes(c + n_legacy, in->off_modrm - n_legacy);
    if (in->enc == INSN_LEGACY) {
        if (in->rex)
            start[in->n_prefix - 1 - n_legacy] &= (uint8_t)~0x03;
    } else if (start[0] != 0xc5) {
        start[1] |= 0x60; /* X and B are stored inverted; the two-byte VEX has neither */
    }
}

static void copy_tail(const uint8_t *c, const struct insn *in)
{
    unsigned after = (unsigned)in->off_disp + in->disp_bytes;
    ebytes(c + after, in->len - after);
}

static uint8_t pick_scratch(const struct insn *in)
{
    static const uint8_t order[] = {ODB_RCX, ODB_RDX, ODB_RSI, ODB_RDI, ODB_RAX, ODB_RBX};
    unsigned used = in->gpr_read | in->gpr_written;
    /* VEX.vvvv and modrm.reg may name a register that the tables list only by mask: same thing. */
    for (unsigned i = 0; i < sizeof order; i++)
        if (!(used >> order[i] & 1))
            return order[i];
    engine_panic("engine: no scratch register for opcode %x map %u", in->opcode, in->map);
}

static void emit_lea(const struct insn *in, gaddr target)
{
    uint8_t reg = in->reg;
    if (in->opsize_bytes == 2) {
        e8(0x66);
        if (reg >= 8)
            e8(0x41);
        e8((uint8_t)(0xb8 + (reg & 7)));
        e8((uint8_t)target);
        e8((uint8_t)(target >> 8));
        return;
    }
    uint64_t v = in->opsize_bytes == 4 ? (uint32_t)target : target;
    bool wide = v > UINT32_MAX;
    if (wide || reg >= 8)
        e8((uint8_t)(0x40 | (wide ? 8 : 0) | (reg >= 8)));
    e8((uint8_t)(0xb8 + (reg & 7)));
    if (wide)
        e64(v);
    else
        e32((uint32_t)v);
}

static void emit_rip_relative(const uint8_t *c, const struct insn *in, gaddr at)
{
    gaddr target = rip_target(in, at);
    if (in->enc == INSN_LEGACY && in->map == 0 && in->opcode == 0x8d) {
        emit_lea(in, target);
        return;
    }
    if (target <= INT32_MAX && in->len < INSN_MAX_BYTES) { /* it becomes one byte longer */
        copy_head_for_base(c, in);
        e8((uint8_t)((in->modrm & 0x38) | 0x04));
        e8(0x25);
        e32((uint32_t)target);
        copy_tail(c, in);
        return;
    }
    uint8_t s = pick_scratch(in);
    ctx_mov(0x89, s, &ctx.spill[3]);
    mov_imm64(s, target);
    mark(at, MARK_SPILL, s);
    copy_head_for_base(c, in);
    e8((uint8_t)((in->modrm & 0x38) | s));
    copy_tail(c, in);
    ctx_mov(0x8b, s, &ctx.spill[3]);
}

static void emit_plain(const uint8_t *c, const struct insn *in, gaddr at)
{
    if (in->has_mem && in->base == GPR_RIP)
        emit_rip_relative(c, in, at);
    else
        einsn(c, in->len);
}

/* ---- pass 2: control flow ---- */

static void emit_push_imm(uint64_t v)
{
    if (v <= INT32_MAX) {
        e8(0x68);
        e32((uint32_t)v);
        return;
    }
    e8(0xff);
    e8(0x35);
    erel32(CACHE + pool_u64(v));
}

static void emit_jcc(const struct insn *in, gaddr at)
{
    e8(0x0f);
    e8((uint8_t)(0x80 | in->cond));
    link_rel32(at, at + in->len + (uint64_t)in->imm);
}

/* loop +2; jmp over; taken: jmp target; over: */
static void emit_loop(const uint8_t *c, const struct insn *in, gaddr at)
{
    ebytes(c, in->len - 1u);
    e8(2);
    e8(0xeb);
    e8(5);
    link_jump(at, at + in->len + (uint64_t)in->imm);
}

/* rcx = the register or memory operand of an indirect jump or call */
static void emit_load_target(const uint8_t *c, const struct insn *in, gaddr at)
{
    if (!in->has_mem) {
        e8((uint8_t)(0x48 | (in->rm >= 8 ? 1 : 0)));
        e8(0x8b);
        e8((uint8_t)(0xc0 | ODB_RCX << 3 | (in->rm & 7)));
        return;
    }
    gaddr target = in->base == GPR_RIP ? rip_target(in, at) : 0;
    if (in->base == GPR_RIP && target > INT32_MAX) {
        mov_imm64(ODB_RCX, target);
        mark(at, MARK_RCX, 0);
        if (in->seg == SEG_FS || in->seg == SEG_GS)
            e8(in->seg == SEG_FS ? 0x64 : 0x65);
        e8(0x48);
        e8(0x8b);
        e8(0x09);
        return;
    }
    if (in->seg == SEG_FS || in->seg == SEG_GS)
        e8(in->seg == SEG_FS ? 0x64 : 0x65);
    if (in->pfx_67 && in->base != GPR_RIP)
        e8(0x67);
    e8((uint8_t)(0x48 | (in->base == GPR_RIP ? 0 : in->rex & 3)));
    e8(0x8b);
    if (in->base == GPR_RIP) {
        e8(0x0c);
        e8(0x25);
        e32((uint32_t)target);
        return;
    }
    e8((uint8_t)((in->modrm & 0xc7) | ODB_RCX << 3));
    ebytes(c + in->off_modrm + 1, (unsigned)in->len - in->off_modrm - 1);
}

static void emit_indirect_begin(void)
{
    ctx_mov(0x89, ODB_RCX, &ctx.spill[0]);
    ctx_mov(0x89, ODB_RDX, &ctx.spill[1]);
}

static void emit_indirect_end(void)
{
    uint32_t site = offset();
    e8(0xc7); /* mov dword [branch_site], site */
    e8(0x05);
    e32((uint32_t)((const uint8_t *)&ctx.branch_site - (tr.p + 8)));
    e32(site);
    if (tr.variant == VARIANT_HOOK) {
        e8(0xe9);
        erel32(CACHE + indirect_miss);
        return;
    }
    const uint8_t movzx_jmp[] = {0x0f, 0xb7, 0xd1, 0xff, 0x24, 0xd5};
    ebytes(movzx_jmp, sizeof movzx_jmp);
    e32(ODB_IBL_ADDR);
}

static void emit_indirect(const uint8_t *c, const struct insn *in, gaddr at)
{
    emit_indirect_begin();
    emit_load_target(c, in, at);
    if (in->flow == FLOW_CALL_IND) {
        mark(at, MARK_RCX, 0);
        emit_push_imm(at + in->len);
    }
    emit_indirect_end();
}

static void emit_ret(const struct insn *in)
{
    emit_indirect_begin();
    e8(0x59);
    if (in->opcode == 0xc2) {
        const uint8_t lea_rsp[] = {0x48, 0x8d, 0xa4, 0x24};
        ebytes(lea_rsp, sizeof lea_rsp);
        e32((uint16_t)in->imm);
    }
    emit_indirect_end();
}

static void emit_ud2(void)
{
    e8(0x0f);
    e8(0x0b);
}

/* int3 and its like report the address behind themselves. */
static void emit_int(const uint8_t *c, const struct insn *in, gaddr at)
{
    if (in->opcode == 0xcd && (in->imm & 0xff) == 0x80) {
        inline_exit(EXIT_REFUSE, at);
        return;
    }
    ebytes(c, in->len);
    mark(at + in->len, MARK_NONE, 0);
    emit_ud2();
}

/* One instruction. True: the block is complete. */
static bool emit_insn(const uint8_t *c, const struct insn *in, gaddr at)
{
    gaddr next = at + in->len;
    switch (in->flow) {
    case FLOW_JCC: emit_jcc(in, at); return false;
    case FLOW_LOOP: emit_loop(c, in, at); return false;
    case FLOW_JMP: link_jump(at, next + (uint64_t)in->imm); return true;
    case FLOW_CALL:
        emit_push_imm(next);
        link_jump(at, next + (uint64_t)in->imm);
        return true;
    case FLOW_JMP_IND:
    case FLOW_CALL_IND: emit_indirect(c, in, at); return true;
    case FLOW_RET: emit_ret(in); return true;
    case FLOW_SYSCALL: inline_exit(EXIT_SYSCALL, at); return true;
    case FLOW_INT: emit_int(c, in, at); return true;
    case FLOW_FAR:
    case FLOW_SYSENTER: inline_exit(EXIT_REFUSE, at); return true;
    default: break;
    }
    if (!ends_block(in)) {
        emit_plain(c, in, at);
        return false;
    }
    if (in->special == SP_INVALID || in->special == SP_TSX) {
        emit_ud2();
    } else if (in->special == SP_PRIVILEGED) {
        emit_plain(c, in, at);
        emit_ud2();
    } else {
        inline_exit(EXIT_SPECIAL, at);
    }
    return true;
}

/* ---- entries ---- */

static const uint8_t vpaddq_xmm31_xmm30[] = {0x62, 0x01, 0x85, 0x00, 0xd4, 0xfe};

/* budget -= 1; leave when 0. Where flags are live: with lea and jrcxz, by way of rcx. `stop_at` is the
 * cache offset of the jump to the stop exit, up to 127 bytes before. */
static void emit_budget(bool flags_dead, gaddr rip, uint32_t stop_at)
{
    if (flags_dead) {
        const uint8_t dec[] = {0x48, 0xff, 0x0d};
        ebytes(dec, 3);
        erel32(&ctx.budget);
        e8(0x0f);
        e8(0x84);
        erel32(CACHE + stub_emit(exit_new(EXIT_STOP, tr.variant, rip, 0)));
        return;
    }
    ctx_mov(0x89, ODB_RCX, &ctx.spill[2]);
    ctx_mov(0x8b, ODB_RCX, &ctx.budget);
    const uint8_t lea[] = {0x48, 0x8d, 0x49, 0xff};
    ebytes(lea, 4);
    ctx_mov(0x89, ODB_RCX, &ctx.budget);
    e8(0xe3);
    e8((uint8_t)((int32_t)stop_at - (int32_t)(offset() + 1)));
    ctx_mov(0x8b, ODB_RCX, &ctx.spill[2]);
}

/* Leave when xmm31 == xmm29. Where flags are live: by way of rcx. */
static void emit_vector_check(bool flags_dead, gaddr rip)
{
    static const uint8_t compare[] = {0x62, 0x92, 0x85, 0x00, 0x29, 0xcd}; /* vpcmpeqq k1, xmm31, xmm29 */
    ebytes(compare, sizeof compare);
    uint32_t x = exit_new(EXIT_STOP, tr.variant, rip, 0);
    if (flags_dead) {
        static const uint8_t kortestb_jnz[] = {0xc5, 0xf9, 0x98, 0xc9, 0x0f, 0x85};
        ebytes(kortestb_jnz, sizeof kortestb_jnz);
        erel32(CACHE + stub_emit(x));
        return;
    }
    static const uint8_t kmovb_jrcxz_jmp[] = {0xc5, 0xf9, 0x93, 0xc9, 0xe3, 0x05, 0xe9};
    exits[x].aux = 1; /* rcx is in spill[2] */
    ctx_mov(0x89, ODB_RCX, &ctx.spill[2]);
    ebytes(kmovb_jrcxz_jmp, sizeof kmovb_jrcxz_jmp);
    erel32(CACHE + stub_emit(x));
    ctx_mov(0x8b, ODB_RCX, &ctx.spill[2]);
}

static void emit_entries(gaddr rip, bool with_pad)
{
    uint32_t stop_at = 0;
    bool hooked = tr.variant == VARIANT_HOOK; /* looks at every instruction, and flags must be exact */
    bool dead = vector_ticks || (!hooked && flags_dead_at_head());
    if (!dead) {
        uint32_t x = exit_new(EXIT_STOP, tr.variant, rip, 0);
        exits[x].aux = 1; /* rcx is in spill[2] */
        stop_at = offset();
        e8(0xe9);
        erel32(CACHE + stub_emit(x));
    }
    if (with_pad) {
        tr.b->pad = offset();
        cache_set_cursor(tr.p);
        pad_emit(rip);
        tr.p = cache_cursor();
    }
    tr.b->tick_entry = offset();
    if (vector_ticks)
        ebytes(vpaddq_xmm31_xmm30, sizeof vpaddq_xmm31_xmm30);
    if (vector_ticks && vector_check && !hooked)
        emit_vector_check(flags_dead_at_head(), rip);
    if (!vector_ticks)
        emit_budget(dead, rip, stop_at);
    tr.b->main_entry = offset();
}

static void emit_body(void)
{
    bool done = false;
    for (int i = 0; i < tr.n && !done; i++) {
        mark(tr.at[i], MARK_NONE, 0);
        if (tr.variant == VARIANT_HOOK) {
            uint32_t x = inline_exit(EXIT_HOOK, tr.at[i]);
            exits[x].patch = offset();
            exits[x].aux = is_break(i);
        } else if (is_break(i)) {
            uint32_t x = inline_exit(EXIT_BREAK, tr.at[i]);
            exits[x].patch = offset();
        }
        if (debug_watching && tr.variant == VARIANT_FAST)
            tr.p = watch_emit(tr.p, &tr.in[i], tr.n - i, tr.at[i]);
        done = emit_insn(&tr.bytes[tr.off[i]], &tr.in[i], tr.at[i]);
    }
    if (!done) {
        mark(tr.end, MARK_NONE, 0);
        e8(0xe9);
        link_rel32(0, tr.end); /* falling through is no branch: never a tick */
    }
}

struct block *translate(gaddr rip, uint8_t variant, bool with_pad)
{
    tr.variant = variant;
    const struct engine_map *m = maps_find(rip);
    /* Shared memory may be written through another mapping of it, which no guard of ours sees. */
    tr.checked = page_is_checked(rip & ~0xfffULL) || page_is_checked((rip + 15) & ~0xfffULL) ||
                 (m && m->flags & 1 /* MAP_SHARED */);
    decode_block(rip);
    cache_align(with_pad ? 64 : 16);
    tr.b = block_begin(rip, variant);
    tr.p = cache_cursor();
    emit_entries(rip, with_pad);
    uint32_t check = 0;
    if (tr.checked) {
        tr.b->flags |= BLOCK_CHECKED;
        check = inline_exit(EXIT_CHECK, rip);
        exits[check].patch = offset();
    }
    if (tr.n) {
        emit_body();
        tr.b->len_bytes = (uint32_t)(tr.end - rip);
    } else {
        tr.b->flags |= BLOCK_FETCH_FAULT;
        mark(rip, MARK_NONE, 0);
        inline_exit(EXIT_FETCH, rip);
        tr.b->len_bytes = INSN_MAX_BYTES;
    }
    while (tr.p < CACHE + tr.b->main_entry + 5)
        e8(0xcc);
    if (tr.checked)
        tr.b->copy = pool_bytes(tr.bytes, tr.n ? tr.b->len_bytes : 0);
    cache_set_cursor(tr.p);
    block_finish(tr.b);
    CONTROL->n_insns_translated += (uint64_t)tr.n;
    return tr.b;
}
