/* The x86-64 instruction decoder.
 *
 * Idea: prefixes and opcode choose a row of facts (decode_row.h), found through a small decision tree that
 * tools/gen_optab.c made by asking Zydis; this file knows only the grammar of the encoding (prefixes, REX,
 * VEX, EVEX, XOP, modrm, sib, displacement, immediate) and how a row's symbolic operands ("modrm.reg, read")
 * become register numbers. Facts about single opcodes do not belong here: where Zydis is wrong or silent,
 * tools/gen_optab_row.c has the list of corrections, each with its reason.
 *
 * Invariants: never reads beyond bytes[n_bytes - 1] (short input is copied to a zero-padded buffer first);
 * no memory but the tables, which hold no pointers, so the code is position independent; no call to any
 * library.
 *
 * What the CPU does, and so do we: the last of f2/f3 counts; REX counts only directly before the opcode;
 * the last of the fs/gs prefixes counts, whatever cs/ds/es/ss prefixes follow; a near branch ignores 66
 * (Intel; AMD would cut the target to 16 bits, no compiler emits it); VEX, EVEX and XOP after 66, f2, f3,
 * lock or REX are undefined.
 */
#include "preload/decode.h"
#include "preload/decode_row.h"

enum { PAD_BYTES = 32, MAX_READ = 26 /* 15 prefixes, opcode, modrm, sib, disp32, imm and some slack */ };

/* clang-format off */
/* Byte classes in the prefix scan. */
enum { PB_OPCODE, PB_REX, PB_66, PB_67, PB_LOCK, PB_F2, PB_F3, PB_SEG, PB_FS, PB_GS, PB_0F, PB_VEX2, PB_VEX3,
       PB_EVEX, PB_XOP };

static const uint8_t byte_class[256] = {
    [0x0f] = PB_0F, [0x26] = PB_SEG, [0x2e] = PB_SEG, [0x36] = PB_SEG, [0x3e] = PB_SEG,
    [0x40] = PB_REX, PB_REX, PB_REX, PB_REX, PB_REX, PB_REX, PB_REX, PB_REX,
    [0x48] = PB_REX, PB_REX, PB_REX, PB_REX, PB_REX, PB_REX, PB_REX, PB_REX,
    [0x62] = PB_EVEX, [0x64] = PB_FS, [0x65] = PB_GS, [0x66] = PB_66, [0x67] = PB_67,
    [0x8f] = PB_XOP, [0xc4] = PB_VEX3, [0xc5] = PB_VEX2, [0xf0] = PB_LOCK, [0xf2] = PB_F2, [0xf3] = PB_F3,
};

static const uint8_t vex_maps[32] = {
    [0] = OPTAB_NO_MAP, OPTAB_VEX1, OPTAB_VEX2, OPTAB_VEX3, [4 ... 31] = OPTAB_NO_MAP,
};
static const uint8_t evex_maps[8] = {
    OPTAB_NO_MAP, OPTAB_EVEX1, OPTAB_EVEX2, OPTAB_EVEX3, OPTAB_NO_MAP, OPTAB_EVEX5, OPTAB_EVEX6, OPTAB_NO_MAP,
};
/* clang-format on */

/* Everything gathered before the row is known. */
struct head {
    unsigned pos; /* next byte */
    uint32_t sel; /* selector bits 7 and up */
    uint8_t map;  /* enum optab_map */
    uint8_t ext;  /* XB_* bits */
    uint8_t vvvv; /* full number */
    uint8_t aaa, z;
};

#define INVALID (-1)

static inline uint32_t load_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int64_t load_signed(const uint8_t *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    unsigned shift = 64 - 8 * n;
    return (int64_t)(v << shift) >> shift;
}

