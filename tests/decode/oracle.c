/* Zydis as an oracle for the decoder, and the list of differences that are explained.
 *
 * Every explained difference is a row of `explanations`: it says whom it concerns and puts the expected
 * value right, so that the comparison stays exact. A difference without a row is a failure.
 */
#include "tests/decode/oracle.h"

#include <stdio.h>
#include <string.h>

static ZydisDecoder decoder;

#define M(name) ZYDIS_MNEMONIC_##name
#define C(name) ZYDIS_CATEGORY_##name

void oracle_setup(void)
{
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MPX, false);
}

bool oracle_ask(const uint8_t *bytes, unsigned n, struct answer *ret)
{
    ZydisDecoderContext context;
    return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, bytes, n, &ret->in)) &&
           ZYAN_SUCCESS(
               ZydisDecoderDecodeOperands(&decoder, &context, &ret->in, ret->op, ZYDIS_MAX_OPERAND_COUNT));
}

static bool is_read(const ZydisDecodedOperand *op) { return op->actions & ZYDIS_OPERAND_ACTION_MASK_READ; }

static bool is_written(const ZydisDecodedOperand *op)
{
    return op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
}

static unsigned access_of(const ZydisDecodedOperand *op)
{
    return (is_read(op) ? MEM_READ : 0) | (is_written(op) ? MEM_WRITE : 0) |
           (op->actions & (ZYDIS_OPERAND_ACTION_CONDREAD | ZYDIS_OPERAND_ACTION_CONDWRITE) ? MEM_COND : 0);
}

/* The 64-bit register around any general register, as a bit; 0 for others. */
static unsigned gpr_bit(ZydisRegister r)
{
    ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);
    if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15)
        return 0;
    return 1u << (wide - ZYDIS_REGISTER_RAX);
}

static unsigned vec_bytes(ZydisRegister r)
{
    ZydisRegisterClass c = ZydisRegisterGetClass(r);
    return c == ZYDIS_REGCLASS_XMM ? 16 : c == ZYDIS_REGCLASS_YMM ? 32 : c == ZYDIS_REGCLASS_ZMM ? 64 : 0;
}

static void expect_reg(const ZydisDecodedOperand *op, struct insn *e)
{
    ZydisRegister r = op->reg.value;
    unsigned id = (unsigned)ZydisRegisterGetId(r);
    switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8:
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
        if (is_read(op) ||
            (is_written(op) && (op->size < 32 || op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE)))
            e->gpr_read |= gpr_bit(r);
        if (is_written(op))
            e->gpr_written |= gpr_bit(r);
        if (r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH && op->encoding != ZYDIS_OPERAND_ENCODING_NONE)
            e->gpr_high8 = true;
        break;
    case ZYDIS_REGCLASS_XMM:
    case ZYDIS_REGCLASS_YMM:
    case ZYDIS_REGCLASS_ZMM: {
        unsigned bytes = vec_bytes(r);
        uint32_t mask = op->attributes & ZYDIS_OATTRIB_IS_MULTISOURCE4 ? 15u << (id & ~3u) : 1u << id;
        e->vec_read |= is_read(op) ? mask : 0;
        e->vec_written |= is_written(op) ? mask : 0;
        e->vec_bytes = bytes > e->vec_bytes ? bytes : e->vec_bytes;
        break;
    }
    case ZYDIS_REGCLASS_MASK:
        e->needs_avx512 = true;
        if (op->encoding == ZYDIS_OPERAND_ENCODING_MASK && id == 0)
            break; /* k0 as a mask means none */
        e->k_read |= is_read(op) ? 1u << id : 0;
        e->k_written |= is_written(op) ? 1u << id : 0;
        break;
    case ZYDIS_REGCLASS_MMX:
        e->is_mmx = true;
        e->x87_written = true;
        break;
    case ZYDIS_REGCLASS_X87: e->x87_written |= is_written(op); break;
    default:
        if (r == ZYDIS_REGISTER_X87STATUS || r == ZYDIS_REGISTER_X87CONTROL || r == ZYDIS_REGISTER_X87TAG)
            e->x87_written |= is_written(op);
        if (r == ZYDIS_REGISTER_MXCSR)
            e->mxcsr_written |= is_written(op);
        break;
    }
}

