/* Table generator, part 1: asks Zydis about one opcode and turns the answer into a row of facts.
 *
 * Operands are taken symbolically: Zydis tells for each where its register number is encoded, so one row
 * serves all register numbers. What Zydis gets wrong or does not know is put right in one place, the tables
 * and functions marked "Correction" below, each with its reason; nothing else here names an instruction
 * but the maps from mnemonics to enum insn_special and enum insn_flow, which are our own classes.
 */
#include "tools/gen_optab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "preload/decode.h"

unsigned long facts_n_probes;
static ZydisDecoder decoder;

struct answer {
    ZydisDecodedInstruction in;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderContext context;
};

#define M(name) ZYDIS_MNEMONIC_##name

/* clang-format off */
static const struct {
    uint16_t mnemonic;
    uint8_t special;
} specials[] = {
    { M(UD0), SP_INVALID }, { M(UD1), SP_INVALID }, { M(UD2), SP_INVALID },
    { M(CPUID), SP_CPUID }, { M(RDTSC), SP_RDTSC }, { M(RDTSCP), SP_RDTSCP }, { M(RDRAND), SP_RDRAND },
    { M(RDSEED), SP_RDSEED }, { M(RDPID), SP_RDPID }, { M(RDPMC), SP_RDPMC }, { M(XGETBV), SP_XGETBV },
    { M(FXSAVE), SP_FXSAVE }, { M(FXSAVE64), SP_FXSAVE }, { M(FXRSTOR), SP_FXRSTOR },
    { M(FXRSTOR64), SP_FXRSTOR }, { M(XSAVE), SP_XSAVE }, { M(XSAVE64), SP_XSAVE }, { M(XSAVEC), SP_XSAVEC },
    { M(XSAVEC64), SP_XSAVEC }, { M(XSAVEOPT), SP_XSAVEOPT }, { M(XSAVEOPT64), SP_XSAVEOPT },
    { M(XRSTOR), SP_XRSTOR }, { M(XRSTOR64), SP_XRSTOR },
    { M(FNSTENV), SP_FNSTENV }, { M(FNSAVE), SP_FNSAVE }, { M(FLDENV), SP_FLDENV }, { M(FRSTOR), SP_FRSTOR },
    { M(PUSHF), SP_PUSHF }, { M(PUSHFQ), SP_PUSHF }, { M(POPF), SP_POPF }, { M(POPFQ), SP_POPF },
    { M(XLAT), SP_XLAT }, { M(ENTER), SP_ENTER }, { M(LEAVE), SP_LEAVE },
    { M(MASKMOVQ), SP_MASKMOV }, { M(MASKMOVDQU), SP_MASKMOV }, { M(VMASKMOVDQU), SP_MASKMOV },
    { M(LFS), SP_MOV_SREG }, { M(LGS), SP_MOV_SREG }, { M(LSS), SP_MOV_SREG },
    { M(WRFSBASE), SP_WRSEGBASE }, { M(WRGSBASE), SP_WRSEGBASE },
    { M(RDFSBASE), SP_RDSEGBASE }, { M(RDGSBASE), SP_RDSEGBASE }, { M(SWAPGS), SP_SWAPGS },
    { M(XBEGIN), SP_TSX }, { M(XEND), SP_TSX }, { M(XABORT), SP_TSX }, { M(XTEST), SP_TSX },
    { M(XSUSLDTRK), SP_TSX }, { M(XRESLDTRK), SP_TSX },
    { M(MONITOR), SP_MONITOR }, { M(MWAIT), SP_MONITOR }, { M(MONITORX), SP_MONITOR },
    { M(MWAITX), SP_MONITOR }, { M(UMONITOR), SP_MONITOR }, { M(UMWAIT), SP_MONITOR }, { M(TPAUSE), SP_MONITOR },
    { M(SMSW), SP_SMSW_SLDT }, { M(SLDT), SP_SMSW_SLDT }, { M(STR), SP_SMSW_SLDT }, { M(SGDT), SP_SMSW_SLDT },
    { M(SIDT), SP_SMSW_SLDT },
    { M(LSL), SP_LSL_LAR }, { M(LAR), SP_LSL_LAR }, { M(VERR), SP_LSL_LAR }, { M(VERW), SP_LSL_LAR },
    { M(RDPKRU), SP_PKRU }, { M(WRPKRU), SP_PKRU },
    { M(RDSSPD), SP_CET }, { M(RDSSPQ), SP_CET }, { M(INCSSPD), SP_CET }, { M(INCSSPQ), SP_CET },
    { M(WRSSD), SP_CET }, { M(WRSSQ), SP_CET }, { M(RSTORSSP), SP_CET }, { M(SAVEPREVSSP), SP_CET },
    { M(CLRSSBSY), SP_CET }, { M(SETSSBSY), SP_CET }, { M(WRUSSD), SP_CET }, { M(WRUSSQ), SP_CET },
    /* Understood, of no use to translated code: implicit memory or state that struct insn cannot tell, or
     * instructions of a hypervisor, an enclave, user interrupts, lightweight profiling, Centaur's padlock. */
    { M(CLZERO), SP_OTHER }, { M(MOVDIR64B), SP_OTHER }, { M(ENQCMD), SP_OTHER }, { M(VMCALL), SP_OTHER },
    { M(VMMCALL), SP_OTHER }, { M(VMFUNC), SP_OTHER }, { M(ENCLU), SP_OTHER }, { M(MCOMMIT), SP_OTHER },
    { M(RDPRU), SP_OTHER }, { M(PTWRITE), SP_OTHER }, { M(SENDUIPI), SP_OTHER }, { M(UIRET), SP_OTHER },
    { M(TESTUI), SP_OTHER }, { M(CLUI), SP_OTHER }, { M(STUI), SP_OTHER }, { M(GETSEC), SP_OTHER },
    { M(LLWPCB), SP_OTHER }, { M(SLWPCB), SP_OTHER }, { M(LWPINS), SP_OTHER }, { M(LWPVAL), SP_OTHER },
    { M(XSTORE), SP_OTHER }, { M(XCRYPT_ECB), SP_OTHER }, { M(XCRYPT_CBC), SP_OTHER },
    { M(XCRYPT_CTR), SP_OTHER }, { M(XCRYPT_CFB), SP_OTHER }, { M(XCRYPT_OFB), SP_OTHER },
    { M(XSHA1), SP_OTHER }, { M(XSHA256), SP_OTHER }, { M(MONTMUL), SP_OTHER },
    { M(LDTILECFG), SP_OTHER }, { M(STTILECFG), SP_OTHER }, { M(TILELOADD), SP_OTHER },
    { M(TILELOADDT1), SP_OTHER }, { M(TILESTORED), SP_OTHER },
    /* Correction: privileged, without Zydis's attribute. lgdt is forgotten; in, out, cli, sti depend on IOPL, which Linux keeps
     * at 0; the SVM instructions are #GP with EFER.SVME, #UD without; clac and stac are #UD. */
    { M(LGDT), SP_PRIVILEGED }, { M(IN), SP_PRIVILEGED }, { M(OUT), SP_PRIVILEGED }, { M(CLI), SP_PRIVILEGED }, { M(STI), SP_PRIVILEGED },
    { M(INSB), SP_PRIVILEGED }, { M(INSW), SP_PRIVILEGED }, { M(INSD), SP_PRIVILEGED },
    { M(OUTSB), SP_PRIVILEGED }, { M(OUTSW), SP_PRIVILEGED }, { M(OUTSD), SP_PRIVILEGED },
    { M(VMRUN), SP_PRIVILEGED }, { M(VMLOAD), SP_PRIVILEGED }, { M(VMSAVE), SP_PRIVILEGED },
    { M(STGI), SP_PRIVILEGED }, { M(CLGI), SP_PRIVILEGED }, { M(SKINIT), SP_PRIVILEGED },
    { M(INVLPGA), SP_PRIVILEGED }, { M(INVLPGB), SP_PRIVILEGED }, { M(TLBSYNC), SP_PRIVILEGED },
    { M(PVALIDATE), SP_PRIVILEGED }, { M(RMPUPDATE), SP_PRIVILEGED }, { M(RMPADJUST), SP_PRIVILEGED },
    { M(PSMASH), SP_PRIVILEGED }, { M(CLAC), SP_INVALID }, { M(STAC), SP_INVALID }, { M(RSM), SP_INVALID },
    { M(ENCLS), SP_PRIVILEGED }, { M(ENCLV), SP_PRIVILEGED }, { M(PCONFIG), SP_PRIVILEGED },
    { M(ENQCMDS), SP_PRIVILEGED }, { M(WBINVD), SP_PRIVILEGED }, { M(HRESET), SP_PRIVILEGED },
    { M(XSAVES), SP_PRIVILEGED }, { M(XSAVES64), SP_PRIVILEGED }, { M(XRSTORS), SP_PRIVILEGED },
    { M(XRSTORS64), SP_PRIVILEGED }, { M(INVPCID), SP_PRIVILEGED }, { M(LOADIWKEY), SP_PRIVILEGED },
    { M(SEAMCALL), SP_INVALID }, { M(SEAMOPS), SP_INVALID }, { M(SEAMRET), SP_INVALID }, { M(TDCALL), SP_INVALID },
    { M(VMXOFF), SP_INVALID }, { M(VMXON), SP_INVALID }, { M(VMREAD), SP_INVALID }, { M(VMWRITE), SP_INVALID },
    { M(VMCLEAR), SP_INVALID }, { M(VMPTRLD), SP_INVALID }, { M(VMPTRST), SP_INVALID },
    { M(VMLAUNCH), SP_INVALID }, { M(VMRESUME), SP_INVALID }, { M(INVEPT), SP_INVALID }, { M(INVVPID), SP_INVALID },
};
/* clang-format on */

