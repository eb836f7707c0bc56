/* How index.db is laid out: shared by the indexer, which writes it, and db/, which reads it.
 * docs/schema.md describes what users see; this is what lies below.
 *
 * index.db is one SQLite file, page size 4096. Tables `odb_*` are private; the others are public.
 *
 *   odb_meta      key, value: schema_version, end, end_rip, n_reg, n_mem, complete, ... (text or integer)
 *   odb_chunks    one row per chunk: id from 0 without gaps, t_start, n (instructions), pid, tid, space,
 *                 n_reg, n_mem, regs_lo/regs_hi (bit r: register r is written in it)
 *   odb_insns, odb_regs, odb_mems    chunk -> encoded columns (indexer/chunk.h)
 *   odb_snapshots (chunk, tid) -> registers at the chunk's start (indexer/chunk.h)
 *   odb_postings  (kind, page, grp) -> which 64-byte lines of the page are touched in which chunks of the
 *                 group: u64 mask of lines, then for each set bit, lowest first, a u64 mask of chunks
 *                 Kind ODB_POST_WORDS + k: for lines of posting k where it tells more, by 4-byte words. zstd of: u64
 *                 mask of lines, then for each set bit 16 u64 masks of chunks, in which the word was or may
 *                 have been touched
 *   odb_images    (page, t) -> zstd: the place's 4096 bytes just before instruction t
 *   odb_contents  where a range of memory of a space got its contents: in force for states
 *                 t_start <= t < t_end (t_end NULL: to the end). object not NULL: it shows that object, from
 *                 `offset`. Else file_id 0: zeros; else the file from `offset`. src not NULL: a copy of
 *                 what was at src in src_space at t_start - 1 (mremap, fork).
 *   odb_stays     which space a process had when: pid, space, from_space (fork: whose copy it is; else
 *                 NULL), t_start, t_end
 *   odb_pieces    (file_id, piece) -> zstd: bytes piece * 64 KiB ... of a mapped file. A piece that
 *                 is all zeros has no row.
 *   odb_maps      what view `maps` shows, by space
 *   odb_functions (file, offset, name): functions of mapped files, by offset in the file; view `functions` adds addresses
 *   odb_lines     (file, source) -> rows of the line table (indexer/source_lines.h); odb_sources: their paths. db/ shows
 *                 the rows as odb_line_rows, view `lines` adds addresses
 *
 * Spaces. Address spaces are numbered from 0 as they come up: a fork and an exec make a new one. An object
 * is memory that several mappings show: a file mapped shared, or shared anonymous memory; its space is
 * ODB_SPACE_OBJECT + its number, its addresses are offsets. A place is a page of a space (odb_place):
 * a write to shared memory belongs to a place of the object, whoever made it. Places of space 0 have the
 * numbers of its pages, so that a program of one process without shared memory knows nothing of all this.
 * Postings of kind MEM go by address in whatever space; those of kind PLACE by place, except for space 0,
 * where MEM tells the same.
 *
 * t_start is a chunk's first instruction. Its first writes may belong to the instruction before that
 * (position 0 in chunk.h); then n may be 0. A chunk ends after ODB_CHUNK_INSNS instructions, after
 * ODB_CHUNK_BYTES of written bytes, or where another thread goes on: a chunk has one thread. Groups are
 * ODB_GROUP_CHUNKS chunks, by id.
 *
 * Memory of place p at t is bounded work: a place gets an image at the next multiple of
 * ODB_IMAGE_EVERY chunks once it was written in ODB_IMAGE_TOUCHES chunks since its last one. So at most
 * ODB_IMAGE_EVERY + ODB_IMAGE_TOUCHES chunks need decoding.
 *
 * To change anything here: raise ODB_SCHEMA_VERSION, docs/schema.md, tests/db. */
#ifndef ODB_INDEXER_SCHEMA_H
#define ODB_INDEXER_SCHEMA_H

#include <stdint.h>

#define ODB_SCHEMA_VERSION 5
#define ODB_APPLICATION_ID 0x6f646231 /* "odb1" */

#define ODB_CHUNK_INSNS 65536
#define ODB_CHUNK_BYTES (8u << 20)
#define ODB_GROUP_CHUNKS 64
#define ODB_LINE_BYTES 64
#define ODB_LINE_WORDS 16 /* of 4 bytes */
#define ODB_IMAGE_EVERY 16
#define ODB_IMAGE_TOUCHES 8
#define ODB_PIECE_BYTES 65536

enum odb_posting_kind { ODB_POST_MEM = 0, ODB_POST_EXEC = 1, ODB_POST_PLACE = 2, ODB_POST_WORDS = 16 };

/* 22 bits of space, 1 << 22 for objects, 35 bits of page; as a line 64 bits */
#define ODB_SPACE_OBJECT (1u << 22)
#define ODB_PLACE_PAGE_BITS 35
static inline uint64_t odb_place(uint32_t space, uint64_t page)
{
    return space ? (uint64_t)space << ODB_PLACE_PAGE_BITS | (page & ((1ull << ODB_PLACE_PAGE_BITS) - 1))
                 : page;
}

/* mem_writes flags in chunks */
enum odb_mem_flag { ODB_MEM_KERNEL = 1, ODB_MEM_SIGNAL = 2 /* the kernel, for a signal frame */ };

#endif
