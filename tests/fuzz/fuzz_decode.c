/* Fuzz target of the instruction decoder. An input is a run of code bytes; every offset of it is decoded,
 * each from a heap block of exactly the bytes that are left, so that the address sanitizer sees a read too
 * far. What is decoded must keep decode.h's promises about ranges and offsets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "preload/decode.h"
#include "tests/fuzz/fuzz.h"

static void fail(const uint8_t *b, size_t n, const char *what)
{
    fprintf(stderr, "broken: %s; bytes:", what);
    for (size_t i = 0; i < n && i < INSN_MAX_BYTES; i++)
        fprintf(stderr, " %02x", b[i]);
    fprintf(stderr, "\n");
    abort();
}

#define REQUIRE(condition)          \
    do {                            \
        if (!(condition))           \
            fail(b, n, #condition); \
    } while (0)

static void check_layout(const uint8_t *b, size_t n, const struct insn *in)
{
    REQUIRE(in->len <= INSN_MAX_BYTES && in->len <= n);
    REQUIRE(in->n_prefix < in->len && in->off_opcode < in->len && in->n_prefix <= in->off_opcode);
    REQUIRE(b[in->off_opcode] == in->opcode);
    if (in->has_modrm)
        REQUIRE(in->off_modrm < in->len && b[in->off_modrm] == in->modrm);
    if (in->has_sib)
        REQUIRE(in->has_modrm && in->off_modrm + 1u < in->len && b[in->off_modrm + 1] == in->sib);
    REQUIRE(in->disp_bytes == 0 || in->disp_bytes == 1 || in->disp_bytes == 4);
    if (in->disp_bytes)
        REQUIRE(in->off_disp + in->disp_bytes <= in->len && in->off_disp > in->off_modrm);
    REQUIRE(in->imm_bytes <= 8);
    if (in->imm_bytes && in->map != 15)
        REQUIRE(in->off_imm + in->imm_bytes == in->len);
}

static void check_ranges(const uint8_t *b, size_t n, const struct insn *in)
{
    REQUIRE(in->enc <= INSN_XOP && in->flow <= FLOW_SYSENTER && in->special <= SP_OTHER);
    REQUIRE(in->cond < 16 && in->seg <= SEG_GS && in->reg < 32 && in->rm < 32 && in->scale_log2 < 4);
    REQUIRE(in->opsize_bytes == 1 || in->opsize_bytes == 2 || in->opsize_bytes == 4 || in->opsize_bytes == 8);
    REQUIRE(in->mem_access <= 7 && in->stack_access <= 7 && in->string_src <= 7 && in->string_dst <= 7);
    REQUIRE(!(in->mem_access & MEM_RW) == !in->mem_bytes || in->special == SP_OTHER);
    if (in->has_mem) {
        REQUIRE(in->base < 16 || in->base == GPR_NONE || in->base == GPR_RIP);
        REQUIRE(in->index < (in->is_vsib ? 32 : 16) || in->index == GPR_NONE);
        REQUIRE(in->base >= 16 || in->gpr_read >> in->base & 1);
    } else {
        REQUIRE(in->is_moffs || !in->mem_access);
        REQUIRE(in->base == GPR_NONE && in->index == GPR_NONE && !in->is_vsib);
    }
    REQUIRE(!(in->flags_killed & ~in->flags_written) && !(in->flags_undefined & ~in->flags_written));
    REQUIRE(in->vec_bytes == 0 || in->vec_bytes == 16 || in->vec_bytes == 32 || in->vec_bytes == 64);
    REQUIRE(!(in->vec_read | in->vec_written) || in->vec_bytes);
    REQUIRE(in->enc != INSN_EVEX || in->needs_avx512);
    REQUIRE(!in->stack_access == !in->stack_bytes);
    REQUIRE(!(in->string_src | in->string_dst) == !in->string_bytes);
}

static void check_at(const uint8_t *b, size_t n)
{
    struct insn in;
    int len = insn_decode(b, n, &in);
    if (len <= 0) {
        REQUIRE(len < 0 || n < INSN_MAX_BYTES);
        return;
    }
    REQUIRE(len == in.len);
    check_layout(b, n, &in);
    check_ranges(b, n, &in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at <= size && at < 4096; at++) {
        size_t n = size - at;
        uint8_t *copy = malloc(n + 1); /* n may be 0 */
        if (!copy)
            return 0;
        memcpy(copy + 1, data + at, n);
        check_at(copy + 1, n);
        free(copy);
    }
    return 0;
}
