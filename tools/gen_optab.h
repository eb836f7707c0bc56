/* Inside of the table generator: from one probe of Zydis to one row of facts. */
#ifndef ODB_TOOLS_GEN_OPTAB_H
#define ODB_TOOLS_GEN_OPTAB_H

#include <stdbool.h>
#include <stdint.h>

#include "preload/decode_row.h"

/* One instruction to ask about. Register extension bits are XB_* (not inverted). */
struct probe {
    uint8_t map; /* enum optab_map */
    uint8_t opcode;
    uint16_t sel;
    uint8_t ext;  /* XB_R, XB_R2, XB_X, XB_B, XB_V2; vvvv has its own field */
    uint8_t vvvv; /* 0-15, not inverted */
    uint8_t aaa, z;
    uint8_t index; /* sib index when modrm.rm is 4 */
    bool lock;
};

/* A row before its parts are numbered: the index fields of `row` are zero. */
struct facts {
    struct optab_row row;
    uint16_t mem_bytes;
    struct optab_flags flags;
    struct optab_implicit implicit;
    struct optab_vec vec;
};

void facts_setup(void);

/* False when Zydis says that there is no such instruction; *ret is zeroed then. */
bool facts_ask(const struct probe *probe, struct facts *ret);

extern unsigned long facts_n_probes;

#endif
