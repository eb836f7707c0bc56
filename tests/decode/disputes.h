/* Validity and length: where Zydis or capstone disagree with the decoder, and the reason. */
#ifndef ODB_TESTS_DECODE_DISPUTES_H
#define ODB_TESTS_DECODE_DISPUTES_H

#include "tests/decode/oracle.h"

/* True when the disagreement is an explained one. Lengths are -1 for "no instruction"; `zydis` is NULL when
 * Zydis rejects the bytes. */
bool dispute_zydis(const uint8_t *b, const struct insn *in, int len, const struct answer *zydis);
bool dispute_capstone(const uint8_t *b, const struct insn *in, int len, int capstone_len,
                      const struct answer *zydis);

/* Asks the bare CPU; false when it disagrees, lacks the instruction, or it would be harmful to try. */
bool cpu_agrees(const uint8_t *b, const struct insn *in, int len);
void dispute_print(void);

#endif