static unsigned n_bytes_of_map(unsigned map)
{
    return map >= OPTAB_VEX1 ? 0 : map == OPTAB_ONE_BYTE ? 0 : map == OPTAB_0F ? 1 : 2;
}

static unsigned put_legacy_head(const struct probe *q, uint8_t *b)
{
    unsigned n = 0;
    if (q->lock)
        b[n++] = 0xf0;
    if (q->sel >> SEL_66 & 1)
        b[n++] = 0x66;
    if (q->sel >> SEL_F3 & 1)
        b[n++] = 0xf3;
    if (q->sel >> SEL_F2 & 1)
        b[n++] = 0xf2;
    uint8_t rex = (q->sel >> SEL_W & 1) << 3 | (q->sel >> SEL_REX_B & 1) | (q->ext & XB_R ? 4 : 0);
    if (rex)
        b[n++] = 0x40 | rex;
    static const uint8_t escapes[][2] = {
        [OPTAB_0F] = {0x0f},
        [OPTAB_0F38] = {0x0f, 0x38},
        [OPTAB_0F3A] = {0x0f, 0x3a},
        [OPTAB_3DNOW] = {0x0f, 0x0f},
    };
    for (unsigned i = 0; i < n_bytes_of_map(q->map); i++)
        b[n++] = escapes[q->map][i];
    return n;
}

