/* Random instructions: random bytes, spread over the opcode maps, that Zydis decodes and that are fit for a test.
 *
 * Not fit: what differs from run to run (rdtsc, cpuid, x87 pointers), what leaves the block in an unplanned way,
 * what changes rsp or segments. Memory operands are made valid, nearly always: base and index registers get values
 * right before, displacements are rewritten. */
#include <Zydis/Zydis.h>
#include <string.h>

#include "tests/engine/block_gen.h"

struct candidate {
    uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
    ZydisDecodedInstruction in;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

static const ZydisMnemonic unfit[] = {
    ZYDIS_MNEMONIC_RDTSC,     ZYDIS_MNEMONIC_RDTSCP,    ZYDIS_MNEMONIC_RDPMC,    ZYDIS_MNEMONIC_CPUID,
    ZYDIS_MNEMONIC_XGETBV,    ZYDIS_MNEMONIC_RDPRU,     ZYDIS_MNEMONIC_RDPID,    ZYDIS_MNEMONIC_RDRAND,
    ZYDIS_MNEMONIC_RDSEED,    ZYDIS_MNEMONIC_LAR,       ZYDIS_MNEMONIC_LSL,      ZYDIS_MNEMONIC_VERR,
    ZYDIS_MNEMONIC_VERW,      ZYDIS_MNEMONIC_SLDT,      ZYDIS_MNEMONIC_STR,      ZYDIS_MNEMONIC_SMSW,
    ZYDIS_MNEMONIC_SIDT,      ZYDIS_MNEMONIC_SGDT,      ZYDIS_MNEMONIC_FXSAVE,   ZYDIS_MNEMONIC_FXSAVE64,
    ZYDIS_MNEMONIC_FXRSTOR,   ZYDIS_MNEMONIC_FXRSTOR64, ZYDIS_MNEMONIC_FNSAVE,   ZYDIS_MNEMONIC_FRSTOR,
    ZYDIS_MNEMONIC_FNSTENV,   ZYDIS_MNEMONIC_FLDENV,    ZYDIS_MNEMONIC_FLDCW,    ZYDIS_MNEMONIC_LDMXCSR,
    ZYDIS_MNEMONIC_VLDMXCSR,  ZYDIS_MNEMONIC_POPF,      ZYDIS_MNEMONIC_POPFD,    ZYDIS_MNEMONIC_POPFQ,
    ZYDIS_MNEMONIC_CLZERO,    ZYDIS_MNEMONIC_MONITOR,   ZYDIS_MNEMONIC_MONITORX, ZYDIS_MNEMONIC_MWAIT,
    ZYDIS_MNEMONIC_MWAITX,    ZYDIS_MNEMONIC_SYSENTER,  ZYDIS_MNEMONIC_SYSCALL,  ZYDIS_MNEMONIC_RSM,
    ZYDIS_MNEMONIC_SERIALIZE, ZYDIS_MNEMONIC_GETSEC,    ZYDIS_MNEMONIC_HRESET,   ZYDIS_MNEMONIC_MCOMMIT,
    ZYDIS_MNEMONIC_LSS,       ZYDIS_MNEMONIC_LFS,       ZYDIS_MNEMONIC_LGS,      ZYDIS_MNEMONIC_SYSRET,
    ZYDIS_MNEMONIC_SYSEXIT,   ZYDIS_MNEMONIC_XABORT,    ZYDIS_MNEMONIC_XBEGIN,   ZYDIS_MNEMONIC_XEND,
    ZYDIS_MNEMONIC_XTEST,     ZYDIS_MNEMONIC_PTWRITE,
};

static const ZydisInstructionCategory unfit_categories[] = {
    ZYDIS_CATEGORY_CALL,
    ZYDIS_CATEGORY_COND_BR,
    ZYDIS_CATEGORY_UNCOND_BR,
    ZYDIS_CATEGORY_RET,
    ZYDIS_CATEGORY_SYSCALL,
    ZYDIS_CATEGORY_SYSRET,
    ZYDIS_CATEGORY_VTX,
    ZYDIS_CATEGORY_SGX,
    ZYDIS_CATEGORY_PADLOCK,
    ZYDIS_CATEGORY_UINTR,
    ZYDIS_CATEGORY_XSAVE,
    ZYDIS_CATEGORY_XSAVEOPT,
    ZYDIS_CATEGORY_PKU,
    ZYDIS_CATEGORY_RDWRFSGS,
    ZYDIS_CATEGORY_WAITPKG,
    ZYDIS_CATEGORY_KEYLOCKER,
    ZYDIS_CATEGORY_KEYLOCKER_WIDE,
    ZYDIS_CATEGORY_ENQCMD,
    ZYDIS_CATEGORY_PT,
    ZYDIS_CATEGORY_PCONFIG,
    ZYDIS_CATEGORY_SYSTEM,
    ZYDIS_CATEGORY_CET,
    ZYDIS_CATEGORY_MOVDIR,
    ZYDIS_CATEGORY_AMX_TILE,
    ZYDIS_CATEGORY_SCATTER,
    ZYDIS_CATEGORY_SMAP,
};

static bool writes_stack_or_segment(const struct candidate *c)
{
    for (int i = 0; i < c->in.operand_count; i++) {
        const ZydisDecodedOperand *op = &c->op[i];
        if (op->type != ZYDIS_OPERAND_TYPE_REGISTER || !(op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
            continue;
        ZydisRegisterClass cls = ZydisRegisterGetClass(op->reg.value);
        if (cls == ZYDIS_REGCLASS_SEGMENT)
            return true;
        if (op->visibility != ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
            ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value) == ZYDIS_REGISTER_RSP)
            return true;
    }
    return false;
}

/* Faults, on this or on any CPU. */
static bool not_quiet(const struct candidate *c)
{
    for (int i = 0; i < c->in.operand_count; i++)
        if (c->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            (ZydisRegisterGetClass(c->op[i].reg.value) == ZYDIS_REGCLASS_CONTROL ||
             ZydisRegisterGetClass(c->op[i].reg.value) == ZYDIS_REGCLASS_DEBUG))
            return true;
    ZydisInstructionCategory cat = c->in.meta.category;
    return c->in.mnemonic == ZYDIS_MNEMONIC_CLI || c->in.mnemonic == ZYDIS_MNEMONIC_STI ||
           c->in.mnemonic == ZYDIS_MNEMONIC_UD2 || c->in.mnemonic == ZYDIS_MNEMONIC_FEMMS ||
           c->in.mnemonic == ZYDIS_MNEMONIC_INVPCID || cat == ZYDIS_CATEGORY_PREFETCH ||
           cat == ZYDIS_CATEGORY_KNC || cat == ZYDIS_CATEGORY_KNCMASK || cat == ZYDIS_CATEGORY_KNCSCALAR ||
           cat == ZYDIS_CATEGORY_TSX_LDTRK ||
           (c->in.opcode_map == ZYDIS_OPCODE_MAP_0F && c->in.opcode == 0x0d) ||
           (c->in.attributes & ZYDIS_ATTRIB_HAS_ADDRESSSIZE && c->in.raw.disp.size == 32);
}

/* Gathers fault nearly always; what this CPU does not have always does, and those are not the engine's test. */
static bool unfit_evex(const struct candidate *c)
{
    switch (c->in.meta.isa_set) {
    case ZYDIS_ISA_SET_AVX512F_128:
    case ZYDIS_ISA_SET_AVX512F_128N:
    case ZYDIS_ISA_SET_AVX512F_256:
    case ZYDIS_ISA_SET_AVX512F_512:
    case ZYDIS_ISA_SET_AVX512F_SCALAR:
    case ZYDIS_ISA_SET_AVX512BW_128:
    case ZYDIS_ISA_SET_AVX512BW_128N:
    case ZYDIS_ISA_SET_AVX512BW_256:
    case ZYDIS_ISA_SET_AVX512BW_512:
    case ZYDIS_ISA_SET_AVX512DQ_128:
    case ZYDIS_ISA_SET_AVX512DQ_128N:
    case ZYDIS_ISA_SET_AVX512DQ_256:
    case ZYDIS_ISA_SET_AVX512DQ_512:
    case ZYDIS_ISA_SET_AVX512DQ_SCALAR:
    case ZYDIS_ISA_SET_AVX512CD_128:
    case ZYDIS_ISA_SET_AVX512CD_256:
    case ZYDIS_ISA_SET_AVX512CD_512:
        return c->in.meta.category == ZYDIS_CATEGORY_GATHER || c->in.meta.category == ZYDIS_CATEGORY_SCATTER;
    default: return true;
    }
}

static bool fit(struct gen *g, const struct candidate *c)
{
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++)
        if (c->in.mnemonic == unfit[i])
            return false;
    for (size_t i = 0; i < sizeof(unfit_categories) / sizeof(unfit_categories[0]); i++)
        if (c->in.meta.category == unfit_categories[i])
            return false;
    bool evex = c->in.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
    if ((evex && (!g->wide || unfit_evex(c))) || c->in.encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX)
        return false;
    if (c->in.mnemonic == ZYDIS_MNEMONIC_INT && (uint8_t)c->op[0].imm.value.u == 0x80)
        return false;
    if (c->in.meta.category == ZYDIS_CATEGORY_KMASK && !g->wide)
        return false;
    bool faults =
        c->in.meta.category == ZYDIS_CATEGORY_INTERRUPT || c->in.meta.category == ZYDIS_CATEGORY_IO ||
        c->in.meta.category == ZYDIS_CATEGORY_IOSTRINGOP || c->in.meta.category == ZYDIS_CATEGORY_XOP ||
        c->in.meta.category == ZYDIS_CATEGORY_FMA4 || c->in.meta.category == ZYDIS_CATEGORY_TBM ||
        c->in.meta.category == ZYDIS_CATEGORY_AMD3DNOW || c->in.mnemonic == ZYDIS_MNEMONIC_DIV ||
        c->in.mnemonic == ZYDIS_MNEMONIC_IDIV || c->in.meta.category == ZYDIS_CATEGORY_AVX2GATHER ||
        c->in.mnemonic == ZYDIS_MNEMONIC_UD0 || c->in.mnemonic == ZYDIS_MNEMONIC_UD1;
    if (faults && (g->quiet || gen_below(g, 4) != 0))
        return false;
    if (g->quiet &&
        (not_quiet(c) || c->in.mnemonic == ZYDIS_MNEMONIC_PUSHF || c->in.mnemonic == ZYDIS_MNEMONIC_PUSHFQ ||
         c->in.mnemonic == ZYDIS_MNEMONIC_CMPXCHG16B || c->in.meta.category == ZYDIS_CATEGORY_AMD3DNOW))
        return false;
    return !writes_stack_or_segment(c);
}

/* Register number 0-15 of a general register of any width. */
static unsigned number_of(ZydisRegister r)
{
    return (unsigned)ZydisRegisterGetId(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r)) & 15;
}