/* Scans legacy prefixes and REX. Returns the class of the byte at h->pos. */
static unsigned scan_prefixes(const uint8_t *p, struct insn *in, struct head *h)
{
    unsigned pos = 0;
    for (;;) {
        unsigned class = byte_class[p[pos]];
        if (class == PB_REX) {
            in->rex = p[pos];
            unsigned next = byte_class[p[pos + 1]];
            if (next == PB_OPCODE || next >= PB_0F) {
                h->pos = pos + 1;
                return next;
            }
            in->rex = 0; /* not directly before the opcode: ignored */
        } else if (class == PB_OPCODE || class >= PB_0F) {
            h->pos = pos;
            return class;
        } else if (class == PB_66) {
            in->pfx_66 = true;
        } else if (class == PB_67) {
            in->pfx_67 = true;
        } else if (class == PB_LOCK) {
            in->pfx_lock = true;
        } else if (class == PB_F2) {
            in->pfx_f2 = true;
            h->sel = 1u << SEL_F2;
        } else if (class == PB_F3) {
            in->pfx_f3 = true;
            h->sel = 1u << SEL_F3;
        } else if (class == PB_FS) {
            in->seg = SEG_FS;
        } else if (class == PB_GS) {
            in->seg = SEG_GS;
        }
        if (++pos >= INSN_MAX_BYTES) {
            h->pos = pos;
            return PB_SEG; /* nothing but prefixes */
        }
    }
}

static void legacy_opcode(const uint8_t *p, bool is_0f, struct insn *in, struct head *h)
{
    unsigned rex = in->rex;
    h->sel |= (uint32_t)in->pfx_66 << SEL_66 | (rex >> 3 & 1) << SEL_W | (rex & 1) << SEL_REX_B;
    h->ext = (rex >> 2 & 1) * XB_R | (rex >> 1 & 1) * XB_X | (rex & 1) * XB_B;
    in->rex_w = rex >> 3 & 1;
    if (!is_0f) {
        h->map = OPTAB_ONE_BYTE;
        return;
    }
    h->pos++;
    if (p[h->pos] == 0x38 || p[h->pos] == 0x3a) {
        h->map = p[h->pos] == 0x38 ? OPTAB_0F38 : OPTAB_0F3A;
        in->map = p[h->pos] == 0x38 ? 2 : 3;
        h->pos++;
    } else if (p[h->pos] == 0x0f) {
        h->map = OPTAB_3DNOW;
        in->map = 15;
    } else {
        h->map = OPTAB_0F;
        in->map = 1;
    }
}

/* VEX (2 and 3 bytes) and XOP. `q` is at the c4/c5/8f byte. */
static int vex_prefix(const uint8_t *q, struct insn *in, struct head *h)
{
    unsigned first = q[0], rxb, last, w;
    if (first == 0xc5) {
        last = q[1];
        rxb = (q[1] & 0x80u) | 0x60;
        in->map = 1;
        w = 0;
        h->map = OPTAB_VEX1;
        h->pos += 2;
    } else {
        rxb = q[1] & 0xe0u;
        in->map = q[1] & 0x1f;
        last = q[2];
        w = q[2] >> 7;
        if (first == 0xc4)
            h->map = vex_maps[in->map];
        else
            h->map = in->map <= 10 ? OPTAB_XOP8 + (in->map - 8) : OPTAB_NO_MAP;
        h->pos += 3;
    }
    if (h->map == OPTAB_NO_MAP)
        return INVALID;
    rxb = ~rxb;
    h->vvvv = ~last >> 3 & 15;
    h->ext = (rxb >> 7 & 1) * XB_R | (rxb >> 6 & 1) * XB_X | (rxb >> 5 & 1) * XB_B | (h->vvvv >> 3) * XB_V3 |
             ((h->vvvv & 7) != 0) * XB_VVVV_LOW;
    h->sel = (last & 3) << SEL_PP | w << SEL_W | (last >> 2 & 1) << SEL_L;
    in->rex_w = w;
    in->enc = first == 0x8f ? INSN_XOP : INSN_VEX;
    return 0;
}