static unsigned put_vector_head(const struct probe *q, uint8_t *b)
{
    unsigned n = 0, w = q->sel >> SEL_W & 1, l = q->sel >> SEL_L & 3, pp = q->sel >> SEL_PP & 3;
    unsigned rxb = (q->ext & XB_R ? 0x80 : 0) | (q->ext & XB_X ? 0x40 : 0) | (q->ext & XB_B ? 0x20 : 0);
    if (q->map >= OPTAB_EVEX1 && q->map <= OPTAB_EVEX6) {
        static const uint8_t mmm[] = {1, 2, 3, 5, 6};
        b[n++] = 0x62;
        b[n++] = ((rxb | (q->ext & XB_R2 ? 0x10 : 0)) ^ 0xf0) | mmm[q->map - OPTAB_EVEX1];
        b[n++] = w << 7 | (q->vvvv ^ 15) << 3 | 4 | pp;
        b[n++] = q->z << 7 | l << 5 | (q->sel >> SEL_EVEX_B & 1) << 4 | (q->ext & XB_V2 ? 0 : 8) | q->aaa;
    } else {
        bool is_xop = q->map >= OPTAB_XOP8;
        b[n++] = is_xop ? 0x8f : 0xc4;
        b[n++] = (rxb ^ 0xe0) | (is_xop ? q->map - OPTAB_XOP8 + 8 : q->map - OPTAB_VEX1 + 1);
        b[n++] = w << 7 | (q->vvvv ^ 15) << 3 | l << 2 | pp;
    }
    return n;
}

/* Memory forms are probed with mod = 1 and displacement 0, so that one probe stands for all. */
static bool ask(const struct probe *q, struct answer *a)
{
    uint8_t b[40] = {0};
    unsigned n = q->map >= OPTAB_VEX1 ? put_vector_head(q, b) : put_legacy_head(q, b);
    unsigned rm = q->sel & 7, mod = q->sel >> SEL_MOD3 & 1 ? 3 : 1;
    if (q->map != OPTAB_3DNOW)
        b[n++] = q->opcode;
    b[n++] = mod << 6 | (q->sel & 0x3f);
    if (mod == 1 && rm == 4)
        b[n++] = q->index << 3;
    if (mod == 1)
        n++;
    if (q->map == OPTAB_3DNOW)
        b[n++] = q->opcode;
    facts_n_probes++;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &a->context, b, 15, &a->in)))
        return false;
    /* Correction: Zydis knows Knights Corner, which used the VEX and EVEX space in its own way. */
    ZydisISAExt ext = a->in.meta.isa_ext;
    if (ext == ZYDIS_ISA_EXT_KNC || ext == ZYDIS_ISA_EXT_KNCE || ext == ZYDIS_ISA_EXT_KNCV)
        return false;
    return ZYAN_SUCCESS(
        ZydisDecoderDecodeOperands(&decoder, &a->context, &a->in, a->op, ZYDIS_MAX_OPERAND_COUNT));
}

static bool is_valid(const struct probe *q)
{
    struct answer a;
    return ask(q, &a);
}

enum { REG_OTHER, REG_GPR, REG_VEC, REG_K, REG_MMX };

static int reg_class(ZydisRegister r)
{
    switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64: return REG_GPR;
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM:
    case ZYDIS_REGCLASS_ZMM: return REG_VEC;
    case ZYDIS_REGCLASS_MASK: return REG_K;
    case ZYDIS_REGCLASS_MMX: return REG_MMX;
    default: return REG_OTHER;
    }
}

/* ah-bh are 4-7 in Zydis's ids, spl-r15b 8-19 stand for 4-15. */
static unsigned gpr_number(ZydisRegister r)
{
    if (ZydisRegisterGetClass(r) == ZYDIS_REGCLASS_GPR8) {
        unsigned id = r - ZYDIS_REGISTER_AL;
        return id < 4 ? id : id - 4; /* ah-bh 4-7, spl-r15b 8-19 */
    }
    return (unsigned)ZydisRegisterGetId(r);
}

