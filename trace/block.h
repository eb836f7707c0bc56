/* Layout of the headers in `events` (trace/format.h) as structures; inside trace/ and its tests. */
#ifndef ODB_TRACE_BLOCK_H
#define ODB_TRACE_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct file_header {
    char magic[8];
    uint32_t version;
    uint32_t header_bytes;
    uint64_t time_ns;
    uint32_t reserved;
    uint32_t crc; /* of the bytes before it */
};

struct block_header {
    char magic[4];
    uint32_t raw_bytes;
    uint32_t packed_bytes; /* equal to raw_bytes: stored */
    uint32_t packed_crc;
    uint64_t stream_offset;
    uint32_t reserved;
    uint32_t crc; /* of the bytes before it */
};

_Static_assert(sizeof(struct file_header) == 32 && offsetof(struct file_header, crc) == 28, "file header");
_Static_assert(sizeof(struct block_header) == 32 && offsetof(struct block_header, crc) == 28, "block header");

#endif