static int evex_prefix(const uint8_t *q, struct insn *in, struct head *h)
{
    unsigned p0 = q[1], p1 = q[2], p2 = q[3];
    h->pos += 4;
    in->map = p0 & 7;
    h->map = evex_maps[in->map];
    if ((p0 & 0x08) || !(p1 & 0x04) || h->map == OPTAB_NO_MAP)
        return INVALID;
    p0 = ~p0;
    h->vvvv = ~p1 >> 3 & 15;
    unsigned v2 = ~p2 >> 3 & 1;
    h->ext = (p0 >> 7 & 1) * XB_R | (p0 >> 4 & 1) * XB_R2 | (p0 >> 6 & 1) * XB_X | (p0 >> 5 & 1) * XB_B |
             (h->vvvv >> 3) * XB_V3 | v2 * XB_V2 | ((h->vvvv & 7) != 0) * XB_VVVV_LOW;
    h->vvvv |= v2 << 4;
    h->aaa = p2 & 7;
    h->z = p2 >> 7;
    h->sel = (p1 & 3) << SEL_PP | (p1 >> 7) << SEL_W | (p2 >> 5 & 3) << SEL_L | (p2 >> 4 & 1) << SEL_EVEX_B;
    in->rex_w = p1 >> 7;
    in->enc = INSN_EVEX;
    return 0;
}

/* Prefixes up to the opcode byte: afterwards h->pos is at it (3dnow: at the modrm, less one). */
static int decode_head(const uint8_t *p, struct insn *in, struct head *h)
{
    unsigned class = scan_prefixes(p, in, h);
    const uint8_t *q = p + h->pos;
    if (class == PB_SEG)
        return INVALID;
    if (class < PB_VEX2 || (class == PB_XOP && (q[1] & 0x1f) < 8)) {
        in->n_prefix = h->pos;
        legacy_opcode(p, class == PB_0F, in, h);
        return 0;
    }
    int rc = class == PB_EVEX ? evex_prefix(q, in, h) : vex_prefix(q, in, h);
    if (rc < 0 || in->pfx_66 || in->pfx_lock || in->pfx_f2 || in->pfx_f3 || in->rex)
        return INVALID;
    in->n_prefix = h->pos;
    return 0;
}

static unsigned find_row(unsigned map, unsigned opcode, uint32_t sel)
{
    unsigned ref = odb_optab_roots[map * 256 + opcode];
    while (!(ref & ROW_REF_LEAF)) {
        unsigned node = odb_optab_nodes[ref];
        ref = odb_optab_nodes[ref + 1 + (sel >> (node >> 4) & ((1u << (node & 15)) - 1))];
    }
    return ref & ~ROW_REF_LEAF;
}

static uint32_t modrm_sel(unsigned modrm) { return (modrm & 0x3f) | (uint32_t)(modrm >= 0xc0) << SEL_MOD3; }

/* The memory operand's address. Returns the position behind it. */
static unsigned decode_address(const uint8_t *p, unsigned pos, const struct head *h,
                               const struct optab_row *row, struct insn *in)
{
    unsigned mod = in->modrm >> 6, base = in->modrm & 7, disp_bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;
    unsigned ext_b = h->ext & XB_B ? 8 : 0, shift = 0;
    if (base == 4) {
        unsigned sib = p[pos];
        in->has_sib = true;
        in->sib = sib;
        pos++;
        base = sib & 7;
        unsigned index = (sib >> 3 & 7) | (h->ext & XB_X ? 8 : 0);
        in->scale_log2 = sib >> 6;
        if (row->form & FORM_VSIB) {
            in->is_vsib = true;
            in->index = index | (in->enc == INSN_EVEX && (h->ext & XB_V2) ? 16 : 0);
        } else if (index != 4) {
            in->index = index;
        }
        if (base == 5 && mod == 0) {
            base = GPR_NONE;
            disp_bytes = 4;
        } else {
            base |= ext_b;
        }
    } else if (base == 5 && mod == 0) {
        base = GPR_RIP;
        disp_bytes = 4;
    } else {
        base |= ext_b;
    }
    in->has_mem = true;
    in->base = base;
    if (disp_bytes) {
        in->off_disp = pos;
        in->disp_bytes = disp_bytes;
        if (disp_bytes == 1) {
            shift = row->mem >> 4;
            in->disp = (int32_t)((uint32_t)(int8_t)p[pos] << shift);
        } else {
            in->disp = (int32_t)load_u32(p + pos);
        }
    }
    return pos + disp_bytes;
}

