/* odb record: runs a program and records it. Its exit status is the program's; it prints nothing of its own,
 * but for one closing line where stderr is a terminal. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

struct odb_err *cli_parse_record(int argc, char **argv, struct cli_record_args *ret)
{
    const char *dir = NULL, *cpu = "v3";
    const struct cli_option options[] = {
        {.name = "output", .letter = 'o', .value = &dir},
        {.name = "cpu", .value = &cpu},
    };
    ODB_TRY(cli_parse_options(options, sizeof(options) / sizeof(options[0]), CLI_OPTIONS_FIRST, &argc, argv));
    uint32_t policy;
    if (strcmp(cpu, "v3") == 0)
        policy = ODB_CPU_V3;
    else if (strcmp(cpu, "host") == 0)
        policy = ODB_CPU_HOST;
    else
        return cli_usage("--cpu is v3 or host, not '%s'", cpu);
    if (dir && !*dir)
        return cli_usage("-o needs a folder's name");
    if (argc < 2 || !*argv[1])
        return cli_usage("record needs a program to run");
    *ret = (struct cli_record_args){.dir = dir, .policy = policy, .program = argv + 1};
    return NULL;
}
