/* The encoding of odb_lines: the rows of one source file in the line table of one program file. Shared with db/.
 *
 *   zstd frame of, for each row in the order of offsets, LEB128 numbers:
 *     offset - end of the row before (zigzag), size, zigzag(line - line before) * 2 + is_stmt, column
 *
 * Offsets are those in the program's file, not addresses. */
#ifndef ODB_INDEXER_SOURCE_LINES_H
#define ODB_INDEXER_SOURCE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct source_row {
    uint64_t offset;
    uint32_t n_bytes, line, column;
    bool is_stmt;
};

/* rows: by offset. *ret is owned by the caller (free). */
struct odb_err *source_lines_encode(const struct source_row *rows, size_t n, void **ret, size_t *ret_bytes)
    ODB_MUST_CHECK;
/* Any bytes: an error where they are no such encoding. *ret is owned by the caller (free). */
struct odb_err *source_lines_decode(const void *data, size_t n_bytes, struct source_row **ret, size_t *ret_n)
    ODB_MUST_CHECK;

#endif