/* One general register: 4-7 mean ah-bh for byte registers without REX. */
static inline unsigned gpr_bit(struct insn *in, unsigned number, bool is_byte)
{
    if (is_byte && in->enc == INSN_LEGACY && !in->rex && (number & 4)) {
        in->gpr_high8 = true;
        number &= 3;
    }
    return 1u << (number & 15);
}

static void gpr_operands(const struct head *h, const struct optab_row *row, struct insn *in)
{
    unsigned read = row->gpr_read, written = row->gpr_written, slots = row->slot_gpr;
    if (slots) {
        unsigned any = slots | slots >> 4;
        if (any & SLOT_REG) {
            unsigned bit = gpr_bit(in, in->reg, row->form & FORM_REG8);
            read |= slots & SLOT_REG ? bit : 0;
            written |= slots & SLOT_REG << 4 ? bit : 0;
        }
        if ((any & SLOT_RM) && !in->has_mem) {
            unsigned bit = gpr_bit(in, in->rm, row->form & FORM_RM8);
            read |= slots & SLOT_RM ? bit : 0;
            written |= slots & SLOT_RM << 4 ? bit : 0;
        }
        if (any & (SLOT_VVVV | SLOT_LAST)) {
            unsigned bit = any & SLOT_VVVV
                               ? 1u << (h->vvvv & 15)
                               : gpr_bit(in, (in->opcode & 7) | (in->rex & 1) << 3, row->form & FORM_RM8);
            read |= slots & (SLOT_VVVV | SLOT_LAST) ? bit : 0;
            written |= slots & (SLOT_VVVV | SLOT_LAST) << 4 ? bit : 0;
        }
    }
    if (in->has_mem) {
        read |= in->base < 16 ? 1u << in->base : 0;
        read |= in->index < 16 && !in->is_vsib ? 1u << in->index : 0;
    }
    in->gpr_read = read;
    in->gpr_written = written;
}

/* Vector and opmask registers; false when the encoding's own rules make the instruction undefined. */
static void vec_operands(const uint8_t *p, const struct head *h, const struct optab_row *row, struct insn *in)
{
    unsigned slots = row->slot_vec;
    const struct optab_vec *fixed = &odb_optab_vecs[row->fixed_vec];
    uint32_t reg = 1u << in->reg, rm = in->has_mem ? 0 : 1u << in->rm, vvvv = 1u << h->vvvv;
    uint32_t last = slots & 0x88 ? 1u << (p[in->off_imm] >> 4) : 0;
    if (row->extra & EXTRA_QUAD)
        vvvv = 15u << (h->vvvv & 28);
    in->vec_read = fixed->read | (slots & SLOT_REG ? reg : 0) | (slots & SLOT_RM ? rm : 0) |
                   (slots & SLOT_VVVV ? vvvv : 0) | (slots & SLOT_LAST ? last : 0);
    slots >>= 4;
    in->vec_written = fixed->written | (slots & SLOT_REG ? reg : 0) | (slots & SLOT_RM ? rm : 0) |
                      (slots & SLOT_VVVV ? vvvv : 0);
    if (in->is_vsib)
        in->vec_read |= 1u << in->index;
    if (in->enc == INSN_EVEX && h->aaa && !h->z)
        in->vec_read |= in->vec_written; /* merging */
    in->vec_bytes = (0x40201000u >> (row->extra >> EXTRA_VEC_SHIFT & 3) * 8) & 0xff;

    slots = row->slot_k;
    if (slots || h->aaa || fixed->k_read || fixed->k_written) {
        unsigned k_reg = 1u << (in->reg & 7), k_rm = in->has_mem ? 0 : 1u << (in->rm & 7);
        unsigned k_v = 1u << (h->vvvv & 7), k_mask = h->aaa ? 1u << h->aaa : 0;
        if (row->vec_rules & VR_PAIR_K)
            k_reg = 3u << (in->reg & 6);
        in->k_read = fixed->k_read | (slots & SLOT_REG ? k_reg : 0) | (slots & SLOT_RM ? k_rm : 0) |
                     (slots & SLOT_VVVV ? k_v : 0) | k_mask;
        slots >>= 4;
        in->k_written = fixed->k_written | (slots & SLOT_REG ? k_reg : 0) | (slots & SLOT_RM ? k_rm : 0) |
                        (slots & SLOT_VVVV ? k_v : 0) | (slots & SLOT_LAST ? k_mask : 0);
    }
}

