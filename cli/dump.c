/* odb dump: a recording's events, one line each. */
#include <stdio.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "trace/trace.h"

struct odb_err *cli_dump(int argc, char **argv, int *ret_status)
{
    (void)ret_status;
    const char *arg = NULL;
    _cleanup_free_ char *dir = NULL;
    ODB_TRY(cli_parse_dir(argc, argv, NULL, NULL, &arg));
    ODB_TRY(cli_find_recording(arg, &dir));
    return trace_dump_all(dir, stdout);
}
