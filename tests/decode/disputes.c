/* Who is right when two decoders disagree: the CPU, where it can be asked, else a row of `disputes`. */
#include "tests/decode/disputes.h"

#include <stdio.h>
#include <string.h>

#include "tests/decode/cpu_oracle.h"

/* clang-format off */
enum dispute { D_KNC, D_LOCK, D_CPU, D_UNDEFINED_LENGTH, D_BRANCH_66, D_PREFETCH_REG, D_SREG, D_UNTRIED,
               D_VMCALL, D_NEWER, N_DISPUTES };

static struct {
    const char *reason;
    unsigned long n;
} disputes[N_DISPUTES] = {
    [D_KNC] = { "Zydis decodes Knights Corner instructions, which no other CPU has", 0 },
    [D_LOCK] = { "lock where it is undefined: SP_INVALID with its length; Zydis and capstone reject the bytes", 0 },
    [D_CPU] = { "capstone is wrong: the bare CPU, asked, sides with the decoder", 0 },
    [D_UNDEFINED_LENGTH] = { "ud0, ud1, vmread and the like: other length or unknown; #UD at any length", 0 },
    [D_BRANCH_66] = { "near branch with 66: Intel's length, capstone has AMD's", 0 },
    [D_PREFETCH_REG] = { "0f 0d with a register: nop on Intel and for Zydis, #UD on AMD and for capstone", 0 },
    [D_SREG] = { "mov sreg, reg: REX.R is ignored; capstone rejects it. Not tried: it would reload fs", 0 },
    [D_UNTRIED] = { "scatters and wrfsbase/wrgsbase: capstone rejects some prefixes, Zydis does not; harmful to try", 0 },
    [D_VMCALL] = { "vmcall with 66, f2, f3: not defined; the hypervisor answers it, so the CPU was no help", 0 },
    [D_NEWER] = { "capstone 4.0 does not know the instruction set, nor does this CPU", 0 },
};
/* clang-format on */

static bool explained(enum dispute d)
{
    disputes[d].n++;
    return true;
}

bool dispute_zydis(const uint8_t *b, const struct insn *in, int len, const struct answer *zydis)
{
    (void)b;
    if (zydis && len < 0 &&
        (zydis->in.meta.isa_ext == ZYDIS_ISA_EXT_KNC || zydis->in.meta.isa_ext == ZYDIS_ISA_EXT_KNCE ||
         zydis->in.meta.isa_ext == ZYDIS_ISA_EXT_KNCV))
        return explained(D_KNC);
    if (!zydis && len > 0 && in->pfx_lock && in->special == SP_INVALID)
        return explained(D_LOCK);
    return false;
}

bool cpu_agrees(const uint8_t *b, const struct insn *in, int len)
{
    if (len < 0)
        return cpu_try(b, INSN_MAX_BYTES) == CPU_INVALID;
    if (cpu_is_harmful(in) || (len > 1 && cpu_try(b, (unsigned)len - 1) != CPU_WANTS_MORE))
        return false;
    enum cpu_verdict verdict = cpu_try(b, (unsigned)len);
    return in->special == SP_INVALID ? verdict == CPU_INVALID
                                     : verdict == CPU_PROTECTED || verdict == CPU_DECODES;
}

/* What capstone 4.0 does not know and the CPU could not be asked about: absent here, or harmful to try. */
static bool is_newer_isa(const struct answer *zydis)
{
    static const char *const prefixes[] = {
        "AVX512_FP16", "AVX512ER",    "AVX512PF",
        "AVX512_4",    "KEYLOCKER",   "ENQCMD",
        "AMX_",        "LWP",         "SERIALIZE",
        "PCONFIG",     "SGX",         "SNP",
        "TDX",         "AMD_INVLPGB", "UINTR",
        "HRESET",      "MOVDIR",      "CLZERO",
        "WAITPKG",     "PKU",         "RDPRU",
        "MONITORX",    "MCOMMIT",     "PT",
        "TSX_LDTRK",   "CET",         "AVX512_VP2INTERSECT",
        "AVX512_BF16", "VMFUNC",      "RDPID",
        "PADLOCK",     "PREFETCHWT1", "INVPCID",
    };
    const char *isa = ZydisISASetGetString(zydis->in.meta.isa_set);
    for (unsigned i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (!strncmp(isa, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* Capstone decodes, Zydis and we do not, and the CPU was no help. */
static bool dispute_undefined(const uint8_t *b, const struct insn *in, int capstone_len)
{
    static const uint8_t vmcall[] = {0x0f, 0x01, 0xc1};
    bool is_near = in->map == 0 ? (in->opcode & 0xfe) == 0xe8 : in->map == 1 && (in->opcode & 0xf0) == 0x80;
    if ((in->pfx_66 || in->pfx_f2 || in->pfx_f3) && !memcmp(b + capstone_len - 3, vmcall, sizeof(vmcall)))
        return explained(D_VMCALL);
    if (in->pfx_66 && is_near && capstone_len >= INSN_MAX_BYTES - 2)
        return explained(D_BRANCH_66);
    if (in->map == 1 && (in->opcode == 0x78 || in->opcode == 0x79))
        return explained(
            D_UNDEFINED_LENGTH); /* AMD takes two immediate bytes with any prefix, then #UD or #GP */
    return false;
}

bool dispute_capstone(const uint8_t *b, const struct insn *in, int len, int capstone_len,
                      const struct answer *zydis)
{
    if (len > 0 && in->special == SP_INVALID)
        return explained(in->pfx_lock ? D_LOCK : D_UNDEFINED_LENGTH);
    if (len > 0 && in->pfx_66 && (in->flow != FLOW_NONE && in->flow != FLOW_FAR))
        return explained(D_BRANCH_66);
    if (cpu_agrees(b, in, len))
        return explained(D_CPU);
    if (len < 0 && !zydis && capstone_len > 3 && dispute_undefined(b, in, capstone_len))
        return true;
    if (len < 0 || !zydis || zydis->in.length != len || capstone_len > 0)
        return false;
    if (in->enc == INSN_LEGACY && in->map == 1 && in->opcode == 0x0d && !in->has_mem)
        return explained(D_PREFETCH_REG);
    if (in->map == 0 && in->opcode == 0x8e && (in->rex & 4))
        return explained(D_SREG);
    if (in->special == SP_SCATTER || in->special == SP_WRSEGBASE)
        return explained(D_UNTRIED);
    return is_newer_isa(zydis) ? explained(D_NEWER) : false;
}

void dispute_print(void)
{
    for (unsigned i = 0; i < N_DISPUTES; i++)
        if (disputes[i].n)
            printf("  %9lu  %s\n", disputes[i].n, disputes[i].reason);
}
