/* The program's memory as the indexer knows it while it reads the log: written pages, on top of file
 * contents and zeros. Source of page images and of the text of system call arguments.
 *
 * Also the files of the recording, of which it stores the mapped pieces. */
#ifndef ODB_INDEXER_SHADOW_H
#define ODB_INDEXER_SHADOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/layout.h"
#include "indexer/chunk.h"
#include "indexer/regions.h"
#include "indexer/store.h"

struct shadow_page {
    uint64_t no;         /* address / 4096, plus 1: 0 is empty */
    uint8_t *data;       /* owned; NULL: not written since its contents were established */
    uint32_t last_chunk; /* plus 1 */
    uint32_t touches;    /* chunks that wrote it since its last image */
};

struct shadow_file {
    int fd;          /* -1 not opened, -2 cannot be */
    uint8_t *stored; /* owned: bit per piece */
    uint64_t n_pieces;
};

struct shadow {
    const char *dir;     /* borrowed: the recording */
    struct store *store; /* borrowed */
    struct regions contents;
    struct shadow_page *v; /* owned: open addressing */
    uint64_t n, cap;
    uint64_t *due; /* owned: pages that want an image */
    size_t n_due, cap_due;
    struct shadow_file *files; /* owned, by id */
    size_t n_files;
    uint64_t n_mismatch; /* old bytes in the log that were not the shadow's */
    gaddr unmapped;      /* a write went to this page, where nothing is mapped; the caller clears it */
    uint64_t n_missing_files;
    struct bytes blob; /* scratch */
};

struct odb_err *shadow_init(struct shadow *s, const char *dir, struct store *store) ODB_MUST_CHECK;
void shadow_deinit(struct shadow *s);

/* A write in chunk `chunk` (UINT32_MAX: none, initial contents). old may be NULL (unknown). */
struct odb_err *shadow_write(struct shadow *s, gaddr addr, const uint8_t *old, const uint8_t *new_,
                             size_t n_bytes, uint32_t chunk) ODB_MUST_CHECK;
/* Bytes readable at addr (a prefix), copied to `to`. */
size_t shadow_read(struct shadow *s, gaddr addr, void *to, size_t n_bytes);
/* Stores images of the pages that were written often, valid at t. */
struct odb_err *shadow_images(struct shadow *s, uint64_t t) ODB_MUST_CHECK;
/* Stores an image of the page, valid at t. */
struct odb_err *shadow_image(struct shadow *s, uint64_t page, uint64_t t) ODB_MUST_CHECK;

/* Changes of the memory map, from state t on. */
struct odb_err *shadow_map(struct shadow *s, gaddr start, gaddr end, uint32_t file_id, uint64_t offset,
                           uint64_t t) ODB_MUST_CHECK;
struct odb_err *shadow_unmap(struct shadow *s, gaddr start, gaddr end, uint64_t t) ODB_MUST_CHECK;
/* Contents go back to the file's, or zeros (madvise). */
struct odb_err *shadow_drop(struct shadow *s, gaddr start, gaddr end, uint64_t t) ODB_MUST_CHECK;
/* [from, from + len) is now at `to`. */
struct odb_err *shadow_move(struct shadow *s, gaddr from, gaddr to, uint64_t len_bytes, uint64_t t)
    ODB_MUST_CHECK;
/* Ends all contents rows (t_end NULL). */
struct odb_err *shadow_finish(struct shadow *s) ODB_MUST_CHECK;

#endif
