/* Memory of the recorded processes as the indexer knows it while it reads the log: written pages, on top of
 * file contents and zeros. Source of page images and of the text of system call arguments.
 *
 * Each address space is a shadow_space; so is each object (indexer/schema.h, "Spaces"): pages of a shared
 * mapping lead to pages of the object. A fork shares pages until one of both writes.
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
#include "indexer/schema.h"
#include "indexer/store.h"

/* A page's bytes, shared by the spaces that have not written it since a fork. */
struct shadow_data {
    uint32_t refs;
    uint8_t bytes[ODB_PAGE_BYTES];
};

struct shadow_page {
    uint64_t no;              /* address / 4096, plus 1: 0 is empty */
    struct shadow_data *data; /* a reference; NULL: not written since its contents were established */
    uint32_t object;          /* 0: none. Else the page is this object's page object_page, and data is NULL */
    uint32_t last_chunk;      /* plus 1 */
    uint64_t object_page;
    uint32_t touches; /* chunks that wrote it since its last image */
};

struct shadow_space {
    uint32_t number;
    bool shared; /* a mapping of an object was made in it */
    struct regions contents;
    struct shadow_page *v; /* owned: open addressing */
    uint64_t n, cap;
};

struct shadow_file {
    int fd; /* -1 not opened, -2 cannot be */
    bool known;
    uint64_t dev, ino; /* known: which file it is */
    char *path;        /* owned, may be NULL */
    uint8_t *stored;   /* owned: bit per piece */
    uint64_t n_pieces;
};

struct shadow_object {
    struct shadow_space space;
    uint32_t file_id; /* the first capture of it; 0: anonymous */
};

struct shadow_due {
    struct shadow_space *space; /* borrowed */
    uint64_t page;
};

struct shadow {
    const char *dir;                /* borrowed: the recording */
    struct store *store;            /* borrowed */
    struct shadow_object **objects; /* owned, number 1 first */
    uint32_t n_objects;
    struct shadow_space **spaces; /* those that live; borrowed */
    size_t n_spaces;
    struct shadow_due *due; /* owned: pages that want an image */
    size_t n_due, cap_due;
    struct shadow_file *files; /* owned, by id */
    size_t n_files;
    uint64_t n_mismatch; /* old bytes in the log that were not the shadow's */
    gaddr unmapped;      /* a write went to this page, where nothing is mapped; the caller clears it */
    uint64_t n_missing_files;
    bool in_object;    /* the last page asked for was an object's */
    struct bytes blob; /* scratch */
};

void shadow_init(struct shadow *s, const char *dir, struct store *store);
void shadow_deinit(struct shadow *s);

/* An empty space. */
struct odb_err *shadow_space_create(struct shadow *s, uint32_t number, struct shadow_space **ret)
    ODB_MUST_CHECK;
/* A copy of `from`, as it is before instruction t - 1 completes: fork. */
struct odb_err *shadow_space_fork(struct shadow *s, const struct shadow_space *from, uint32_t number,
                                  uint64_t t, struct shadow_space **ret) ODB_MUST_CHECK;
/* The space is no more from state t on (UINT64_MAX: to the end): its contents rows are written. */
struct odb_err *shadow_space_end(struct shadow *s, struct shadow_space *sp, uint64_t t) ODB_MUST_CHECK;
/* NULL is fine. */
void shadow_space_free(struct shadow *s, struct shadow_space *sp);

/* A write in chunk `chunk` (UINT32_MAX: none, initial contents). old may be NULL (unknown). */
struct odb_err *shadow_write(struct shadow *s, struct shadow_space *sp, gaddr addr, const uint8_t *old,
                             const uint8_t *new_, size_t n_bytes, uint32_t chunk) ODB_MUST_CHECK;
/* Bytes readable at addr (a prefix), copied to `to`. */
size_t shadow_read(struct shadow *s, const struct shadow_space *sp, gaddr addr, void *to, size_t n_bytes);
/* The place (indexer/schema.h) of an address. */
uint64_t shadow_place(const struct shadow_space *sp, gaddr addr);
/* The page wants an image; so do pages that are written often. */
struct odb_err *shadow_due(struct shadow *s, struct shadow_space *sp, uint64_t page) ODB_MUST_CHECK;
/* Stores those images, valid at t. */
struct odb_err *shadow_images(struct shadow *s, uint64_t t) ODB_MUST_CHECK;

/* Which file an id is: captures of one file are one object. */
struct odb_err *shadow_file_is(struct shadow *s, uint32_t file_id, uint64_t dev, uint64_t ino,
                               const char *path) ODB_MUST_CHECK;
/* NULL: not known. */
const char *shadow_file_path(const struct shadow *s, uint32_t file_id);
/* The object of a file (file_id 0: a new one of anonymous memory). */
struct odb_err *shadow_object(struct shadow *s, uint32_t file_id, uint64_t t, uint32_t *ret) ODB_MUST_CHECK;

/* The object's space, NULL: the file was never mapped shared. Valid until the next object is made. */
struct shadow_space *shadow_space_of_file(struct shadow *s, uint32_t file_id);
/* A file that is mapped shared has a new size: whole pages behind it are zeros from state t on. */
struct odb_err *shadow_truncate(struct shadow *s, struct shadow_space *object, uint64_t n_bytes, uint64_t t)
    ODB_MUST_CHECK;

/* Changes of the memory map, from state t on. object != 0: offset is in the object. */
struct odb_err *shadow_map(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end,
                           uint32_t file_id, uint64_t offset, uint32_t object, uint64_t t) ODB_MUST_CHECK;
struct odb_err *shadow_unmap(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end, uint64_t t)
    ODB_MUST_CHECK;
/* Contents go back to the file's, or zeros (madvise). Of shared memory: zeros. */
struct odb_err *shadow_drop(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end, uint64_t t)
    ODB_MUST_CHECK;
/* Private memory of [start, end) is zeros in this space, which was just made by a fork. */
struct odb_err *shadow_drop_copy(struct shadow *s, struct shadow_space *sp, gaddr start, gaddr end,
                                 uint64_t t) ODB_MUST_CHECK;
/* [from, from + len) is now at `to`. */
struct odb_err *shadow_move(struct shadow *s, struct shadow_space *sp, gaddr from, gaddr to,
                            uint64_t len_bytes, uint64_t t) ODB_MUST_CHECK;
/* Ends all contents rows of objects (t_end NULL). */
struct odb_err *shadow_finish(struct shadow *s) ODB_MUST_CHECK;

#endif
