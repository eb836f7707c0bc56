/* A set of disjoint address ranges with attributes, changing over time: the program's mappings, and where
 * memory got its contents. Ranges that end are given to `emit`, with the states they were in force for. */
#ifndef ODB_INDEXER_REGIONS_H
#define ODB_INDEXER_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/regs.h"

struct region {
    gaddr start, end;
    uint64_t t_start; /* first state it is in force for */
    uint32_t prot, flags, file_id;
    uint64_t offset; /* in the file or object, of `start` */
    uint32_t object; /* shared memory: the object's number; 0: private */
    bool moved;
    uint32_t src_space; /* moved: the space where `start` was */
    gaddr src;          /* ... and its address there */
    char name[64];
};

struct regions {
    struct region *v; /* owned, by address */
    size_t n, cap;
};

/* A piece that was in force for states r->t_start <= t < t_end. Not called when that is empty. */
typedef struct odb_err *(*region_emit_fn)(void *ctx, const struct region *r, uint64_t t_end);

void regions_deinit(struct regions *rs);
/* The region that holds addr, or NULL. Valid until the next change. */
const struct region *regions_find(const struct regions *rs, gaddr addr);
/* Index of the first region that ends after addr (rs->n: none). */
size_t regions_lower(const struct regions *rs, gaddr addr);
/* Ends whatever is in [start, end) with state t. */
struct odb_err *regions_cut(struct regions *rs, gaddr start, gaddr end, uint64_t t, region_emit_fn emit,
                            void *ctx) ODB_MUST_CHECK;
/* Adds r; its range must be free. */
struct odb_err *regions_add(struct regions *rs, const struct region *r) ODB_MUST_CHECK;
/* Copies of the parts of regions within [start, end), by address. *ret owned by the caller. */
struct odb_err *regions_within(const struct regions *rs, gaddr start, gaddr end, struct region **ret,
                               size_t *ret_n) ODB_MUST_CHECK;

#endif
