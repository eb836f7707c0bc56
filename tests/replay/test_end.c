/* test_end DIR N: sought from N events of it, the end of a recording is the same place with the same registers, also
 * when another thread or process than the one that ends it was running there, and was the last that the host has seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replayer/timeline.h"

static int n_failed;

static void failed(struct odb_err *e, const char *what)
{
    if (!e)
        return;
    printf("%s: %s\n", what, odb_err_text(e));
    odb_err_free(e);
    n_failed++;
}

/* The end from event n (0: from the start), in a timeline of its own. */
static void end_from(const char *dir, uint64_t n, struct place *ret, struct odb_regs *ret_regs)
{
    struct timeline *tl;
    struct odb_err *e = timeline_open(dir, &tl);
    failed(e, "open");
    if (e)
        return;
    if (n)
        failed(timeline_seek_event(tl, n), "seek to an event");
    failed(timeline_seek_end(tl), "seek to the end");
    *ret = timeline_where(tl);
    if (timeline_world(tl))
        *ret_regs = replay_where(timeline_world(tl))->regs;
    timeline_close(tl);
}

int main(int argc, char **argv)
{
    struct place end = {0};
    struct odb_regs regs;
    memset(&regs, 0, sizeof(regs));
    if (argc < 3)
        return 2;
    uint64_t n_from = strtoull(argv[2], NULL, 0);
    end_from(argv[1], 0, &end, &regs);
    for (uint64_t i = 1; i <= n_from && n_failed < 5; i++) {
        uint64_t n = end.event * i / n_from;
        struct place p = {0};
        struct odb_regs r;
        memset(&r, 0, sizeof(r));
        end_from(argv[1], n, &p, &r);
        if (place_compare(&p, &end) == 0 && p.tid == end.tid && p.pid == end.pid &&
            !memcmp(&r, &regs, sizeof(r)))
            continue;
        printf("from event %" PRIu64 " the end is event %" PRIu64 " of thread %u, tick %" PRIu64
               "; from the start event %" PRIu64 " of thread %u, tick %" PRIu64 "\n",
               n, p.event, (unsigned)p.tid, p.tick, end.event, (unsigned)end.tid, end.tick);
        n_failed++;
    }
    printf("the end: event %" PRIu64 " of thread %u, %d failures\n", end.event, (unsigned)end.tid, n_failed);
    return n_failed != 0;
}