static void expect_modrm_mem(const ZydisDecodedOperand *op, struct insn *e)
{
    e->has_mem = true;
    e->is_vsib = op->mem.type == ZYDIS_MEMOP_TYPE_VSIB;
    e->mem_access = op->mem.type == ZYDIS_MEMOP_TYPE_AGEN ? MEM_NONE : access_of(op);
    e->mem_bytes = op->mem.type == ZYDIS_MEMOP_TYPE_AGEN ? 0 : op->size / 8;
    e->disp = (int32_t)op->mem.disp.value;
    ZydisRegister base = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->mem.base);
    if (op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP)
        e->base = GPR_RIP;
    else if (gpr_bit(op->mem.base))
        e->base = base - ZYDIS_REGISTER_RAX;
    if (op->mem.index != ZYDIS_REGISTER_NONE) {
        e->index = (uint8_t)ZydisRegisterGetId(op->mem.index);
        e->scale_log2 = op->mem.scale == 8 ? 3 : op->mem.scale == 4 ? 2 : op->mem.scale == 2 ? 1 : 0;
    }
    if (e->is_vsib) {
        e->vec_read |= 1u << e->index;
        e->vec_bytes = vec_bytes(op->mem.index) > e->vec_bytes ? vec_bytes(op->mem.index) : e->vec_bytes;
    }
    if (op->mem.segment == ZYDIS_REGISTER_FS || op->mem.segment == ZYDIS_REGISTER_GS)
        e->seg = op->mem.segment == ZYDIS_REGISTER_FS ? SEG_FS : SEG_GS;
}

static void expect_mem(const ZydisDecodedOperand *op, struct insn *e)
{
    if (op->mem.type != ZYDIS_MEMOP_TYPE_VSIB)
        e->gpr_read |= gpr_bit(op->mem.index);
    e->gpr_read |= gpr_bit(op->mem.base);
    if (op->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM) {
        expect_modrm_mem(op, e);
        return;
    }
    if (op->encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64) {
        e->is_moffs = true;
        e->mem_access = access_of(op);
        e->mem_bytes = op->size / 8;
        return;
    }
    switch (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->mem.base)) {
    case ZYDIS_REGISTER_RSP:
    case ZYDIS_REGISTER_RBP:
        e->stack_access |= access_of(op);
        e->stack_bytes = op->size / 8;
        break;
    case ZYDIS_REGISTER_RDI:
        e->string_dst |= access_of(op);
        e->string_bytes = op->size / 8;
        break;
    default:
        e->string_src |= access_of(op);
        e->string_bytes = op->size / 8;
        break;
    }
}

static void expect_flags(const struct answer *a, struct insn *e)
{
    enum { ALL = FL_ARITH | FL_TF | FL_IF | FL_DF };
    const ZydisAccessedFlags *z = a->in.cpu_flags;
    if (!z)
        return;
    bool is_cond = false;
    for (unsigned i = 0; i < a->in.operand_count; i++)
        is_cond |= a->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                   ZydisRegisterGetClass(a->op[i].reg.value) == ZYDIS_REGCLASS_FLAGS &&
                   (a->op[i].actions & ZYDIS_OPERAND_ACTION_CONDWRITE);
    e->flags_read = z->tested & ALL;
    e->flags_written = (z->modified | z->set_0 | z->set_1 | z->undefined) & ALL;
    e->flags_undefined = z->undefined & ALL;
    e->flags_killed = is_cond ? 0 : e->flags_written;
}

