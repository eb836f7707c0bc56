/* odb replay: runs a recording again. The same output, the same exit status; a difference or a damaged
 * recording is an error. */
#include <stdio.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "replayer/replay.h"

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

struct odb_err *cli_replay(int argc, char **argv, int *ret_status)
{
    bool check = false;
    const char *arg = NULL;
    _cleanup_free_ char *dir = NULL;
    ODB_TRY(cli_parse_dir(argc, argv, "check", &check, &arg));
    ODB_TRY(cli_find_recording(arg, &dir));

    __attribute__((cleanup(replay_closep))) struct replay *r = NULL;
    const struct replay_options opt = {.out_fd = {-1, STDOUT_FILENO, STDERR_FILENO}, .check = check};
    ODB_TRY(replay_open(dir, &opt, &r));
    const struct odb_stop *stop;
    ODB_TRY(replay_run(r, NULL, &stop));
    ODB_TRY(judge(r, stop, ret_status));
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "odb: replayed %s\n", dir);
    return NULL;
}
