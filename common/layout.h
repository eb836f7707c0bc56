/* Where the engine lives in a recorded or replayed program.
 *
 * One fixed range, the same in every recording, so that replay can put every piece where it was.
 * Everything that translated code reaches RIP-relative lies within 1 GiB of it.
 * The look-up table of indirect branches is apart: below 2 GiB, so that translated code can index
 * it with a 32-bit absolute displacement and needs no base register.
 *
 *   ODB_ENGINE_BASE
 *     +0x00000000  image     engine text, rodata, data, bss (one flat image)
 *     +0x01000000  vdso      the small vDSO shown to the program
 *     +0x01800000  control   struct odb_control, shared with the recorder or replayer
 *     +0x02000000  ring      events on their way to the recorder, mapped twice in a row
 *     +0x03000000  shared    struct odb_shared: what all recorded processes share
 *     +0x04000000  log       index log, shared with the indexer
 *     +0x08000000  events    replay: window on the decompressed event stream
 *     +0x10000000  heap      engine metadata (blocks, shadow map)
 *     +0x20000000  cache     translated code
 *     +0x40000000  threads   a slot for each thread: its state while it does not run, its engine stacks
 *     +0x80000000  end
 *
 * Freestanding-safe. */
#ifndef ODB_COMMON_LAYOUT_H
#define ODB_COMMON_LAYOUT_H

#define ODB_ENGINE_BASE 0x6f0000000000
#define ODB_ENGINE_END 0x6f0080000000

#define ODB_IMAGE_ADDR 0x6f0000000000
#define ODB_IMAGE_BYTES 0x01000000
#define ODB_VDSO_ADDR 0x6f0001000000
#define ODB_VDSO_BYTES 0x00010000
#define ODB_CONTROL_ADDR 0x6f0001800000
#define ODB_CONTROL_BYTES 0x00100000
#define ODB_RING_ADDR 0x6f0002000000
#define ODB_RING_BYTES 0x00800000
#define ODB_SHARED_ADDR 0x6f0003000000
#define ODB_SHARED_BYTES 0x00400000
#define ODB_LOG_ADDR 0x6f0004000000
#define ODB_LOG_BYTES 0x01000000
#define ODB_EVENTS_ADDR 0x6f0008000000
#define ODB_EVENTS_BYTES 0x04000000
#define ODB_HEAP_ADDR 0x6f0010000000
#define ODB_HEAP_BYTES 0x10000000
#define ODB_CACHE_ADDR 0x6f0020000000
#define ODB_CACHE_BYTES 0x20000000

#define ODB_THREADS_ADDR 0x6f0040000000
#define ODB_THREAD_SLOT_BYTES 0x00040000
#define ODB_THREAD_SLOTS 4096

#define ODB_IBL_ADDR 0x7fe00000
#define ODB_IBL_BYTES 0x00080000

#define ODB_PAGE_BYTES 4096

#endif