static uint8_t expect_flow(const struct answer *a)
{
    const ZydisDecodedInstruction *in = &a->in;
    bool is_direct = in->raw.imm[0].is_relative;
    if (in->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR)
        return FLOW_FAR;
    switch (in->meta.category) {
    case C(COND_BR):
        return in->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && in->opcode >= 0xe0 && in->opcode <= 0xe3
                   ? FLOW_LOOP
                   : FLOW_JCC;
    case C(UNCOND_BR): return is_direct ? FLOW_JMP : FLOW_JMP_IND;
    case C(CALL): return is_direct ? FLOW_CALL : FLOW_CALL_IND;
    case C(RET): return in->opcode == 0xcf ? FLOW_FAR : FLOW_RET;
    case C(INTERRUPT): return FLOW_INT;
    case C(SYSCALL): return in->opcode == 0x05 ? FLOW_SYSCALL : FLOW_SYSENTER;
    case C(SYSRET): return in->mnemonic == M(RSM) ? FLOW_NONE : FLOW_FAR;
    default: return FLOW_NONE;
    }
}

static void expect_bytes(const uint8_t *bytes, const struct answer *a, struct insn *e)
{
    const ZydisDecodedInstruction *in = &a->in;
    e->len = in->length;
    e->opcode = in->opcode;
    e->has_modrm = in->attributes & ZYDIS_ATTRIB_HAS_MODRM;
    if (e->has_modrm) {
        e->off_modrm = in->raw.modrm.offset;
        e->modrm = bytes[in->raw.modrm.offset];
    }
    e->has_sib = in->attributes & ZYDIS_ATTRIB_HAS_SIB;
    e->sib = e->has_sib ? bytes[in->raw.sib.offset] : 0;
    unsigned n = in->raw.imm[0].size / 8 + in->raw.imm[1].size / 8;
    unsigned at = in->raw.imm[0].offset;
    if (e->is_moffs) {
        n = in->raw.disp.size / 8;
        at = in->raw.disp.offset;
    } else {
        e->disp_bytes = in->raw.disp.size / 8;
        e->off_disp = in->raw.disp.offset;
    }
    if (n) {
        uint64_t v = 0;
        memcpy(&v, bytes + at, n);
        unsigned shift = 64 - 8 * n;
        e->imm = e->is_moffs ? (int64_t)v : (int64_t)(v << shift) >> shift;
        e->imm_bytes = n;
        e->off_imm = at;
    }
}