/* Rules of VEX and EVEX that depend on register numbers and masks. */
static bool is_vec_legal(const struct head *h, const struct optab_row *row, const struct insn *in)
{
    unsigned rules = row->vec_rules;
    if (in->enc == INSN_EVEX && !(rules >> (h->z << 1 | (h->aaa != 0)) & 1))
        return false;
    if (rules & (VR_REG_RM | VR_REG_VVVV | VR_RM_VVVV)) {
        unsigned rm = in->has_mem ? in->index : in->rm;
        if ((rules & VR_REG_RM && in->reg == rm) || (rules & VR_REG_VVVV && in->reg == h->vvvv) ||
            (rules & VR_RM_VVVV && rm == h->vvvv))
            return false;
    }
    return true;
}

static void decode_imm(const uint8_t *p, unsigned pos, unsigned imm_bytes, const struct optab_row *row,
                       struct insn *in)
{
    in->off_imm = pos;
    in->imm_bytes = imm_bytes;
    if (imm_bytes == 1)
        in->imm = load_signed(p + pos, 1);
    else if (imm_bytes == 4)
        in->imm = row->form & FORM_MOFFS ? (int64_t)load_u32(p + pos) : (int32_t)load_u32(p + pos);
    else
        in->imm = load_signed(p + pos, imm_bytes);
}

static void decode_effects(const uint8_t *p, const struct head *h, const struct optab_row *row,
                           struct insn *in)
{
    in->flow = row->flow;
    in->special = row->special;
    in->opsize_bytes = 1u << (row->imm_op >> 4);
    if (in->flow == FLOW_JCC)
        in->cond = in->opcode & 15;
    else if (in->flow == FLOW_LOOP)
        in->cond = in->opcode & 3;
    if (in->pfx_lock && !(row->form & FORM_LOCK_OK)) {
        in->special = SP_INVALID;
        in->flow = FLOW_NONE;
    }

    const struct optab_flags *fl = &odb_optab_flags[row->flags];
    in->flags_read = fl->read;
    in->flags_written = fl->written;
    in->flags_killed = fl->killed;
    in->flags_undefined = fl->undefined;
    if ((row->form & FORM_SHIFT_IMM) && !(in->imm & (in->opsize_bytes == 8 ? 63 : 31)))
        in->flags_killed = 0;

    if (in->has_mem || (row->form & FORM_MOFFS)) {
        in->mem_access = row->mem & 7;
        in->mem_bytes = odb_optab_sizes[row->mem_size];
        if (h->aaa && (in->mem_access & MEM_RW))
            in->mem_access |= MEM_COND;
    }
    if (row->implicit) {
        const struct optab_implicit *im = &odb_optab_implicit[row->implicit];
        in->stack_access = im->stack_access;
        in->stack_bytes = im->stack_bytes;
        in->string_src = im->string_src;
        in->string_dst = im->string_dst;
        in->string_bytes = im->string_bytes;
    }
    gpr_operands(h, row, in);
    if (row->slot_vec | row->slot_k | row->fixed_vec | (row->extra >> EXTRA_VEC_SHIFT & 3))
        vec_operands(p, h, row, in);
    in->is_moffs = row->form & FORM_MOFFS;
    in->x87_written = row->extra & EXTRA_X87_WRITTEN;
    in->mxcsr_written = row->extra & EXTRA_MXCSR_WRITTEN;
    in->is_mmx = row->extra & EXTRA_MMX;
    in->needs_avx512 = row->extra & EXTRA_AVX512;
    in->bit_string = row->extra & EXTRA_BIT_STRING && in->has_mem;
}

