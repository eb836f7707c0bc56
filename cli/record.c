/* odb record: runs a program and records it. Its exit status is the program's; it prints nothing of its own,
 * but for one closing line where stderr is a terminal.
 *
 * Options that the manual page does not have are for the project's own tests and benchmarks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "recorder/record.h"

static struct odb_err *parse_choice(const char *option, const char *value, const char *const *names,
                                    uint32_t n, uint32_t *ret)
{
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(value, names[i]) == 0) {
            *ret = i;
            return NULL;
        }
    }
    return cli_usage("%s is %s, %s%s%s, not '%s'", option, names[0], names[1], n > 2 ? " or " : "",
                     n > 2 ? names[2] : "", value);
}

struct odb_err *cli_parse_record(int argc, char **argv, struct cli_record_args *ret)
{
    struct cli_record_args args = {.policy = ODB_CPU_V3};
    const char *cpu = "v3", *preload = "auto";
    const struct cli_option options[] = {
        {.name = "output", .letter = 'o', .value = &args.dir},
        {.name = "cpu", .value = &cpu},
        {.name = "preload", .value = &preload},
        {.name = "check", .flag = &args.check},
        {.name = "bare", .flag = &args.bare},
        {.name = "stats", .flag = &args.stats},
        {.name = "no-vector-ticks", .flag = &args.no_vector_ticks},
        {.name = "no-superblocks", .flag = &args.no_superblocks},
    };
    ODB_TRY(cli_parse_options(options, sizeof(options) / sizeof(options[0]), CLI_OPTIONS_FIRST, &argc, argv));

    static const char *const policies[] = {"v3", "host"}, *const starts[] = {"auto", "never", "always"};
    uint32_t policy = 0, start = 0;
    ODB_TRY(parse_choice("--cpu", cpu, policies, 2, &policy));
    ODB_TRY(parse_choice("--preload", preload, starts, 3, &start));
    args.policy = policy ? ODB_CPU_HOST : ODB_CPU_V3;
    args.preload = start;
    if (args.dir && !*args.dir)
        return cli_usage("-o needs a folder's name");
    if (argc < 2 || !*argv[1])
        return cli_usage("record needs a program to run");
    args.program = argv + 1;
    *ret = args;
    return NULL;
}

int cli_exit_status(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

struct odb_err *cli_record(int argc, char **argv, int *ret_status)
{
    struct cli_record_args args = {0};
    ODB_TRY(cli_parse_record(argc, argv, &args));
    odb_assert(args.program);
    struct cli_recording rec = {0};
    if (!args.bare)
        ODB_TRY(cli_new_recording(args.dir, args.program[0], &rec));
    const struct odb_record_options opt = {
        .argv = args.program,
        .dir = rec.dir,
        .cpu_policy = args.policy,
        .preload = (enum odb_preload_start)args.preload,
        .check = args.check,
        .bare = args.bare,
        .no_vector_ticks = args.no_vector_ticks,
        .no_superblocks = args.no_superblocks,
        .stats = args.stats,
        .cpu_core = -1,
    };
    int wait_status = 0;
    struct odb_err *e = odb_record(&opt, &wait_status);
    if (e && rec.dir)
        cli_discard_recording(&rec);
    else if (!e && rec.dir && isatty(STDERR_FILENO))
        fprintf(stderr, "odb: recorded in %s\n", rec.dir);
    *ret_status = cli_exit_status(wait_status);
    cli_recording_deinit(&rec);
    return e;
}
