/* The x86-64 instruction decoder: bytes in, everything the engine must know out.
 *
 * Table-driven: the tables are generated at build time by tools/gen_optab.c, which asks Zydis about
 * every opcode. 64-bit mode only. No memory allocation, no library; builds freestanding and hosted.
 * Source of truth for semantics: Intel SDM vol. 2, AMD APM vol. 3.
 *
 * Usage:
 *     struct insn in;
 *     int len = insn_decode(bytes, n_bytes, &in);   // > 0 length; 0 more bytes needed; < 0 invalid
 */
#ifndef ODB_PRELOAD_DECODE_H
#define ODB_PRELOAD_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSN_MAX_BYTES 15

/* clang-format off */
enum insn_enc { INSN_LEGACY, INSN_VEX, INSN_EVEX, INSN_XOP };

/* How control leaves the instruction. */
enum insn_flow {
    FLOW_NONE,     /* to the next instruction */
    FLOW_JCC,      /* conditional, relative (70-7f, 0f 80-8f) */
    FLOW_LOOP,     /* loop, loope, loopne, jrcxz (e0-e3): short only, count register by address size */
    FLOW_JMP,      /* relative jump */
    FLOW_CALL,     /* relative call */
    FLOW_JMP_IND,  /* ff /4 */
    FLOW_CALL_IND, /* ff /2 */
    FLOW_RET,      /* c2, c3 */
    FLOW_SYSCALL,  /* 0f 05 */
    FLOW_FAR,      /* far jmp/call/ret, iret, sysret, sysexit: never translated, refused or faulting */
    FLOW_INT,      /* int n, int3, int1, into */
    FLOW_SYSENTER, /* 0f 34 */
};

/* What the engine must not simply copy. */
enum insn_special {
    SP_NONE,
    SP_INVALID,    /* #UD on every CPU of the recording's policy: ud0/1/2 and undefined opcodes that have a length */
    SP_PRIVILEGED, /* #GP at CPL 3: hlt, in, out, ins, outs, cli, sti, mov cr/dr, lgdt, wrmsr, invlpg, ... */
    SP_CPUID, SP_RDTSC, SP_RDTSCP, SP_RDRAND, SP_RDSEED, SP_RDPID, SP_RDPMC, SP_XGETBV,
    SP_FXSAVE, SP_FXRSTOR, SP_XSAVE, SP_XSAVEC, SP_XSAVEOPT, SP_XRSTOR, /* the 64-bit forms too: rex_w */
    SP_FNSTENV, SP_FNSAVE,            /* store the x87 instruction pointer */
    SP_FLDENV, SP_FRSTOR,
    SP_PUSHF, SP_POPF,
    SP_STRING,     /* movs, cmps, stos, lods, scas, with or without rep */
    SP_XLAT, SP_ENTER, SP_LEAVE,
    SP_MASKMOV,    /* maskmovq, (v)maskmovdqu: store through rdi */
    SP_GATHER, SP_SCATTER,
    SP_MOV_SREG,   /* mov sreg, r/m and pop fs/gs, lfs/lgs/lss: changes a segment register */
    SP_WRSEGBASE,  /* wrfsbase, wrgsbase */
    SP_RDSEGBASE,
    SP_SWAPGS,
    SP_TSX,        /* xbegin, xend, xabort, xtest: hidden from the program */
    SP_MONITOR,    /* monitor(x), mwait(x), umwait, tpause */
    SP_SMSW_SLDT,  /* smsw, sldt, str, sgdt, sidt: machine-dependent under UMIP */
    SP_LSL_LAR,    /* lsl, lar, verr, verw */
    SP_PKRU,       /* rdpkru, wrpkru */
    SP_CET,        /* rdssp, incssp, endbr are not special when they are nops; endbr is SP_NONE */
    SP_OTHER,      /* understood, but of no use to translated code: list in tools/gen_optab_row.c */
};

/* RFLAGS bits, as in the register. */
enum {
    FL_CF = 0x001, FL_PF = 0x004, FL_AF = 0x010, FL_ZF = 0x040, FL_SF = 0x080,
    FL_TF = 0x100, FL_IF = 0x200, FL_DF = 0x400, FL_OF = 0x800,
    FL_ARITH = FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF,
};

enum { SEG_NONE, SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };

/* Access of a memory operand. Address-only operands (lea, nop, prefetch) have MEM_NONE. */
enum { MEM_NONE = 0, MEM_READ = 1, MEM_WRITE = 2, MEM_RW = 3, MEM_COND = 4 /* may not happen: cmov load, maskmov, cmpxchg */ };

#define GPR_NONE 0xff
#define GPR_RIP 0xfe

