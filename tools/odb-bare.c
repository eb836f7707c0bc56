/* odb-bare: runs a program under the engine without recording it, to test and measure the translator alone.
 *
 *     odb-bare [--cpu host] [--memory-ticks] [--no-superblocks] [--preload] [--stats] [-o DIR] PROGRAM [ARG...]
 *
 * With -o it records into DIR (which must exist and be empty): the whole recorder without the odb command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "recorder/record.h"

int main(int argc, char **argv)
{
    struct odb_record_options opt = {
        .cpu_policy = ODB_CPU_V3, .bare = true, .preload = ODB_PRELOAD_NEVER, .cpu_core = -1};
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--cpu") == 0 && i + 1 < argc)
            opt.cpu_policy = strcmp(argv[++i], "host") == 0 ? ODB_CPU_HOST : ODB_CPU_V3;
        else if (strcmp(argv[i], "-o") == 0 && i + 1 < argc)
            opt.dir = argv[++i], opt.bare = false;
        else if (strcmp(argv[i], "--memory-ticks") == 0)
            opt.no_vector_ticks = true;
        else if (strcmp(argv[i], "--no-superblocks") == 0)
            opt.no_superblocks = true;
        else if (strcmp(argv[i], "--preload") == 0)
            opt.preload = ODB_PRELOAD_ALWAYS;
        else if (strcmp(argv[i], "--auto") == 0)
            opt.preload = ODB_PRELOAD_AUTO;
        else if (strcmp(argv[i], "--check") == 0)
            opt.check = true;
        else if (strcmp(argv[i], "--stats") == 0)
            opt.stats = true;
        else
            break;
    }
    if (i >= argc) {
        fprintf(stderr, "usage: odb-bare [OPTIONS] PROGRAM [ARG...]\n");
        return 2;
    }
    int status = 0;
    opt.argv = argv + i;
    struct odb_err *e = odb_record(&opt, &status);
    if (e) {
        fprintf(stderr, "odb-bare: %s\n", odb_err_text(e));
        odb_err_free(e);
        return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
