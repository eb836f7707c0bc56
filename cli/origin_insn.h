/* What instructions move, inside `why`: see origin_insn.c. To teach it an instruction: a row in the table of its kind
 * (origin_move.c, origin_math.c, origin_vector.c), where a function says what it does to the bytes that are asked about. */
#ifndef ODB_CLI_ORIGIN_INSN_H
#define ODB_CLI_ORIGIN_INSN_H

#include "cli/origin_impl.h"

/* The instruction and the state before it. */
struct at_insn {
    struct origin *o;
    struct origin_step *s;
    const cs_insn *ci;
    const cs_x86 *x;
    const char *name; /* mnemonic, without prefixes */
    struct db_regs regs;
};

struct insn_class {
    const char *name; /* mnemonic, without the v of VEX; `*` at the end: what begins so */
    struct odb_err *(*explain)(struct at_insn *a);
};
/* Each ends with a row of NULL. */
extern const struct insn_class insn_moves[], insn_math[], insn_vectors[];

static inline bool insn_is_vex(const struct at_insn *a) { return a->name[0] == 'v'; }

/* ---- origin_operand.c: operands ---- */

/* false: none that is followed (segment registers, rip, flags). */
bool insn_find_reg(const struct at_insn *a, x86_reg reg, struct origin_ref *ret);
struct origin_ref insn_memory(const struct at_insn *a, gaddr addr, unsigned n_bytes);
/* The low bytes of a register: enum odb_reg. */
struct origin_ref insn_gpr(const struct at_insn *a, unsigned number, unsigned n_bytes);
struct origin_ref insn_number(uint64_t v, unsigned n_bytes);
/* Where operand i is. false: nowhere that is followed. */
bool insn_operand(const struct at_insn *a, unsigned i, struct origin_ref *ret);
/* Does what is explained begin in there? At which byte? */
bool insn_is_in(const struct origin_ref *place, const struct origin_ref *to, unsigned *ret_off);

/* ---- origin_operand.c: outcomes ---- */

/* Only the first n bytes are explained. */
void insn_shorten(struct origin_step *s, unsigned n);
/* It came from byte `off` on of `from`. */
void insn_copied(struct at_insn *a, struct origin_ref from, unsigned off);
/* These bytes are as they were. */
void insn_kept(struct at_insn *a);
/* Bytes of a register beside what a write to dst, a part of it, wrote; zeroes: it clears those above. */
void insn_above(struct at_insn *a, const struct origin_ref *dst, bool zeroes);
/* Does a write to this part of a register clear the bytes above? */
bool insn_clears_above(const struct at_insn *a, const struct origin_ref *dst);
void insn_input(struct origin_step *s, const struct origin_ref *in);
void insn_input_operand(struct at_insn *a, unsigned i);
/* MADE of its inputs: which to go on with: the only one that is no number; of two (additive) the one that is not zero, or
 * outweighs the other. */
struct odb_err *insn_choose(struct at_insn *a, bool additive) ODB_MUST_CHECK;
/* MADE of all operands that it reads. */
struct odb_err *insn_made(struct at_insn *a) ODB_MUST_CHECK;

#endif