struct insn {
    uint8_t len;
    uint8_t enc;      /* enum insn_enc */
    uint8_t map;      /* legacy: 0 = one byte, 1 = 0f, 2 = 0f38, 3 = 0f3a, 15 = 3dnow; VEX/EVEX: mmmmm; XOP: 8, 9, 10 */
    uint8_t opcode;
    uint8_t flow;     /* enum insn_flow */
    uint8_t special;  /* enum insn_special */
    uint8_t cond;     /* FLOW_JCC: condition 0-15; FLOW_LOOP: opcode & 3 */

    /* prefixes */
    bool pfx_66, pfx_67, pfx_lock, pfx_f2, pfx_f3; /* the legacy bytes as present, not "mandatory" ones of VEX/EVEX */
    uint8_t seg;      /* effective segment override: only SEG_FS and SEG_GS matter in 64-bit mode */
    uint8_t rex;      /* 0 if none */
    bool rex_w;       /* effective W (REX, VEX, EVEX) */
    uint8_t n_prefix; /* bytes before the opcode byte(s): legacy prefixes and REX, or up to the end of VEX/EVEX/XOP */
    uint8_t off_opcode; /* offset of the last opcode byte (the one in `opcode`) */
    uint8_t opsize_bytes; /* effective operand size of general-register forms: 1, 2, 4, 8 */

    /* modrm, sib, displacement, immediate */
    bool has_modrm;
    uint8_t modrm, off_modrm;
    bool has_sib;
    uint8_t sib;
    uint8_t reg, rm;  /* full numbers with the extension bits, 0-31 */
    uint8_t off_disp, disp_bytes;
    int32_t disp;               /* EVEX disp8 comes scaled */
    uint8_t off_imm, imm_bytes; /* all immediates together (enter: 3; moffs: counted here, 8 or 4) */
    int64_t imm;                /* sign-extended; branch displacement for relative branches */

    /* the modrm memory operand; valid when has_mem. vsib gives index as vector register number */
    bool has_mem, is_vsib;
    uint8_t base, index, scale_log2; /* GPR_NONE, GPR_RIP or 0-15 */
    uint8_t mem_access;              /* MEM_* of this operand */
    uint16_t mem_bytes;              /* size of the access; for gathers of one element; 0 if address only;
                                        for xsave etc. the fixed legacy size 512, real size known at run time */

    /* implicit memory accesses */
    uint8_t stack_access;      /* MEM_READ for pop/ret/leave, MEM_WRITE for push/call, both for enter */
    uint8_t stack_bytes;       /* size of one push or pop: write is at rsp - stack_bytes, read at rsp (leave: at rbp) */
    uint8_t string_src, string_dst; /* MEM_* of [rsi] and [rdi] operands */
    uint8_t string_bytes;      /* element size; SP_XLAT: 1 at [rbx+al]; SP_MASKMOV: 8 or 16 at [rdi] */
    bool is_moffs;             /* a0-a3: address is imm; mem_access and mem_bytes tell the access */
    bool bit_string;           /* bt/bts/btr/btc mem,reg: the address accessed is that of the operand plus
                                  (signed bit offset register >> 3), aligned down to the operand size */

    /* registers, including implicit ones and address registers; bit n = enum odb_gpr n. A register whose
     * old value survives in part (8- and 16-bit writes) or perhaps (cmov) counts as read too, so
     * gpr_written & ~gpr_read is wholly and certainly overwritten. */
    uint16_t gpr_read, gpr_written;
    bool gpr_high8;            /* uses ah, ch, dh or bh: no REX may be added */
    uint16_t flags_read;       /* may be read */
    uint16_t flags_written;    /* may be written, undefined ones included */
    uint16_t flags_killed;     /* certainly overwritten or undefined, whatever the operands */
    uint16_t flags_undefined;  /* those of flags_written that are undefined: some CPUs leave them unchanged */
    uint32_t vec_read, vec_written; /* xmm/ymm/zmm 0-31 */
    uint8_t vec_bytes;         /* widest vector operand: 16, 32, 64; 0 none */
    uint8_t k_read, k_written; /* opmask registers */
    bool x87_written, mxcsr_written, is_mmx; /* is_mmx: touches mm registers, which are x87 state */
    bool needs_avx512;         /* EVEX-encoded or opmask instruction: #UD under the v3 policy */
};
/* clang-format on */

/* Decodes one instruction. Returns its length, 0 when `n_bytes` (< 15) cut it off, negative when the
 * bytes are no instruction at any length (then the CPU raises #UD, or #GP if longer than 15). */
int insn_decode(const uint8_t *bytes, size_t n_bytes, struct insn *ret);

#endif
