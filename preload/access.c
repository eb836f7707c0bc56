/* Memory accesses of one instruction, from the decoder's tables and the registers as they are before it. */
#include "preload/access.h"

struct list {
    struct access *at;
    int n;
};

static void add(struct list *l, gaddr addr, uint64_t n_bytes, unsigned kind)
{
    if (n_bytes && kind & MEM_RW && l->n < ACCESS_MAX)
        l->at[l->n++] = (struct access){addr, n_bytes, (uint8_t)(kind & MEM_RW)};
}

static void add_string(struct list *l, const struct insn *in)
{
    uint64_t mask = in->pfx_67 ? UINT32_MAX : UINT64_MAX, n = in->string_bytes;
    uint64_t count = in->pfx_f2 || in->pfx_f3 ? ctx.gpr[ODB_RCX] & mask : 1;
    uint64_t back = ctx.rflags & FL_DF ? (count - 1) * n : 0;
    if (!count)
        return;
    if (in->string_src)
        add(l, (ctx.gpr[ODB_RSI] & mask) - back, count * n, in->string_src);
    if (in->string_dst)
        add(l, (ctx.gpr[ODB_RDI] & mask) - back, count * n, in->string_dst);
}

/* Elements by a vector of indices, under a mask (AVX-512) or the sign bits of a vector (AVX2 gathers: all are told). */
static void add_elements(struct list *l, const struct insn *in)
{
    uint8_t index[64];
    uint64_t k[8] = {0};
    unsigned element_bytes = in->mem_bytes, index_bytes = in->opcode & 1 ? 8 : 4;
    unsigned widest = index_bytes > element_bytes ? index_bytes : element_bytes;
    unsigned vector = in->vec_bytes ? in->vec_bytes : 16;
    bool masked = in->enc == INSN_EVEX;
    vec_store(index, in->index, masked ? 64 : 32);
    if (masked)
        k_store(k);
    gaddr base = insn_address(in);
    for (unsigned i = 0; element_bytes && i < vector / widest; i++) {
        int64_t at = 0;
        int32_t v;
        __builtin_memcpy(&v, index + 4 * i, 4);
        if (index_bytes == 4)
            at = v;
        else
            __builtin_memcpy(&at, index + 8 * i, 8);
        if (!masked || k[__builtin_ctz(in->k_read | 0x100) & 7] >> i & 1)
            add(l, base + ((uint64_t)at << in->scale_log2), element_bytes,
                in->special == SP_SCATTER ? MEM_WRITE : MEM_READ);
    }
}

static uint64_t image_bytes(const struct insn *in)
{
    switch (in->special) {
    case SP_FXSAVE:
    case SP_FXRSTOR: return 512;
    case SP_XSAVE:
    case SP_XSAVEC:
    case SP_XSAVEOPT:
    case SP_XRSTOR: return xstate_bytes();
    default: return in->mem_bytes;
    }
}

static void add_operand(struct list *l, const struct insn *in)
{
    gaddr a = insn_address(in);
    if (in->bit_string) {
        int64_t bit = (int64_t)ctx.gpr[in->reg & 15];
        if (in->opsize_bytes < 8)
            bit = in->opsize_bytes == 4 ? (int32_t)bit : (int16_t)bit;
        a += (uint64_t)((bit >> 3) & -(int64_t)in->opsize_bytes);
    }
    /* pop to memory computes its address after rsp has moved */
    if (in->stack_access & MEM_READ && in->base == ODB_RSP)
        a += in->stack_bytes;
    add(l, a, image_bytes(in), in->mem_access);
}

static void add_stack(struct list *l, const struct insn *in)
{
    uint64_t n = in->stack_bytes;
    if (in->special == SP_ENTER) {
        n *= 1ULL + ((unsigned)(in->imm >> 16) & 31);
        add(l, ctx.gpr[ODB_RSP] - n, n, MEM_WRITE);
        return;
    }
    if (in->stack_access & MEM_WRITE)
        add(l, ctx.gpr[ODB_RSP] - n, n, MEM_WRITE);
    if (in->stack_access & MEM_READ)
        add(l, ctx.gpr[in->special == SP_LEAVE ? ODB_RBP : ODB_RSP], n, MEM_READ);
}

bool access_any(const struct insn *in)
{
    return in->mem_access & MEM_RW || in->stack_access || in->string_src || in->string_dst ||
           in->special == SP_MASKMOV || in->special == SP_SCATTER || in->special == SP_GATHER ||
           in->special == SP_XLAT;
}

int access_list(const struct insn *in, struct access ret[ACCESS_MAX])
{
    struct list l = {ret, 0};
    if (in->special == SP_SCATTER || in->special == SP_GATHER)
        add_elements(&l, in);
    else if (in->is_moffs)
        add(&l,
            (uint64_t)in->imm + (in->seg == SEG_FS   ? fs_base()
                                 : in->seg == SEG_GS ? gs_base()
                                                     : 0),
            in->mem_bytes, in->mem_access);
    else if (in->has_mem && in->mem_access)
        add_operand(&l, in);
    if (in->stack_access)
        add_stack(&l, in);
    if (in->special == SP_STRING)
        add_string(&l, in);
    else if (in->special == SP_MASKMOV)
        add(&l, ctx.gpr[ODB_RDI], in->string_bytes, MEM_WRITE);
    else if (in->special == SP_XLAT)
        add(&l, ctx.gpr[ODB_RBX] + (ctx.gpr[ODB_RAX] & 255), 1, MEM_READ);
    return l.n;
}
