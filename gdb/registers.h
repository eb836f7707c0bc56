/* Registers as gdb numbers them: the target description (XML), and target_regs to and from the bytes of the packets.
 * The order of the rows is the order of the description, of the `g` packet and of register numbers. */
#ifndef ODB_GDB_REGISTERS_H
#define ODB_GDB_REGISTERS_H

#include "gdb/packet.h"
#include "gdb/target.h"

enum { REGISTERS_MAX = 192 };

struct register_row {
    char name[12];
    uint16_t offset; /* in the g packet, bytes */
    uint8_t n_bytes;
    uint8_t feature, source, index; /* enums of registers.c */
};
struct register_set {
    struct register_row rows[REGISTERS_MAX];
    unsigned n, vector_bytes;
    size_t n_bytes; /* of all of them */
};

/* vector_bytes as target_vector_bytes() says. */
void register_set_init(struct register_set *s, unsigned vector_bytes);
void register_set_xml(const struct register_set *s, struct out *ret);
/* The register's bytes; at most 32. */
void register_get(const struct register_set *s, unsigned number, const struct target_regs *regs,
                  uint8_t *ret);
/* Registers without a meaning here (segment selectors, x87 pointers) are left alone. */
void register_put(const struct register_set *s, unsigned number, struct target_regs *regs,
                  const uint8_t *from);

#endif