static bool is_read(const ZydisDecodedOperand *op) { return op->actions & ZYDIS_OPERAND_ACTION_MASK_READ; }

static bool is_written(const ZydisDecodedOperand *op)
{
    return op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
}

static unsigned slot_of(const ZydisDecodedOperand *op)
{
    switch (op->encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_REG: return SLOT_REG;
    case ZYDIS_OPERAND_ENCODING_MODRM_RM: return SLOT_RM;
    case ZYDIS_OPERAND_ENCODING_NDSNDD: return SLOT_VVVV;
    case ZYDIS_OPERAND_ENCODING_OPCODE:
    case ZYDIS_OPERAND_ENCODING_IS4:
    case ZYDIS_OPERAND_ENCODING_MASK: return SLOT_LAST;
    default: return 0;
    }
}

static void take_gpr(const ZydisDecodedOperand *op, struct facts *f)
{
    unsigned slot = slot_of(op);
    /* 8- and 16-bit writes leave the rest of the register; conditional ones perhaps all of it. */
    bool is_partial = is_written(op) && (op->size < 32 || (op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE));
    bool read = is_read(op) || is_partial;
    if (slot) {
        f->row.slot_gpr |= (read ? slot : 0) | (is_written(op) ? slot << 4 : 0);
        if (op->size == 8)
            f->row.form |= slot == SLOT_REG ? FORM_REG8 : FORM_RM8;
        return;
    }
    f->row.gpr_read |= read ? 1u << gpr_number(op->reg.value) : 0;
    f->row.gpr_written |= is_written(op) ? 1u << gpr_number(op->reg.value) : 0;
}

static void widen_vec(ZydisRegister r, struct facts *f)
{
    static const uint8_t codes[] = {
        [ZYDIS_REGCLASS_XMM] = 1, [ZYDIS_REGCLASS_YMM] = 2, [ZYDIS_REGCLASS_ZMM] = 3};
    unsigned code = codes[ZydisRegisterGetClass(r)];
    if ((f->row.extra >> EXTRA_VEC_SHIFT & 3u) < code)
        f->row.extra = (f->row.extra & ~(3 << EXTRA_VEC_SHIFT)) | code << EXTRA_VEC_SHIFT;
}

static void take_reg(const struct answer *a, const ZydisDecodedOperand *op, struct facts *f)
{
    unsigned slot = slot_of(op), id = (unsigned)ZydisRegisterGetId(op->reg.value);
    switch (reg_class(op->reg.value)) {
    case REG_GPR: take_gpr(op, f); break;
    case REG_VEC:
        widen_vec(op->reg.value, f);
        if (slot) {
            f->row.slot_vec |= (is_read(op) ? slot : 0) | (is_written(op) ? slot << 4 : 0);
        } else {
            f->vec.read |= is_read(op) ? 1u << id : 0;
            f->vec.written |= is_written(op) ? 1u << id : 0;
        }
        if (op->attributes & ZYDIS_OATTRIB_IS_MULTISOURCE4)
            f->row.extra |= EXTRA_QUAD;
        break;
    case REG_K:
        f->row.extra |= EXTRA_AVX512;
        if (op->encoding == ZYDIS_OPERAND_ENCODING_MASK)
            f->row.slot_k |= is_written(op) ? slot << 4 : 0; /* reading follows from aaa != 0 */
        else
            f->row.slot_k |= (is_read(op) ? slot : 0) | (is_written(op) ? slot << 4 : 0);
        break;
    case REG_MMX: f->row.extra |= EXTRA_MMX | EXTRA_X87_WRITTEN; break;
    default:
        if (op->reg.value == ZYDIS_REGISTER_MXCSR && is_written(op))
            f->row.extra |= EXTRA_MXCSR_WRITTEN;
        if (is_written(op) && (ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_X87 ||
                               op->reg.value == ZYDIS_REGISTER_X87STATUS))
            f->row.extra |= EXTRA_X87_WRITTEN;
        if (ZydisRegisterGetClass(op->reg.value) == ZYDIS_REGCLASS_SEGMENT && is_written(op) &&
            a->in.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE &&
            a->in.meta.category != ZYDIS_CATEGORY_SYSCALL && a->in.meta.category != ZYDIS_CATEGORY_SYSRET)
            f->row.special = SP_MOV_SREG;
        break;
    }
}

static unsigned access_of(const ZydisDecodedOperand *op)
{
    bool is_cond = op->actions & (ZYDIS_OPERAND_ACTION_CONDREAD | ZYDIS_OPERAND_ACTION_CONDWRITE);
    return (is_read(op) ? MEM_READ : 0) | (is_written(op) ? MEM_WRITE : 0) | (is_cond ? MEM_COND : 0);
}

static unsigned log2_of(unsigned n)
{
    unsigned shift = 0;
    while (n > 1) {
        n >>= 1;
        shift++;
    }
    return shift;
}