void oracle_expect(const uint8_t *bytes, const struct answer *a, struct insn *ret)
{
    const ZydisDecodedInstruction *in = &a->in;
    *ret = (struct insn){.base = GPR_NONE, .index = GPR_NONE};
    ret->enc = in->encoding == ZYDIS_INSTRUCTION_ENCODING_VEX    ? INSN_VEX
               : in->encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX ? INSN_EVEX
               : in->encoding == ZYDIS_INSTRUCTION_ENCODING_XOP  ? INSN_XOP
                                                                 : INSN_LEGACY;
    ret->needs_avx512 = ret->enc == INSN_EVEX;
    for (unsigned i = 0; i < in->operand_count; i++) {
        if (a->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER)
            expect_reg(&a->op[i], ret);
        else if (a->op[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
            expect_mem(&a->op[i], ret);
    }
    expect_bytes(bytes, a, ret);
    expect_flags(a, ret);
    ret->flow = expect_flow(a);
    ret->opsize_bytes = in->operand_width >= 64 ? 8 : in->operand_width < 8 ? 1 : in->operand_width / 8;
}

/* --- comparison ------------------------------------------------------------------------------------------ */

#define COMPARE(field)                                                                                 \
    do {                                                                                               \
        if (d->field != e->field) {                                                                    \
            n++;                                                                                       \
            if (verbose)                                                                               \
                printf("    " #field ": decoder 0x%llx, Zydis 0x%llx\n", (unsigned long long)d->field, \
                       (unsigned long long)e->field);                                                  \
        }                                                                                              \
    } while (0)

static unsigned compare_form(const struct insn *d, const struct insn *e, bool verbose)
{
    unsigned n = 0;
    COMPARE(len);
    COMPARE(enc);
    COMPARE(opcode);
    COMPARE(flow);
    COMPARE(opsize_bytes);
    COMPARE(has_modrm);
    COMPARE(modrm);
    COMPARE(off_modrm);
    COMPARE(has_sib);
    COMPARE(sib);
    COMPARE(disp_bytes);
    COMPARE(off_disp);
    COMPARE(off_imm);
    COMPARE(imm_bytes);
    COMPARE(imm);
    return n;
}

static unsigned compare_mem(const struct insn *d, const struct insn *e, bool verbose)
{
    unsigned n = 0;
    COMPARE(has_mem);
    COMPARE(is_vsib);
    COMPARE(base);
    COMPARE(index);
    if (e->index != GPR_NONE)
        COMPARE(scale_log2);
    COMPARE(disp);
    COMPARE(mem_access);
    COMPARE(mem_bytes);
    if (e->has_mem && e->mem_access) /* Zydis tells no segment for lea */
        COMPARE(seg);
    COMPARE(stack_access);
    COMPARE(stack_bytes);
    COMPARE(string_src);
    COMPARE(string_dst);
    COMPARE(string_bytes);
    COMPARE(is_moffs);
    return n;
}

static unsigned compare_state(const struct insn *d, const struct insn *e, bool verbose)
{
    unsigned n = 0;
    COMPARE(gpr_read);
    COMPARE(gpr_written);
    COMPARE(gpr_high8);
    COMPARE(flags_read);
    COMPARE(flags_written);
    COMPARE(flags_killed);
    COMPARE(flags_undefined);
    COMPARE(vec_read);
    COMPARE(vec_written);
    COMPARE(vec_bytes);
    COMPARE(k_read);
    COMPARE(k_written);
    COMPARE(x87_written);
    COMPARE(mxcsr_written);
    COMPARE(is_mmx);
    COMPARE(needs_avx512);
    return n;
}

bool oracle_same(const struct insn *a, const struct insn *b)
{
    return compare_form(a, b, false) + compare_mem(a, b, false) + compare_state(a, b, false) == 0;
}

/* Classes of ours that Zydis's categories must agree with. */
static unsigned compare_special(const struct answer *a, const struct insn *d, bool verbose)
{
    bool is_odd = d->special != SP_NONE || d->flow != FLOW_NONE, must_be_odd = false, may_be_odd = true;
    switch (a->in.meta.category) {
    case C(SYSTEM):
    case C(IO):
    case C(IOSTRINGOP):
    case C(XSAVE):
    case C(XSAVEOPT):
    case C(VTX):
    case C(SGX):
    case C(RDRAND):
    case C(RDSEED):
    case C(RDPID):
    case C(RDPRU):
    case C(RDWRFSGS):
    case C(PKU):
    case C(WAITPKG):
    case C(AVX2GATHER):
    case C(GATHER):
    case C(SCATTER):
    case C(STRINGOP):
    case C(SMAP):
    case C(CALL):
    case C(RET):
    case C(COND_BR):
    case C(UNCOND_BR):
    case C(INTERRUPT):
    case C(SYSCALL):
    case C(SYSRET):
    case C(SEGOP):
    case C(PCONFIG):
    case C(PT):
    case C(UINTR):
    case C(ENQCMD):
    case C(CLZERO):
    case C(PADLOCK):
    case C(TSX_LDTRK): must_be_odd = true; break;
    case C(ADOX_ADCX):
    case C(AES):
    case C(AVX2):
    case C(AVX512):
    case C(BINARY):
    case C(BITBYTE):
    case C(BMI1):
    case C(BMI2):
    case C(CMOV):
    case C(CONVERT):
    case C(FCMOV):
    case C(LOGICAL):
    case C(LOGICAL_FP):
    case C(NOP):
    case C(WIDENOP):
    case C(PREFETCH):
    case C(PUSH):
    case C(ROTATE):
    case C(SHIFT):
    case C(SETCC):
    case C(SEMAPHORE):
    case C(SHA):
    case C(STTNI):
    case C(TBM):
    case C(VFMA):
    case C(FMA4):
    case C(KMASK):
        may_be_odd = d->special == SP_PUSHF || d->special == SP_TSX || d->special == SP_INVALID;
        break;
    default: break;
    }
    if (a->in.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)
        must_be_odd = true;
    if ((must_be_odd && !is_odd) || (!may_be_odd && is_odd)) {
        if (verbose)
            printf("    special: %u, against its category %s\n", d->special,
                   ZydisCategoryGetString(a->in.meta.category));
        return 1;
    }
    return 0;
}

unsigned oracle_compare(const struct answer *a, const struct insn *decoded, const struct insn *expected,
                        bool verbose)
{
    return compare_form(decoded, expected, verbose) + compare_mem(decoded, expected, verbose) +
           compare_state(decoded, expected, verbose) + compare_special(a, decoded, verbose);
}

/* --- explained differences ------------------------------------------------------------------------------- */

typedef void explain_fn(const struct answer *a, const struct insn *decoded, struct insn *e);

static bool has_rep(const struct answer *a)
{
    return a->in.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
}

static void explain_not_access(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    ZydisInstructionCategory c = a->in.meta.category;
    if (c == C(NOP) || c == C(WIDENOP) || c == C(PREFETCH) || c == C(PREFETCHWT1) || c == C(CLFLUSHOPT) ||
        c == C(CLWB) || c == C(CLDEMOTE) || a->in.mnemonic == M(CLFLUSH)) {
        e->mem_access = MEM_NONE;
        e->mem_bytes = 0;
    }
}

static void explain_string(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.meta.category != C(STRINGOP) && a->in.meta.category != C(IOSTRINGOP))
        return;
    unsigned regs =
        (e->string_src ? 1u << 6 : 0) | (e->string_dst ? 1u << 7 : 0) | (has_rep(a) ? 1u << 1 : 0);
    e->gpr_read |= regs;
    e->gpr_written |= regs;
    e->flags_read |= FL_DF;
    if (has_rep(a)) {
        e->string_src |= e->string_src ? MEM_COND : 0;
        e->string_dst |= e->string_dst ? MEM_COND : 0;
        e->flags_killed = 0;
    }
}

static void explain_bit_scan(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(BSF) || a->in.mnemonic == M(BSR))
        e->gpr_read |= e->gpr_written;
}

