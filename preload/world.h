/* A world: all vessels of one replay position, and what they share. Freestanding-safe.
 *
 * Each world has one control slot, one log buffer and one struct odb_world, mapped shared at ODB_SHARED_ADDR in every vessel
 * of it and by the host. A vessel is a process that stands for one address space of the recording; all threads in that
 * memory are contexts in it (replay_threads.c).
 *
 * The turn. `turn` names the vessel that runs, obeys the host and owns everything here without _Atomic; the
 * others sleep on their `go`. Who passes the turn on stores the stream's position, then `turn`, then counts up `go` of the
 * next and wakes it. The turn always goes to the vessel that owns the thread of the next main event.
 *
 * Requests. The vessel that has the turn may ask a sleeping one for something: it stores `request` of that vessel, counts
 * up `go`, wakes it, and waits until `request` is 0 again. Used for checkpoints (fork, too) and for reading memory.
 *
 * A checkpoint. The host makes a new world out of the old one: this struct copied (vessels without pid), and the
 * shared memory in use (objects, below) copied in ODB_VESSEL_LIVE_FD. Then it asks the vessel with the turn to fork, which asks
 * all others. Each copy maps the new slot, maps its shared memory anew, enters its pid, and counts up
 * n_ready; the one with the turn waits for n_ready == n_vessels before it obeys.
 *
 * Ends. A vessel without threads enters VESSEL_GONE and exits; the host reaps it and makes the entry free. */
#ifndef ODB_PRELOAD_WORLD_H
#define ODB_PRELOAD_WORLD_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/layout.h"
#include "preload/control.h"

#define WORLD_MAX_TASKS 4096
#define WORLD_MAX_VESSELS 4096
#define WORLD_MAX_FILES 16384
#define WORLD_MAX_OBJECTS 4096
#define WORLD_FILE_NAME_BYTES 64
#define WORLD_MAX_BREAKS 32768
#define WORLD_MAX_WATCHES 8192
#define WORLD_MAX_TASK_STOPS 64

/* Descriptors of a vessel besides those in control.h. World number n is at n * ODB_SHARED_BYTES. */
enum { ODB_VESSEL_WORLD_FD = 9, ODB_VESSEL_LIVE_FD = 10 };

/* Shared memory lies in one sparse memory file: object k of world n begins at WORLD_LIVE_OFFSET(n, k). Offsets
 * from WORLD_LIVE_END on are behind the end of the file: touching them is SIGBUS, as behind the end of a mapped file. */
#define WORLD_OBJECT_BYTES (1ull << 40)
#define WORLD_LIVE_OFFSET(world, object) \
    (((uint64_t)(world)*WORLD_MAX_OBJECTS + (uint64_t)(object)) * WORLD_OBJECT_BYTES)
#define WORLD_LIVE_END (1ull << 62)

struct odb_world_task {
    uint32_t tid, pid; /* in the recorder's PID namespace */
    uint32_t vessel;
    uint32_t local;     /* number in its vessel's table */
    uint64_t tick, rip; /* where it is, as long as it does not run */
};

enum odb_vessel_state { VESSEL_FREE = 0, VESSEL_NEW, VESSEL_ALIVE, VESSEL_GONE };
enum odb_vessel_request {
    VESSEL_REQUEST_NONE = 0,
    VESSEL_REQUEST_FORK,
    VESSEL_REQUEST_READ,
    VESSEL_REQUEST_REGS,
    VESSEL_REQUEST_WRITE, /* control.data to request_addr */
    VESSEL_REQUEST_MAPS,
    VESSEL_REQUEST_PATCH, /* control.data to cmd.addr, code and read-only memory too */
};
struct odb_world_vessel {
    _Atomic uint32_t state; /* enum odb_vessel_state */
    _Atomic uint32_t pid;   /* kernel's; 0: not known yet */
    _Atomic uint32_t go;    /* futex */
    _Atomic uint32_t request;
    uint32_t copy_pid; /* the copy that its last FORK made */
};