static void take_implicit_mem(const ZydisDecodedOperand *op, struct facts *f)
{
    unsigned bytes = op->size / 8;
    switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->mem.base)) {
    case ZYDIS_REGISTER_RSP:
    case ZYDIS_REGISTER_RBP: /* Zydis gives pushes at rsp; we say size and direction only */
        f->implicit.stack_access |= access_of(op);
        f->implicit.stack_bytes = bytes;
        break;
    case ZYDIS_REGISTER_RSI:
    case ZYDIS_REGISTER_RBX: /* rbx: xlat */
        f->implicit.string_src |= access_of(op);
        f->implicit.string_bytes = bytes;
        break;
    case ZYDIS_REGISTER_RDI:
        f->implicit.string_dst |= access_of(op);
        f->implicit.string_bytes = bytes;
        break;
    default: break; /* movdir64b, enqcmd: SP_OTHER */
    }
}

static void take_mem(const struct answer *a, const ZydisDecodedOperand *op, struct facts *f)
{
    if (op->encoding == ZYDIS_OPERAND_ENCODING_NONE) {
        if (f->row.special != SP_OTHER)
            take_implicit_mem(op, f);
        else if (a->in.meta.category == ZYDIS_CATEGORY_PADLOCK)
            f->row.gpr_read |= 1u << gpr_number(op->mem.base);
        return;
    }
    if (op->encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64)
        f->row.form |= FORM_MOFFS;
    if (op->mem.type == ZYDIS_MEMOP_TYPE_VSIB) {
        f->row.form |= FORM_VSIB;
        widen_vec(op->mem.index, f);
    }
    f->row.mem = log2_of(a->context.cd8_scale) << 4;
    ZydisInstructionCategory category = a->in.meta.category;
    /* Correction: Zydis calls the address of nops, prefetches and cache line flushes a read. */
    if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN || category == ZYDIS_CATEGORY_NOP ||
        category == ZYDIS_CATEGORY_WIDENOP || category == ZYDIS_CATEGORY_PREFETCH ||
        category == ZYDIS_CATEGORY_PREFETCHWT1 || category == ZYDIS_CATEGORY_CLFLUSHOPT ||
        category == ZYDIS_CATEGORY_CLWB || category == ZYDIS_CATEGORY_CLDEMOTE ||
        a->in.mnemonic == M(CLFLUSH))
        return;
    f->row.mem |= access_of(op);
    if (category == ZYDIS_CATEGORY_AVX2GATHER)
        f->row.mem |= MEM_COND; /* Correction: elements are masked (under EVEX, decode.c sees that in aaa) */
    f->mem_bytes = op->size / 8;
}

static void take_operands(const struct answer *a, struct facts *f)
{
    for (unsigned i = 0; i < a->in.operand_count; i++) {
        const ZydisDecodedOperand *op = &a->op[i];
        if (op->type == ZYDIS_OPERAND_TYPE_REGISTER)
            take_reg(a, op, f);
        else if (op->type == ZYDIS_OPERAND_TYPE_MEMORY)
            take_mem(a, op, f);
    }
}

static void take_flags(const struct answer *a, struct facts *f)
{
    const ZydisAccessedFlags *z = a->in.cpu_flags;
    enum { ALL = FL_ARITH | FL_TF | FL_IF | FL_DF };
    bool is_conditional = false;
    for (unsigned i = 0; i < a->in.operand_count; i++)
        if (a->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
            ZydisRegisterGetClass(a->op[i].reg.value) == ZYDIS_REGCLASS_FLAGS)
            is_conditional |= a->op[i].actions & ZYDIS_OPERAND_ACTION_CONDWRITE;
    if (!z)
        return;
    f->flags.read = z->tested & ALL;
    f->flags.written = (z->modified | z->set_0 | z->set_1 | z->undefined) & ALL;
    f->flags.undefined = z->undefined & ALL;
    f->flags.killed = is_conditional ? 0 : f->flags.written;
    bool is_imm_shift = false;
    for (unsigned i = 0; i < a->in.operand_count; i++)
        is_imm_shift |= a->op[i].encoding == ZYDIS_OPERAND_ENCODING_UIMM8;
    if (is_imm_shift && f->flags.written && a->in.encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY &&
        (a->in.meta.category == ZYDIS_CATEGORY_SHIFT || a->in.meta.category == ZYDIS_CATEGORY_ROTATE))
        f->row.form |= FORM_SHIFT_IMM;
}

