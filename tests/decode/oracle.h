/* What Zydis says about an instruction, in the terms of preload/decode.h, concretely (register numbers, not
 * slots) and independently of tools/gen_optab. Used by decode_diff. */
#ifndef ODB_TESTS_DECODE_ORACLE_H
#define ODB_TESTS_DECODE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

#include "preload/decode.h"

struct answer {
    ZydisDecodedInstruction in;
    ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

void oracle_setup(void);

/* False when Zydis does not know the bytes. */
bool oracle_ask(const uint8_t *bytes, unsigned n, struct answer *ret);

/* Zydis's view, uncorrected. Fields that Zydis has no word for are left 0. */
void oracle_expect(const uint8_t *bytes, const struct answer *a, struct insn *ret);

/* Where Zydis is known to be wrong, silent or of other opinion: corrects `e`, counts each correction that
 * changed something. */
void oracle_explain(const struct answer *a, const struct insn *decoded, struct insn *e);
void oracle_print_explained(void);

/* True when all fields that oracle_compare looks at are equal. */
bool oracle_same(const struct insn *a, const struct insn *b);

/* Compares; prints each difference when `verbose`. Returns the number of differing fields. */
unsigned oracle_compare(const struct answer *a, const struct insn *decoded, const struct insn *expected,
                        bool verbose);

#endif