static uint32_t window_place(struct gen *g)
{
    uint32_t place = 0x400 + gen_below(g, WINDOW_BYTES - 0x800);
    if (g->quiet || gen_below(g, 4) != 0)
        place &= ~31u;
    return WINDOW_ADDR + place;
}

static void put32(uint8_t *at, uint32_t v) { memcpy(at, &v, 4); }

/* Makes the memory operand `m` of the candidate point into the window. False: cannot. */
static bool aim(struct gen *g, struct candidate *c, const ZydisDecodedOperand *m)
{
    uint32_t place = window_place(g);
    int32_t disp = (int32_t)c->in.raw.disp.value;
    uint8_t *disp_at = c->bytes + c->in.raw.disp.offset;
    if (!g->quiet && gen_below(g, 150) == 0)
        place = gen_below(g, 3) ? 0x30000000 + gen_below(g, 4096) : gen_below(g, 64); /* a fault, for once */
    if (m->mem.base == ZYDIS_REGISTER_RIP || m->mem.base == ZYDIS_REGISTER_EIP) {
        put32(disp_at, place - (BLOB_ADDR + g->at + c->in.length));
        return true;
    }
    if (c->in.raw.disp.size == 32) {
        disp = (int32_t)gen_below(g, 2000) - 1000;
        put32(disp_at, (uint32_t)disp);
    } else if (c->in.raw.disp.size == 64) {
        put32(disp_at, place);
        put32(disp_at + 4, 0);
        return true;
    }
    if (g->quiet && m->size >= 128 && number_of(m->mem.base) == 4)
        return false;
    bool vsib = m->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
    int32_t scaled = 0;
    if (m->mem.index != ZYDIS_REGISTER_NONE && !vsib) {
        int32_t index = (int32_t)gen_below(g, 64) - 16;
        if (m->mem.index == m->mem.base) {
            if (g->quiet && m->size >= 128)
                return false;
            gen_mov(g, number_of(m->mem.base), (int32_t)(place - (uint32_t)disp) / (m->mem.scale + 1));
            return true;
        }
        if (g->quiet && m->mem.base == ZYDIS_REGISTER_RSP && m->size >= 128)
            return false;
        gen_mov(g, number_of(m->mem.index), index);
        scaled = index * m->mem.scale;
    }
    if (m->mem.base == ZYDIS_REGISTER_NONE) {
        put32(disp_at, place - (uint32_t)scaled);
        return true;
    }
    if (number_of(m->mem.base) != 4)
        gen_mov(g, number_of(m->mem.base), (int32_t)(place - (uint32_t)disp - (uint32_t)scaled));
    return true;
}

