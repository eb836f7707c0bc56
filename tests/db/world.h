/* A made-up world of processes and threads: its index log, and the state at any t as the oracle.
 *
 * The world is a function of its seed: to know a state, it is made again up to there (world_make with `until`).
 * Every byte of memory carries the number of its last write along, through forks and shared mappings, so that
 * "who wrote this byte" needs no look-up. */
#ifndef ODB_TESTS_DB_WORLD_H
#define ODB_TESTS_DB_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "indexer/chunk.h"

#define WORLD_BASE 0x20000000ull
#define WORLD_PAGES 24
#define WORLD_OBJECT_PAGES 4
#define WORLD_OBJECTS 6
#define WORLD_PROCS 64
#define WORLD_THREADS 256
#define WORLD_FIRST_PID 1000

struct world_page {
    uint8_t data[4096];
    uint32_t last[4096]; /* number of the last write, plus 1; 0: none */
};
struct world_slot {
    struct world_page *page; /* NULL: not mapped. Private: owned */
    int object;              /* -1: private */
    int object_page;
};
struct world_space {
    int refs;
    uint32_t vm;
    struct world_slot slots[WORLD_PAGES];
};
struct world_proc {
    uint32_t pid, parent;
    struct world_space *space; /* NULL: dead */
    uint64_t t_start, t_end;
    int status;
    uint64_t n_writes; /* by its instructions and calls */
};
struct world_thread {
    uint32_t tid;
    int proc;
    bool alive, ran;
    uint64_t rax;
};
struct world_write {
    uint64_t t, addr; /* addr 0: by a descriptor */
    uint64_t at;      /* address or offset */
    uint32_t pid, tid, len;
    int object; /* of its first byte; -1: private */
    uint64_t object_offset;
};

struct world {
    uint64_t seed, count, until, switches;
    bool stop;
    const char *dir;                           /* files of the recording go there; NULL: none */
    struct bytes log;                          /* empty where dir is NULL */
    struct world_page *objects[WORLD_OBJECTS]; /* owned: WORLD_OBJECT_PAGES each */
    int n_objects;
    uint32_t file_id; /* the latest capture of the one file, object 0 */
    bool file_dirty;  /* written since */
    uint32_t next_vm, next_id;
    struct world_proc procs[WORLD_PROCS];
    int n_procs;
    struct world_thread threads[WORLD_THREADS];
    int n_threads, cur;
    struct world_write *writes; /* owned */
    uint32_t n_writes, cap_writes;
    uint64_t *rip; /* owned, of each instruction */
    uint32_t *tid;
};

/* Runs to just before instruction `until`. dir: also makes the log and files/N. */
void world_make(struct world *w, uint64_t seed, uint64_t until, const char *dir);
void world_free(struct world *w);

#endif
