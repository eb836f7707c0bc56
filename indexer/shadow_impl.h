/* Inside the shadow: what shadow.c, shadow_map.c and shadow_files.c share. */
#ifndef ODB_INDEXER_SHADOW_IMPL_H
#define ODB_INDEXER_SHADOW_IMPL_H

#include "indexer/shadow.h"

struct odb_err *shadow_no_memory(void) ODB_MUST_CHECK;

/* ---- shadow.c ---- */

/* The entry for a page: one that has it, or the empty one where it would be. v must not be NULL. */
struct shadow_page *shadow_find(struct shadow_page *v, uint64_t cap, uint64_t no);
/* The page, with data, in the space or object where it really is. Valid until the next page is added. */
struct odb_err *shadow_get_page(struct shadow *s, struct shadow_space *sp, uint64_t no,
                                struct shadow_page **ret) ODB_MUST_CHECK;
void shadow_data_put(struct shadow_data *d);
void shadow_space_deinit(struct shadow *s, struct shadow_space *sp);

/* ---- shadow_files.c ---- */

/* Bytes of a file, zeros where it has none. */
struct odb_err *shadow_read_file(struct shadow *s, uint32_t id, uint64_t offset, uint8_t *to, size_t n_bytes)
    ODB_MUST_CHECK;
/* Stores those pieces of a file that [offset, offset + len) needs and that exist. */
struct odb_err *shadow_store_pieces(struct shadow *s, uint32_t id, uint64_t offset, uint64_t len_bytes)
    ODB_MUST_CHECK;

#endif