struct odb_world_file {
    uint64_t dev, ino, size_bytes;
    char name[WORLD_FILE_NAME_BYTES];
};

/* Memory that more than one mapping may show: a file mapped shared, or anonymous. */
struct odb_world_object {
    uint64_t dev, ino; /* 0: anonymous */
    uint64_t size_bytes;
    uint32_t loaded_id; /* the file id whose contents were put in last */
    uint32_t reserved;
};

/* ---- what a debugger waits for (replayer/debug.h) ---- */
struct odb_world_break {
    uint64_t addr;
    uint32_t pid; /* 0: any */
    uint32_t reserved;
};
enum { WORLD_WATCH_WRITE = 1, WORLD_WATCH_READ = 2 };
struct odb_world_watch {
    uint64_t addr, n_bytes;
    uint32_t pid; /* 0: any */
    uint32_t kind;
};
enum {
    WORLD_CATCH_SYSCALLS = 1,
    WORLD_CATCH_SIGNALS = 2,
    WORLD_CATCH_TASKS = 4,
};
/* An end that is told when somebody runs again. */
struct odb_world_task_stop {
    struct odb_place by;
    uint32_t kind, tid, pid;
    int32_t status;
};

struct odb_world {
    _Atomic uint32_t turn;
    _Atomic uint32_t closing; /* the host kills it: new vessels end themselves */
    _Atomic uint32_t n_ready;
    _Atomic uint32_t answer; /* futex: a request was done */
    uint32_t number;
    uint32_t n_vessels, n_tasks, n_objects;
    uint32_t n_resized; /* changes of an object's size */
    uint32_t next_vm;
    uint32_t n_files; /* highest id + 1 */
    int32_t request_result;
    uint64_t request_addr, request_bytes;

    uint64_t offset;  /* of the stream: valid while the turn is passed on */
    uint64_t ordinal; /* of the next SYSCALL, INSN, FAULT or SIGNAL event, from 0 */
    uint64_t cpu_ns;  /* used by vessels that are gone */
    /* What the host wants. */
    uint32_t to_pos, to_event, hook, log_begun;
    uint32_t want_tid, first_pid;
    uint64_t want_tick, want_rip, want_event;
    uint32_t to_run, stops_on, steps_on, last_on; /* ODB_RUN_* */
    uint32_t steps_tid, here;
    uint64_t want_run, steps_left, steps_done;
    /* Counts up when a thread begins to run, and at execve; 1 is the first. */
    uint64_t run_number;
    struct odb_place stepped; /* the last instruction that counted as a step */
    /* Breaks sorted by address, and watches, are in force in runs with ODB_RUN_STOPS. Each vessel compares stops_version with
     * what it has translated for when it gets the turn or a RUN. */
    uint32_t stops_version, n_breaks, n_watches, catch_;
    uint64_t pass_signals;         /* common/sigset.h: never SIGNAL */
    uint64_t catch_syscalls[8];    /* bit nr */
    uint32_t n_task_stops, branch; /* branch: free of the recording */
    struct odb_world_task_stop task_stops[WORLD_MAX_TASK_STOPS];
    int32_t first_status; /* of the first process, when first_ended */
    uint32_t first_ended;
    char refusal[160]; /* text of a NOTE that says why recording stopped */

    struct odb_world_vessel vessels[WORLD_MAX_VESSELS];
    struct odb_world_task tasks[WORLD_MAX_TASKS];
    struct odb_world_object objects[WORLD_MAX_OBJECTS];
    struct odb_world_file files[WORLD_MAX_FILES];
    struct odb_world_break breaks[WORLD_MAX_BREAKS];
    struct odb_world_watch watches[WORLD_MAX_WATCHES];
};
_Static_assert(sizeof(struct odb_world) <= ODB_SHARED_BYTES, "a world fits");

#endif