static void explain_cond_mem(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(VMASKMOVPS) || a->in.mnemonic == M(VMASKMOVPD) ||
        a->in.mnemonic == M(VPMASKMOVD) || a->in.mnemonic == M(VPMASKMOVQ) ||
        a->in.meta.category == C(CMOV) || a->in.meta.category == C(AVX2GATHER))
        e->mem_access |= e->mem_access ? MEM_COND : 0;
}

static void explain_evex_mask(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (e->enc == INSN_EVEX && a->in.avx.mask.reg != ZYDIS_REGISTER_K0 &&
        a->in.avx.mask.reg != ZYDIS_REGISTER_NONE) {
        e->mem_access |= e->mem_access & MEM_RW ? MEM_COND : 0;
        if (a->in.avx.mask.mode == ZYDIS_MASK_MODE_MERGING || a->in.avx.mask.mode == ZYDIS_MASK_MODE_CONTROL)
            e->vec_read |= e->vec_written;
    }
}

static void explain_byte_mask(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(MASKMOVQ) || a->in.mnemonic == M(MASKMOVDQU) || a->in.mnemonic == M(VMASKMOVDQU))
        e->string_dst |= MEM_COND;
}

static void explain_xlat(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(XLAT))
        e->gpr_read |= 1;
}

static void explain_enter(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(ENTER))
        e->stack_access |= MEM_READ;
}

static void explain_rdssp(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(RDSSPD) || a->in.mnemonic == M(RDSSPQ))
        e->gpr_read |= e->gpr_written;
}

static void explain_vzero(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(VZEROALL) || a->in.mnemonic == M(VZEROUPPER)) {
        e->vec_written = 0xffff;
        e->vec_read = a->in.mnemonic == M(VZEROUPPER) ? 0xffff : 0;
        e->vec_bytes = 32;
    }
}