/* 3dnow: the opcode comes last, so the operands' form must be known before the row: it is always modrm. */
static const struct optab_row *row_3dnow(const uint8_t *p, struct head *h, struct insn *in)
{
    static const struct optab_row plain = {.form = FORM_MODRM};
    struct insn probe = *in;
    probe.modrm = p[h->pos + 1];
    unsigned pos = h->pos + 2;
    if (probe.modrm < 0xc0)
        pos = decode_address(p, pos, h, &plain, &probe);
    in->opcode = p[pos];
    in->off_opcode = pos;
    return &odb_optab_rows[find_row(OPTAB_3DNOW, p[pos], h->sel | modrm_sel(probe.modrm))];
}

/* `p` has MAX_READ readable bytes. Sets *ret_seen to the number of bytes the answer depends on. */
static int decode(const uint8_t *p, struct insn *in, unsigned *ret_seen)
{
    struct head h = {0};
    *ret_seen = INSN_MAX_BYTES;
    int rc = decode_head(p, in, &h);
    *ret_seen = h.pos;
    if (rc < 0)
        return INVALID;
    const struct optab_row *row;
    if (h.map == OPTAB_3DNOW) {
        row = row_3dnow(p, &h, in);
        *ret_seen = in->off_opcode + 1u;
    } else {
        in->opcode = p[h.pos];
        in->off_opcode = h.pos;
        row = &odb_optab_rows[find_row(h.map, in->opcode, h.sel | modrm_sel(p[h.pos + 1]))];
    }
    unsigned pos = h.pos + 1;
    if (row == odb_optab_rows) {
        bool is_sure = odb_optab_roots[h.map * 256 + in->opcode] == ROW_REF_LEAF; /* whatever the modrm */
        *ret_seen = h.map == OPTAB_3DNOW ? *ret_seen : is_sure ? pos : pos + 1;
        return INVALID;
    }
    if (row->form & FORM_MODRM) {
        in->has_modrm = true;
        in->off_modrm = pos;
        in->modrm = p[pos++];
        in->reg = (in->modrm >> 3 & 7) | (h.ext & XB_R ? 8 : 0) | (h.ext & XB_R2 ? 16 : 0);
        in->rm = (in->modrm & 7) | (h.ext & XB_B ? 8 : 0);
        if (in->modrm < 0xc0 && !(row->form & FORM_REG_ONLY))
            pos = decode_address(p, pos, &h, row, in);
        else if (in->enc == INSN_EVEX && (h.ext & XB_X))
            in->rm |= 16;
    }
    unsigned imm_bytes = row->imm_op & 15;
    if (imm_bytes) {
        if ((row->form & FORM_MOFFS) && in->pfx_67)
            imm_bytes = 4;
        decode_imm(p, pos, imm_bytes, row, in);
        pos += imm_bytes;
    }
    if (h.map == OPTAB_3DNOW)
        pos = in->off_opcode + 1u;
    *ret_seen = pos;
    if (pos > INSN_MAX_BYTES || (h.ext & row->must_zero) ||
        (in->enc != INSN_LEGACY && !is_vec_legal(&h, row, in)))
        return INVALID;
    in->len = pos;
    decode_effects(p, &h, row, in);
    return (int)pos;
}

int insn_decode(const uint8_t *bytes, size_t n_bytes, struct insn *ret)
{
    unsigned seen;
    *ret = (struct insn){.base = GPR_NONE, .index = GPR_NONE};
    if (n_bytes >= PAD_BYTES)
        return decode(bytes, ret, &seen);
    uint8_t padded[PAD_BYTES] = {0};
    for (size_t i = 0; i < n_bytes; i++)
        padded[i] = bytes[i];
    int len = decode(padded, ret, &seen);
    if (seen > n_bytes && n_bytes < INSN_MAX_BYTES)
        return 0;
    return len;
}