/* Values for implicit operands: string instructions, xlat, maskmov, enter, leave, bit tests far away. */
static bool prepare(struct gen *g, struct candidate *c)
{
    switch (c->in.mnemonic) {
    case ZYDIS_MNEMONIC_XLAT: gen_mov(g, 3, (int32_t)window_place(g)); return true;
    case ZYDIS_MNEMONIC_MASKMOVQ:
    case ZYDIS_MNEMONIC_MASKMOVDQU:
    case ZYDIS_MNEMONIC_VMASKMOVDQU: gen_mov(g, 7, (int32_t)window_place(g)); return true;
    case ZYDIS_MNEMONIC_LEAVE:
        gen_mov(g, 5, (int32_t)(STACK_ADDR + STACK_BYTES / 2 - 8 * gen_below(g, 64)));
        return true;
    case ZYDIS_MNEMONIC_ENTER:
        put32(c->bytes + c->in.length - 4, (uint32_t)c->bytes[c->in.length - 4] | gen_below(g, 64) << 8);
        c->bytes[c->in.length - 1] = 0, c->bytes[c->in.length - 2] = 0;
        return true;
    case ZYDIS_MNEMONIC_BT:
    case ZYDIS_MNEMONIC_BTS:
    case ZYDIS_MNEMONIC_BTR:
    case ZYDIS_MNEMONIC_BTC:
        if (c->op[0].type != ZYDIS_OPERAND_TYPE_MEMORY || c->op[1].type != ZYDIS_OPERAND_TYPE_REGISTER)
            return true;
        if (number_of(c->op[1].reg.value) == 4)
            return false;
        gen_mov(g, number_of(c->op[1].reg.value), (int32_t)gen_below(g, 4000) - 2000);
        /* base or index must not be the same register: aim() comes later and would undo this */
        return number_of(c->op[0].mem.base) != number_of(c->op[1].reg.value) &&
               number_of(c->op[0].mem.index) != number_of(c->op[1].reg.value);
    default: break;
    }
    if (c->in.meta.category == ZYDIS_CATEGORY_STRINGOP || c->in.meta.category == ZYDIS_CATEGORY_IOSTRINGOP) {
        gen_mov(g, 6, (int32_t)window_place(g));
        gen_mov(g, 7, (int32_t)window_place(g));
        gen_mov(g, 1, (int32_t)gen_below(g, 20));
    }
    return true;
}