static void explain_save(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    switch (decoded->special) {
    case SP_FXSAVE:
    case SP_FXRSTOR:
        e->vec_bytes = 16;
        e->vec_read = 0xffff;
        if (decoded->special == SP_FXRSTOR) {
            e->vec_written = 0xffff;
            e->mxcsr_written = e->x87_written = true;
        }
        break;
    case SP_XSAVE:
    case SP_XSAVEC:
    case SP_XSAVEOPT:
    case SP_XRSTOR:
        e->vec_bytes = 64;
        e->vec_read = 0xffffffff;
        e->k_read = 0xff;
        e->mem_bytes = 512;
        if (a->in.mnemonic == M(XRSTOR) || a->in.mnemonic == M(XRSTOR64)) {
            e->vec_written = 0xffffffff;
            e->k_written = 0xff;
            e->mxcsr_written = e->x87_written = true;
        } else {
            e->mem_access |= MEM_READ;
        }
        break;
    default: break;
    }
}

static void explain_x87(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.meta.isa_ext == ZYDIS_ISA_EXT_X87)
        e->x87_written =
            a->in.mnemonic != M(FNSTCW) && a->in.mnemonic != M(FNSTSW) && a->in.mnemonic != M(FWAIT);
    if (a->in.mnemonic == M(EMMS) || a->in.mnemonic == M(FEMMS))
        e->x87_written = e->is_mmx = true;
    if (a->in.mnemonic == M(CVTPI2PS))
        e->x87_written = true;
}

static void explain_mxcsr(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    switch (a->in.meta.exception_class) {
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
    case ZYDIS_EXCEPTION_CLASS_E11NF: e->mxcsr_written = true; break;
    default: break;
    }
    (void)decoded;
}

static void explain_mmx_convert(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(CVTPI2PS) || a->in.mnemonic == M(CVTPS2PI) || a->in.mnemonic == M(CVTTPS2PI) ||
        a->in.mnemonic == M(CVTPD2PI) || a->in.mnemonic == M(CVTTPD2PI))
        e->mxcsr_written = true;
}

static void explain_vptest(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(VPTEST) || a->in.mnemonic == M(VTESTPS) || a->in.mnemonic == M(VTESTPD))
        e->flags_written = e->flags_killed = FL_ARITH;
}

/* f3 REX.B 90 is xchg r8, rax with f3 ignored: seen on the bare CPU. */
static void explain_pause(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    if (a->in.mnemonic == M(PAUSE) && (decoded->rex & 1))
        e->gpr_read = e->gpr_written = 1u << 0 | 1u << 8;
}

static void explain_shift_by_zero(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    if ((a->in.meta.category == C(SHIFT) || a->in.meta.category == C(ROTATE)) &&
        decoded->enc == INSN_LEGACY && decoded->imm_bytes &&
        !(decoded->imm & (e->opsize_bytes == 8 ? 63 : 31)))
        e->flags_killed = 0;
}

static void explain_pair(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(VP2INTERSECTD) || a->in.mnemonic == M(VP2INTERSECTQ))
        e->k_written = e->k_written & 0x55 ? e->k_written * 3 : e->k_written | e->k_written >> 1;
}

static void explain_other(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)a;
    if (decoded->special == SP_OTHER)
        e->string_src = e->string_dst = e->string_bytes = e->stack_access = e->stack_bytes = 0;
}

static void explain_tsx(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)a;
    if (decoded->special == SP_TSX)
        e->flow = FLOW_NONE;
}

static void explain_uiret(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(UIRET))
        e->flow = FLOW_FAR;
}

/* With 67, REX.B and sib base 5 without displacement bits in mod, Zydis names r13d and forgets disp32; the
 * manual (SDM vol. 2, table 2-5) and the CPU know no base there. */
static void explain_sib_67(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    if (!decoded->pfx_67 || !decoded->has_sib || (decoded->sib & 7) != 5 || decoded->modrm >= 0x40 ||
        e->base != 13)
        return;
    e->base = GPR_NONE;
    e->disp = (int32_t)a->in.raw.disp.value;
    bool is_operand = e->index == 13;
    for (unsigned i = 0; i < a->in.operand_count; i++)
        is_operand |=
            a->op[i].type == ZYDIS_OPERAND_TYPE_REGISTER && gpr_bit(a->op[i].reg.value) == 1u << 13 &&
            (is_read(&a->op[i]) || a->op[i].size < 32 || a->op[i].actions & ZYDIS_OPERAND_ACTION_CONDWRITE);
    e->gpr_read &= is_operand ? 0xffff : ~(1u << 13);
}

