/* CRC-32 as zlib, PNG and gzip have it (reflected polynomial 0xedb88320). Hosted, thread-safe. */
#ifndef ODB_COMMON_CRC32_H
#define ODB_COMMON_CRC32_H

#include <stddef.h>
#include <stdint.h>

uint32_t odb_crc32(const void *data, size_t n_bytes);

#endif