static void random_bytes(struct gen *g, uint8_t *b)
{
    static const uint8_t prefixes[] = {0x66, 0x66, 0x66, 0xf2, 0xf2, 0xf3,
                                       0xf3, 0x67, 0xf0, 0x64, 0x65, 0x2e};
    uint32_t n = 0, kind = gen_below(g, g->wide ? 28 : 16);
    if (kind >= 16) { /* EVEX */
        b[n++] = 0x62;
        b[n++] = (uint8_t)((gen_random(g) & 0xf0) | (1 + gen_below(g, 3)));
        b[n++] = (uint8_t)(gen_random(g) | 4);
        b[n++] = (uint8_t)gen_random(g);
    } else if (kind >= 11) { /* VEX */
        bool two = gen_below(g, 3) == 0;
        b[n++] = two ? 0xc5 : 0xc4;
        b[n++] = two ? (uint8_t)gen_random(g) : (uint8_t)((gen_random(g) & 0xe0) | (1 + gen_below(g, 3)));
        if (!two)
            b[n++] = (uint8_t)gen_random(g);
    } else {
        while (gen_below(g, 5) < 2 && n < 3)
            b[n++] = prefixes[gen_below(g, sizeof(prefixes))];
        if (gen_below(g, 5) < 2)
            b[n++] = (uint8_t)(0x40 | gen_below(g, 16));
        if (kind >= 4)
            b[n++] = 0x0f;
        if (kind >= 8)
            b[n++] = kind & 1 ? 0x38 : 0x3a;
    }
    for (; n < ZYDIS_MAX_INSTRUCTION_LENGTH; n++)
        b[n] = (uint8_t)(gen_random(g) >> 13);
}

void gen_random_insn(struct gen *g)
{
    static ZydisDecoder decoder;
    struct candidate c;
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (;;) {
        random_bytes(g, c.bytes);
        if (ZYAN_FAILED(ZydisDecoderDecodeFull(&decoder, c.bytes, sizeof(c.bytes), &c.in, c.op)) ||
            !fit(g, &c))
            continue;
        if (!prepare(g, &c))
            continue; /* the register it set is simply another random change */
        const ZydisDecodedOperand *m = NULL;
        for (int i = 0; i < c.in.operand_count_visible; i++)
            if (c.op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
                m = &c.op[i];
        bool aimed =
            m && c.in.meta.category != ZYDIS_CATEGORY_STRINGOP && c.in.mnemonic != ZYDIS_MNEMONIC_LEA;
        if (aimed && (c.in.attributes & ZYDIS_ATTRIB_HAS_MODRM || c.in.raw.disp.size) && !aim(g, &c, m))
            continue;
        gen_insn(g, c.bytes, c.in.length);
        return;
    }
}