static void explain_fpclass(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    (void)decoded;
    if (a->in.mnemonic == M(VFPCLASSSH) || a->in.mnemonic == M(VFPCLASSPH) || a->in.mnemonic == M(VCMPSH) ||
        a->in.mnemonic == M(VCMPPH))
        e->k_read = e->k_read & (1u << ZydisRegisterGetId(a->in.avx.mask.reg)) & 0xfe;
}

/* clang-format off */
static struct {
    explain_fn *fn;
    const char *reason;
    unsigned long n;
} explanations[] = {
    { explain_not_access, "nops, prefetches and line flushes access nothing; Zydis says read", 0 },
    { explain_string, "string instructions: index registers, rcx, DF and the conditional access of rep added", 0 },
    { explain_bit_scan, "bsf, bsr leave their destination when the source is 0, so it counts as read", 0 },
    { explain_cond_mem, "cmov, vmaskmov, VEX gathers: MEM_COND, Zydis gives a plain access", 0 },
    { explain_evex_mask, "EVEX masks make memory accesses conditional and merged registers read", 0 },
    { explain_byte_mask, "maskmovq, maskmovdqu: masked store, Zydis gives a plain one", 0 },
    { explain_xlat, "xlat reads al for its address", 0 },
    { explain_enter, "enter reads the stack when nested", 0 },
    { explain_rdssp, "rdssp is a nop where shadow stacks are off, so its register counts as read", 0 },
    { explain_vzero, "vzeroall, vzeroupper have no operands in Zydis", 0 },
    { explain_save, "fxsave and xsave families: registers, legacy size 512, header read", 0 },
    { explain_x87, "x87 and emms: state is written by all but fnstcw, fnstsw, fwait; Zydis lists some", 0 },
    { explain_mxcsr, "exception flags go to MXCSR; Zydis lists ldmxcsr and the like only", 0 },
    { explain_mmx_convert, "cvtps2pi and the like raise MXCSR flags; Zydis gives no exception class", 0 },
    { explain_vptest, "vptest, vtestps/pd clear OF, AF, PF, SF; Zydis tells CF and ZF only (seen on the CPU)", 0 },
    { explain_pause, "f3 REX.B 90 is xchg r8, rax (seen on the CPU); Zydis says pause", 0 },
    { explain_shift_by_zero, "shifts and rotates by immediate 0 leave the flags", 0 },
    { explain_pair, "vp2intersect writes a pair of mask registers, Zydis gives one", 0 },
    { explain_other, "SP_OTHER: implicit memory is not told in string_* and stack_* fields", 0 },
    { explain_tsx, "xbegin, xabort, xend are SP_TSX, not branches", 0 },
    { explain_sib_67, "67 + REX.B + sib base 5 at mod 0: no base, disp32; Zydis says r13d, no displacement", 0 },
    { explain_fpclass, "vfpclasssh/ph, vcmpsh/ph: the masked destination is zeroed, not merged", 0 },
    { explain_uiret, "uiret is a far return", 0 },
};
/* clang-format on */

enum { N_EXPLANATIONS = sizeof(explanations) / sizeof(*explanations) };

void oracle_explain(const struct answer *a, const struct insn *decoded, struct insn *e)
{
    for (unsigned i = 0; i < N_EXPLANATIONS; i++) {
        struct insn before = *e;
        explanations[i].fn(a, decoded, e);
        explanations[i].n += !oracle_same(&before, e);
    }
}

void oracle_print_explained(void)
{
    for (unsigned i = 0; i < N_EXPLANATIONS; i++)
        if (explanations[i].n)
            printf("  %9lu  %s\n", explanations[i].n, explanations[i].reason);
}