static uint8_t flow_of(const struct answer *a)
{
    const ZydisDecodedInstruction *in = &a->in;
    bool is_relative = in->raw.imm[0].is_relative;
    switch (in->mnemonic) {
    case M(SYSCALL): return FLOW_SYSCALL;
    case M(SYSENTER): return FLOW_SYSENTER;
    case M(SYSRET):
    case M(SYSEXIT):
    case M(IRET):
    case M(IRETD):
    case M(IRETQ):
    case M(UIRET): return FLOW_FAR;
    case M(INT):
    case M(INT1):
    case M(INT3):
    case M(INTO): return FLOW_INT;
    case M(LOOP):
    case M(LOOPE):
    case M(LOOPNE):
    case M(JCXZ):
    case M(JECXZ):
    case M(JRCXZ): return FLOW_LOOP;
    case M(XBEGIN):
    case M(XABORT):
    case M(XEND): return FLOW_NONE; /* SP_TSX */
    default: break;
    }
    if (in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return FLOW_FAR;
    switch (in->meta.category) {
    case ZYDIS_CATEGORY_COND_BR: return FLOW_JCC;
    case ZYDIS_CATEGORY_CALL: return is_relative ? FLOW_CALL : FLOW_CALL_IND;
    case ZYDIS_CATEGORY_UNCOND_BR: return is_relative ? FLOW_JMP : FLOW_JMP_IND;
    case ZYDIS_CATEGORY_RET: return FLOW_RET;
    default: return FLOW_NONE;
    }
}

static uint8_t special_of(const struct answer *a)
{
    for (unsigned i = 0; i < sizeof(specials) / sizeof(*specials); i++)
        if (specials[i].mnemonic == a->in.mnemonic)
            return specials[i].special;
    if (a->in.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
        return SP_PRIVILEGED;
    switch (a->in.meta.category) {
    case ZYDIS_CATEGORY_STRINGOP: return SP_STRING;
    case ZYDIS_CATEGORY_AVX2GATHER:
    case ZYDIS_CATEGORY_GATHER: return SP_GATHER;
    case ZYDIS_CATEGORY_SCATTER: return SP_SCATTER;
    default: return SP_NONE;
    }
}

/* The exception classes with floating-point exceptions, whose flags go to MXCSR (SDM vol. 2, 2.4 and 2.8). */
static bool is_float_class(ZydisExceptionClass c)
{
    switch (c) {
    case ZYDIS_EXCEPTION_CLASS_SSE2:
    case ZYDIS_EXCEPTION_CLASS_SSE3:
    case ZYDIS_EXCEPTION_CLASS_AVX2:
    case ZYDIS_EXCEPTION_CLASS_AVX3:
    case ZYDIS_EXCEPTION_CLASS_AVX11:
    case ZYDIS_EXCEPTION_CLASS_E2:
    case ZYDIS_EXCEPTION_CLASS_E2NF:
    case ZYDIS_EXCEPTION_CLASS_E3:
    case ZYDIS_EXCEPTION_CLASS_E3NF:
    case ZYDIS_EXCEPTION_CLASS_E11:
    case ZYDIS_EXCEPTION_CLASS_E11NF: return true;
    default: return false;
    }
}

/* Corrections: what Zydis 4.0 does not say about registers and state. */
static void correct_state(const struct answer *a, struct facts *f)
{
    switch (a->in.mnemonic) {
    case M(VZEROUPPER):
    case M(VZEROALL): /* no operands */
        f->vec.read = a->in.mnemonic == M(VZEROUPPER) ? 0xffff : 0;
        f->vec.written = 0xffff;
        f->row.extra |= 2 << EXTRA_VEC_SHIFT;
        break;
    case M(FXSAVE):
    case M(FXSAVE64):
        f->vec.read = 0xffff;
        f->row.extra |= 1 << EXTRA_VEC_SHIFT;
        break;
    case M(FXRSTOR):
    case M(FXRSTOR64):
        f->vec.read = f->vec.written = 0xffff; /* upper halves stay */
        f->row.extra |= 1 << EXTRA_VEC_SHIFT | EXTRA_X87_WRITTEN | EXTRA_MXCSR_WRITTEN;
        break;
    case M(XSAVE):
    case M(XSAVE64):
    case M(XSAVEC):
    case M(XSAVEC64):
    case M(XSAVEOPT):
    case M(XSAVEOPT64):
    case M(XRSTOR):
    case M(XRSTOR64): /* Zydis's 576 bytes are one layout of many; ours is the legacy part */
        f->mem_bytes = 512;
        f->vec.read = 0xffffffff;
        f->vec.k_read = 0xff;
        f->row.extra |= 3 << EXTRA_VEC_SHIFT;
        if (f->row.special != SP_XRSTOR) {
            f->row.mem |= MEM_RW; /* the header is read and written */
            break;
        }
        f->vec.written = 0xffffffff;
        f->vec.k_written = 0xff;
        f->row.extra |= EXTRA_X87_WRITTEN | EXTRA_MXCSR_WRITTEN;
        break;
    case M(EMMS):
    case M(FEMMS): /* no operands; they set the tag word */
        f->row.extra |= EXTRA_MMX | EXTRA_X87_WRITTEN;
        break;
    case M(CVTPI2PS): /* enters MMX state even with a memory operand (SDM) */
        f->row.extra |= EXTRA_X87_WRITTEN | EXTRA_MXCSR_WRITTEN;
        break;
    case M(CVTPS2PI):
    case M(CVTTPS2PI):
    case M(CVTPD2PI):
    case M(CVTTPD2PI): /* no exception class given */ f->row.extra |= EXTRA_MXCSR_WRITTEN; break;
    case M(VP2INTERSECTD):
    case M(VP2INTERSECTQ): /* one mask operand given, the even-odd pair is written */
        f->row.vec_rules |= VR_PAIR_K;
        break;
    default: break;
    }
    /* Every x87 instruction writes state (the status word, the instruction pointer) but these, of which
     * Zydis says the opposite. */
    if (a->in.mnemonic == M(FNSTCW) || a->in.mnemonic == M(FNSTSW) || a->in.mnemonic == M(FWAIT))
        f->row.extra &= ~EXTRA_X87_WRITTEN;
    else if (a->in.meta.isa_ext == ZYDIS_ISA_EXT_X87)
        f->row.extra |= EXTRA_X87_WRITTEN;
    if (is_float_class(a->in.meta.exception_class))
        f->row.extra |= EXTRA_MXCSR_WRITTEN; /* Zydis tells only ldmxcsr */
}

/* Corrections: flags. */
static void correct_flags(const struct answer *a, struct facts *f)
{
    switch (a->in.mnemonic) {
    case M(VPTEST):
    case M(VTESTPS):
    case M(VTESTPD): /* clear OF, AF, PF, SF as ptest does; Zydis has CF, ZF */
        f->flags.written = f->flags.killed = FL_ARITH;
        break;
    default: break;
    }
}

/* Corrections: implicit operands. */
static void correct_implicit(const struct answer *a, struct facts *f)
{
    switch (a->in.mnemonic) {
    case M(BSF):
    case M(BSR): /* the destination stays when the source is 0, on every CPU */
        f->row.slot_gpr |= SLOT_REG;
        break;
    case M(XLAT): /* al is part of the address */ f->row.gpr_read |= 1u << 0 | 1u << 3; break;
    case M(ENTER): /* the nested form copies frame pointers from [rbp - n] */
        f->implicit.stack_access |= MEM_RW;
        break;
    case M(MASKMOVQ):
    case M(MASKMOVDQU):
    case M(VMASKMOVDQU): /* bytes are masked, Zydis tells a plain store */
        f->implicit.string_dst |= MEM_COND;
        f->row.gpr_read |= 1u << 7;
        break;
    case M(VMASKMOVPS):
    case M(VMASKMOVPD):
    case M(VPMASKMOVD):
    case M(VPMASKMOVQ): /* the same */
    case M(CMOVB):
    case M(CMOVBE):
    case M(CMOVL):
    case M(CMOVLE):
    case M(CMOVNB):
    case M(CMOVNBE):
    case M(CMOVNL):
    case M(CMOVNLE):
    case M(CMOVNO):
    case M(CMOVNP):
    case M(CMOVNS):
    case M(CMOVNZ):
    case M(CMOVO):
    case M(CMOVP):
    case M(CMOVS):
    case M(CMOVZ): /* decode.h's meaning of MEM_COND: the value may go unused */
        f->row.mem |= f->row.mem & MEM_RW ? MEM_COND : 0;
        break;
    case M(RDSSPD):
    case M(RDSSPQ): /* a nop where shadow stacks are off */ f->row.slot_gpr |= SLOT_RM; break;
    case M(BT):
    case M(BTS):
    case M(BTR):
    case M(BTC):
        if (a->op[1].type == ZYDIS_OPERAND_TYPE_REGISTER)
            f->row.extra |= EXTRA_BIT_STRING;
        break;
    default: break;
    }
    /* cmps, scas, ins, outs come without their index registers. */
    if (a->in.meta.category == ZYDIS_CATEGORY_STRINGOP || a->in.meta.category == ZYDIS_CATEGORY_IOSTRINGOP) {
        unsigned used = (f->implicit.string_src ? 1u << 6 : 0) | (f->implicit.string_dst ? 1u << 7 : 0);
        bool is_rep =
            a->in.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
        used |= is_rep ? 1u << 1 : 0;
        f->row.gpr_read |= used;
        f->row.gpr_written |= used;
        f->flags.read |= FL_DF;
        if (is_rep) {
            f->flags.killed = 0;
            f->implicit.string_src |= f->implicit.string_src ? MEM_COND : 0;
            f->implicit.string_dst |= f->implicit.string_dst ? MEM_COND : 0;
        }
    }
}

static void take_instruction(const struct answer *a, struct facts *f)
{
    const ZydisDecodedInstruction *in = &a->in;
    f->row.special = special_of(a);
    f->row.flow = flow_of(a);
    if (in->attributes & ZYDIS_ATTRIB_HAS_MODRM)
        f->row.form |= FORM_MODRM;
    take_operands(a, f);
    unsigned imm_bytes = in->raw.imm[0].size / 8 + in->raw.imm[1].size / 8;
    if (f->row.form & FORM_MOFFS)
        imm_bytes = 8;
    unsigned width = in->operand_width;
    f->row.imm_op = imm_bytes | log2_of(width >= 64 ? 8 : width < 8 ? 1 : width / 8) << 4;
    take_flags(a, f);
    if (in->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX || in->meta.isa_ext == ZYDIS_ISA_EXT_AVX512VEX)
        f->row.extra |= EXTRA_AVX512;
    correct_state(a, f);
    correct_flags(a, f);
    correct_implicit(a, f);
}

/* Which extension bits make the instruction undefined, asked one at a time. */
static uint8_t ask_must_zero(const struct probe *base, const struct facts *f)
{
    static const uint8_t bits[] = {XB_R, XB_R2, XB_X, XB_B, XB_V2};
    uint8_t must_zero = 0;
    struct probe q;
    bool is_mem = !(base->sel >> SEL_MOD3 & 1);
    bool is_evex = base->map >= OPTAB_EVEX1 && base->map <= OPTAB_EVEX6, is_vector = base->map >= OPTAB_VEX1;
    if (!is_vector && !(f->row.form & FORM_MODRM))
        return 0;
    for (unsigned i = 0; i < (is_evex ? 5 : is_vector ? 4 : 1); i++) {
        if ((bits[i] == XB_R2 && !is_evex) || (is_mem && (bits[i] == XB_X || bits[i] == XB_B)))
            continue;
        q = *base;
        q.ext ^= bits[i];
        must_zero |= is_valid(&q) ? 0 : bits[i];
    }
    if (is_vector) {
        q = *base;
        q.vvvv ^= 8;
        must_zero |= is_valid(&q) ? 0 : XB_V3;
        /* vvvv is no operand if no value but 1111 goes, however the other registers are chosen. */
        bool is_free = false;
        for (q.vvvv = 1; q.vvvv < 8; q.vvvv++)
            is_free |= is_valid(&q);
        must_zero |= is_free ? 0 : XB_VVVV_LOW;
    }
    return must_zero;
}

static uint8_t ask_vec_rules(const struct probe *base, const struct facts *f)
{
    uint8_t rules = 0;
    struct probe q = *base;
    if (base->map >= OPTAB_EVEX1 && base->map <= OPTAB_EVEX6) {
        for (unsigned i = 0; i < 4; i++) {
            q.aaa = i & 1;
            q.z = i >> 1;
            rules |= is_valid(&q) ? 1 << i : 0;
        }
        q = *base;
    }
    unsigned reg = base->sel >> SEL_REG & 7, rm = base->sel & 7;
    bool is_mem = !(base->sel >> SEL_MOD3 & 1), is_vvvv = !(f->row.must_zero & XB_VVVV_LOW);
    if (is_mem && !(f->row.form & FORM_VSIB)) {
        q.vvvv = reg;
        rules |= is_vvvv && !is_valid(&q) ? VR_REG_VVVV : 0;
        return rules;
    }
    if (is_vvvv) {
        q.vvvv = reg;
        rules |= !is_valid(&q) ? VR_REG_VVVV : 0;
        q.vvvv = is_mem ? q.index : rm;
        rules |= !is_valid(&q) ? VR_RM_VVVV : 0;
    }
    q = *base;
    if (is_mem)
        q.index = reg;
    else
        q.sel = (q.sel & ~7u) | reg;
    rules |= !is_valid(&q) ? VR_REG_RM : 0;
    return rules;
}

/* Finds a valid form of a vector instruction: registers all different, a mask where one is required. */
static bool find_vector_base(struct probe *q, struct answer *a)
{
    unsigned reg = q->sel >> SEL_REG & 7, rm = q->sel & 7;
    q->index = reg == 2 ? 3 : 2; /* never 4 */
    static const uint8_t masks[] = {0, 1};
    for (unsigned i = 0; i < (q->map >= OPTAB_EVEX1 && q->map <= OPTAB_EVEX6 ? 2 : 1); i++) {
        q->aaa = masks[i];
        q->vvvv = 0;
        if (ask(q, a))
            return true;
        for (q->vvvv = 1; q->vvvv < 8; q->vvvv++)
            if (q->vvvv != reg && q->vvvv != rm && q->vvvv != q->index)
                break;
        if (ask(q, a))
            return true;
    }
    return false;
}

bool facts_ask(const struct probe *probe, struct facts *ret)
{
    struct probe q = *probe;
    struct answer a;
    memset(ret, 0, sizeof(*ret));
    /* Correction: f3 90 is pause, but f3 REX.B 90 is xchg r8 with f3 ignored; Zydis calls both pause. */
    if (q.map == OPTAB_ONE_BYTE && q.opcode == 0x90 && (q.sel >> SEL_REX_B & 1))
        q.sel &= ~(1u << SEL_F3 | 1u << SEL_F2);
    bool is_vector = q.map >= OPTAB_VEX1;
    if (!(is_vector ? find_vector_base(&q, &a) : ask(&q, &a)))
        return false;
    take_instruction(&a, ret);
    bool is_mem = !(q.sel >> SEL_MOD3 & 1);
    if (is_mem && (ret->row.form & FORM_MODRM) && a.in.raw.disp.size == 0)
        ret->row.form |= FORM_REG_ONLY;
    ret->row.must_zero = ask_must_zero(&q, ret);
    if (is_vector) {
        ret->row.vec_rules |= ask_vec_rules(&q, ret);
    } else if (is_mem && (a.in.attributes & ZYDIS_ATTRIB_ACCEPTS_LOCK)) {
        q.lock = true;
        ret->row.form |= is_valid(&q) ? FORM_LOCK_OK : 0;
    }
    return true;
}

void facts_setup(void)
{
    if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
        exit(1);
    /* MPX is gone from Linux and from CPUs: its opcodes are the nops that they are without it. */
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MPX, false);
}
