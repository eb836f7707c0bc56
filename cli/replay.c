/* odb replay: runs a recording again. The same output, the same exit status; a difference or a damaged
 * recording is an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "replayer/replay.h"
#include "trace/trace.h"

static void replay_closep(struct replay **r) { replay_close(*r); }

/* What the stop of a run to the end means for the command. */
static struct odb_err *judge(const struct replay *r, const struct odb_stop *stop, int *ret_status)
{
    switch (stop->reason) {
    case ODB_STOP_END: {
        const char *damage = replay_damage(r);
        if (damage)
            return odb_err("replayed up to the last complete event (event %llu, tick %llu): %s",
                           (unsigned long long)stop->event, (unsigned long long)stop->tick, damage);
        if (stop->text[0])
            return odb_err("replayed up to event %llu, tick %llu: %s", (unsigned long long)stop->event,
                           (unsigned long long)stop->tick, stop->text);
        *ret_status = stop->status < 0 ? 128 - stop->status : stop->status & 255;
        return NULL;
    }
    case ODB_STOP_DIVERGED: {
        _cleanup_free_ char *text = replay_divergence_text(stop);
        return odb_err("%s", text ? text : "replay differs from the recording");
    }
    default:
        return odb_err("replay stopped: %s", stop->text[0] ? stop->text : "the recording cannot be replayed");
    }
}

/* ---- --from-checkpoint N%: for tests ---- */

static struct odb_err *count_positions(const char *dir, uint64_t *ret)
{
    struct trace_reader *t;
    const struct odb_event *ev;
    uint64_t offset, n = 0;
    ODB_TRY(trace_reader_open(dir, &t));
    for (;;) {
        struct odb_err *e = trace_reader_next(t, &ev, &offset);
        if (e || !ev) {
            trace_reader_close(t);
            *ret = n;
            return e;
        }
        n += ev->type == ODB_EV_SYSCALL || ev->type == ODB_EV_INSN || ev->type == ODB_EV_FAULT ||
             ev->type == ODB_EV_SIGNAL;
    }
}

/* Goes on in a checkpoint made behind that part of the events; what it was made of is closed. */
static struct odb_err *continue_in_copy(const char *dir, const char *percent, struct replay **r)
{
    char *end;
    unsigned long part = strtoul(percent, &end, 10);
    uint64_t n;
    const struct odb_stop *stop;
    if (end == percent || (*end && strcmp(end, "%") != 0) || part > 100)
        return cli_usage("--from-checkpoint takes a part of the recording, as 50%%, not '%s'", percent);
    ODB_TRY(count_positions(dir, &n));
    ODB_TRY(replay_run(*r, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = n * part / 100}, &stop));
    struct replay *copy;
    ODB_TRY(replay_checkpoint(*r, &copy));
    replay_close(*r);
    *r = copy;
    return NULL;
}

struct odb_err *cli_replay(int argc, char **argv, int *ret_status)
{
    bool check = false;
    const char *from_checkpoint = NULL;
    _cleanup_free_ char *dir = NULL;
    const struct cli_option options[] = {
        {.name = "check", .flag = &check},
        {.name = "from-checkpoint", .value = &from_checkpoint},
    };
    ODB_TRY(cli_parse_options(options, 2, CLI_OPTIONS_ANYWHERE, &argc, argv));
    if (argc > 2)
        return cli_usage("%s takes one recording, not also '%s'", argv[0], argv[2]);
    ODB_TRY(cli_find_recording(argc == 2 ? argv[1] : NULL, &dir));

    __attribute__((cleanup(replay_closep))) struct replay *r = NULL;
    const struct replay_options opt = {.out_fd = {-1, STDOUT_FILENO, STDERR_FILENO}, .check = check};
    ODB_TRY(replay_open(dir, &opt, &r));
    if (from_checkpoint)
        ODB_TRY(continue_in_copy(dir, from_checkpoint, &r));
    const struct odb_stop *stop;
    ODB_TRY(replay_run(r, NULL, &stop));
    ODB_TRY(judge(r, stop, ret_status));
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "odb: replayed %s\n", dir);
    return NULL;
}
