/* The stack machine of DWARF expressions, as location.c uses it. */
#ifndef ODB_SYMBOLS_LOCATION_OPS_H
#define ODB_SYMBOLS_LOCATION_OPS_H

#include "symbols/type.h"

/* Generic entries are 64-bit unsigned; typed ones (DW_OP_convert and the like) are integers of n_bytes or
 * floating point. */
struct loc_entry {
    uint64_t u;
    long double f;
    bool is_float, is_signed;
    uint8_t n_bytes; /* 0: generic */
};

enum loc_kind { LOC_EMPTY, LOC_MEMORY, LOC_REGISTER, LOC_VALUE, LOC_BYTES, LOC_IMPLICIT };
struct loc_place {
    enum loc_kind kind;
    gaddr addr;
    unsigned reg;
    struct loc_entry value;
    const uint8_t *bytes; /* borrowed from libdw */
    size_t n_bytes;
    Dwarf_Die die; /* LOC_IMPLICIT */
    int64_t offset;
};

#define LOC_MAX_PIECES 64
struct loc_result {
    struct loc_place places[LOC_MAX_PIECES];
    uint32_t n_bits[LOC_MAX_PIECES], bit_offset[LOC_MAX_PIECES]; /* of each piece */
    size_t n;
    bool is_pieces;
};

/* false: cannot be evaluated. initial: pushed first, may be NULL. */
bool location_run(const struct loc_ctx *c, Dwarf_Attribute *attr, const Dwarf_Op *ops, size_t n,
                  const uint64_t *initial, struct loc_result *ret);
/* Unary, binary and comparing operations on typed entries (location_math.c). false: not defined. */
bool location_unary(unsigned atom, struct loc_entry *x);
bool location_binary(unsigned atom, const struct loc_entry *a, const struct loc_entry *b,
                     struct loc_entry *ret);
void location_convert(struct loc_entry *x, const struct sym_type *t, bool reinterpret);

#endif
