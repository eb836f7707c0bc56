/* What a case of the oracle test builds its arguments from: memory whose every change is seen.
 *
 * The whole arena is filled with one byte pattern before the case builds its arguments. What a case
 * allocates is a piece of it with a gap of pattern on both sides. After the call every changed byte of the
 * arena was changed by the kernel. */
#ifndef ODB_TESTS_MODEL_ARENA_H
#define ODB_TESTS_MODEL_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ARENA_BYTES = 1 << 17, ARENA_GAP = 600 };

struct run {
    long nr;
    uint64_t args[6];
    int fds[16]; /* to be closed after the run */
    unsigned n_fds;
    void (*after)(struct run *r); /* further cleaning up */
    uint64_t extra;               /* for `after` */
    bool unfit;                   /* the case cannot run here */
};

extern struct run *arena_run; /* the run under construction */

/* Borrowed until the next run. `put` copies n bytes in. Both are aligned to 8. */
void *arena_out(size_t n_bytes);
void *arena_put(const void *from, size_t n_bytes);

/* The last n bytes of the arena: the memory behind them is not there. */
void *arena_edge(size_t n_bytes);

/* Remembers the descriptor for closing; a negative one makes the case unfit. */
int arena_fd(long fd);

#define OUT(n) arena_out(n)
#define PUT(...) arena_put(&(__VA_ARGS__), sizeof(__VA_ARGS__))
#define INT(v) PUT((int){v})
#define LONG(v) PUT((long){v})
#define TIMESPEC(sec, nsec) PUT((struct timespec){sec, nsec})
#define FD(expr) arena_fd(expr)
#define NEED(cond)           \
    do {                     \
        if (!(cond)) {       \
            r->unfit = true; \
            return;          \
        }                    \
    } while (0)

#define CALL_ARG(x) ((uint64_t)(uintptr_t)(x))
#define CALL6(n, a, b, c, d, e, f, ...)                                       \
    do {                                                                      \
        r->nr = (n);                                                          \
        const uint64_t call_args[] = {CALL_ARG(a), CALL_ARG(b), CALL_ARG(c),  \
                                      CALL_ARG(d), CALL_ARG(e), CALL_ARG(f)}; \
        __builtin_memcpy(r->args, call_args, sizeof(call_args));              \
    } while (0)
#define CALL(...) CALL6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif
